"""Reasoning samples, dialogues and public sets → ``sft_set`` and ``grpo_set``."""

import polars as pl
from kedro.pipeline import Node, Pipeline

from psyche_kedro.partitions.parts import framed
from psyche_kedro.pipelines.accounts import (
    account_node,
    beside,
    kept,
    rejected,
    showing,
    withheld,
    written,
)
from psyche_kedro.pipelines.examples import QUESTION, WRITTEN
from psyche_kedro.pipelines.selection.difficulty import audit_answer_keys
from psyche_kedro.pipelines.selection.nodes import (
    account_lengths,
    answer_as_students,
    build_grpo_set,
    build_sft_set,
    choose_exemplars,
    decontaminate,
    describe_difficulty,
    find_repeated_examples,
    refine_exam_questions,
    split_by_difficulty,
    summarise_sets,
    trace_examples,
    write_release,
)
from psyche_kedro.pipelines.wiring import wire

_PART = pl.col("detail").str.split(" ").list.first()
"""A rejected example's ``detail`` begins with the part it was meant for."""
_ANSWER = ("text", "prediction", "outcome")
_EXAMPLE = ("example_id", "part", "split")
_DIFFICULTY = ("n_students", "n_right", "pass_rate")
_SETS = {
    "params": "params:selection.sets",
    "variant": "params:selection.variant",
    "decontamination": "params:selection.decontamination",
}

ACCOUNT = (
    showing(kept("exam_questions"), *QUESTION),
    rejected("rejected_exam_questions", of="exam_questions"),
    showing(kept("non_challenging"), *WRITTEN, *_DIFFICULTY),
    showing(kept("challenging"), *WRITTEN, *_DIFFICULTY),
    rejected("held_out_questions", of="challenging", node="split_by_difficulty"),
    showing(written("student_answers"), "question_id", "student", *_ANSWER),
    showing(
        kept("sft_set", by="part"),
        *(*_EXAMPLE, "messages"),
        only=pl.col("part") == "D_pr",
    ),
    showing(kept("grpo_set", by="part"), *_EXAMPLE, "prompt", "gold"),
    rejected("rejected_sft_examples", of="sft_set", by=_PART),
    rejected("rejected_grpo_examples", of="grpo_set", by=_PART),
    withheld("withheld_examples", by="detail"),
    beside(
        "answer_key_audit",
        by=pl.format("{} of {} students", "n_agreeing", "n_students"),
    ),
    beside("difficulty_summary"),
    beside("student_agreement"),
    beside("contamination_summary"),
    beside("set_summary"),
    beside("length_account"),
)


def create_pipeline() -> Pipeline:
    """Return §2.2 (question selection) and §2.4 (data split)."""
    account = account_node("selection", ACCOUNT)
    return Pipeline([*_answers(), *_difficulty(), *_sets(), account])


def _answers() -> list[Node]:
    return [
        wire(
            answer_as_students,
            "student_answers",
            prompt="params:prompts.student",
            models="student_models",
            params="params:selection.students",
        ),
        wire(
            refine_exam_questions,
            ["exam_questions", "rejected_exam_questions"],
            prompt="params:prompts.screening",
            examples="params:prompts.screening_examples",
            judge="judge_model",
            params="params:synthesis.deduplication",
        ),
        wire(choose_exemplars, "exemplars", params="params:selection.exemplars"),
    ]


def _difficulty() -> list[Node]:
    params = "params:selection.difficulty"
    return [
        wire(
            decontaminate,
            "contamination_hits",
            params="params:selection.decontamination",
        ),
        wire(audit_answer_keys, "answer_key_audit", params="params:selection.audit"),
        wire(
            split_by_difficulty,
            ["challenging", "non_challenging", "held_out_questions"],
            params=params,
        ),
        wire(
            describe_difficulty,
            ["difficulty_summary", "student_agreement"],
            params=params,
        ),
    ]


def _sets() -> list[Node]:
    exam = {name: f"params:prompts.{name}" for name in ("exam_case", "exam_knowledge")}
    return [
        wire(
            framed(find_repeated_examples),
            "repeated_examples",
            **_SETS,
            deduplication="params:synthesis.deduplication",
        ),
        wire(
            build_sft_set,
            ["sft_set", "rejected_sft_examples"],
            **_SETS,
            **exam,
            counselling="params:prompts.counselling",
            knowledge="params:prompts.knowledge",
        ),
        wire(build_grpo_set, ["grpo_set", "rejected_grpo_examples"], **_SETS, **exam),
        wire(account_lengths, "length_account", params="params:selection.lengths"),
        wire(summarise_sets, ["set_summary", "contamination_summary"]),
        wire(framed(trace_examples), "example_provenance"),
        wire(
            write_release,
            ["release", "withheld_examples"],
            params="params:selection.release",
        ),
    ]
