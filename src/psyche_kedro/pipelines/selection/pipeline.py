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
from psyche_kedro.pipelines.selection.nodes import (
    account_lengths,
    answer_as_students,
    audit_answer_keys,
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

EXAM = ("exam_case", "exam_knowledge")
_PUBLIC = ("empathetic_dialogues", "clean_public_samples", "exam_questions")

_PART = pl.col("detail").str.split(" ").list.first()
"""A rejected example's ``detail`` begins with the part it was meant for."""
_ANSWER = ("text", "prediction", "outcome")
_EXAMPLE = ("example_id", "part", "split")
_DIFFICULTY = ("n_students", "n_right", "pass_rate")
_BARRED = ("contamination_hits", "repeated_examples")
SETS = {
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
    return Pipeline(
        [
            *_answers(),
            *_overlap(),
            *_difficulty(),
            *_sets(),
            *_release(),
            account_node("selection", ACCOUNT),
        ]
    )


def _named(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _prompts(*names: str) -> dict[str, str]:
    return {name: f"params:prompts.{name}" for name in names}


def _answers() -> list[Node]:
    return [
        Node(
            answer_as_students,
            inputs={
                "reasoning_samples": "reasoning_samples",
                "prompt": "params:prompts.student",
                "models": "student_models",
                "params": "params:selection.students",
            },
            outputs="student_answers",
            name="answer_as_students",
        ),
        Node(
            refine_exam_questions,
            inputs={
                "clean_public_questions": "clean_public_questions",
                "prompt": "params:prompts.screening",
                "examples": "params:prompts.screening_examples",
                "judge": "judge_model",
                "params": "params:synthesis.deduplication",
            },
            outputs=["exam_questions", "rejected_exam_questions"],
            name="refine_exam_questions",
        ),
    ]


def _overlap() -> list[Node]:
    return [
        Node(
            choose_exemplars,
            inputs=_named("clean_benchmark_items")
            | {"params": "params:selection.exemplars"},
            outputs="exemplars",
            name="choose_exemplars",
        ),
        Node(
            decontaminate,
            inputs=_named("reasoning_samples", *_PUBLIC)
            | _named("clean_benchmark_items", "exemplars")
            | {"params": "params:selection.decontamination"},
            outputs="contamination_hits",
            name="decontaminate",
        ),
    ]


def _difficulty() -> list[Node]:
    return [
        Node(
            audit_answer_keys,
            inputs=_named("reasoning_samples", "student_answers")
            | {"params": "params:selection.audit"},
            outputs="answer_key_audit",
            name="audit_answer_keys",
        ),
        Node(
            split_by_difficulty,
            inputs=_named(
                "reasoning_samples",
                "student_answers",
                "contamination_hits",
                "answer_key_audit",
            )
            | {"params": "params:selection.difficulty"},
            outputs=["challenging", "non_challenging", "held_out_questions"],
            name="split_by_difficulty",
        ),
        Node(
            describe_difficulty,
            inputs=_named("challenging", "non_challenging", "student_answers")
            | {"params": "params:selection.difficulty"},
            outputs=["difficulty_summary", "student_agreement"],
            name="describe_difficulty",
        ),
    ]


def _sets() -> list[Node]:
    parts = ("challenging", "non_challenging", *_PUBLIC, "contamination_hits")
    return [
        Node(
            framed(find_repeated_examples),
            inputs=_named(*parts, "held_out_questions", "useful_posts")
            | SETS
            | {"deduplication": "params:synthesis.deduplication"},
            outputs="repeated_examples",
            name="find_repeated_examples",
        ),
        Node(
            build_sft_set,
            inputs=_named(
                "non_challenging",
                "rationale_rounds",
                "empathetic_dialogues",
                "clean_public_samples",
                *_BARRED,
            )
            | _prompts(*EXAM, "counselling", "knowledge")
            | SETS,
            outputs=["sft_set", "rejected_sft_examples"],
            name="build_sft_set",
        ),
        Node(
            build_grpo_set,
            inputs=_named("challenging", "exam_questions", *_BARRED)
            | _prompts(*EXAM)
            | SETS,
            outputs=["grpo_set", "rejected_grpo_examples"],
            name="build_grpo_set",
        ),
    ]


def _release() -> list[Node]:
    return [
        Node(
            account_lengths,
            inputs=_named("sft_set", "grpo_set")
            | {"params": "params:selection.lengths"},
            outputs="length_account",
            name="account_lengths",
        ),
        Node(
            summarise_sets,
            inputs=_named("sft_set", "grpo_set", "contamination_hits"),
            outputs=["set_summary", "contamination_summary"],
            name="summarise_sets",
        ),
        Node(
            framed(trace_examples),
            inputs=_named(
                "sft_set",
                "grpo_set",
                "reasoning_samples",
                "rationale_rounds",
                "useful_posts",
                *_PUBLIC,
            ),
            outputs="example_provenance",
            name="trace_examples",
        ),
        Node(
            write_release,
            inputs=_named(
                "sft_set", "grpo_set", "example_provenance", "contamination_hits"
            )
            | {"params": "params:selection.release"},
            outputs=["release", "withheld_examples"],
            name="write_release",
        ),
    ]
