"""benchmark_items + models → predictions → answers → judgements → scores.

Of ``base``, ``sft`` and ``grpo`` it asks the chat model; training writes the
checkpoint. They are one entry, and so an edge of the graph: as a free input, Kedro
would be at liberty to evaluate before training.
"""

from collections.abc import Mapping

import polars as pl
from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines.accounts import account_node, beside, written
from psyche_kedro.pipelines.evaluation.nodes import (
    answer_benchmarks,
    compare_readers,
    compare_replies,
    judge_counselling,
    read_answers,
    score_by_difficulty,
    score_predictions,
    show_answers,
    summarise_agreement,
    summarise_answers,
    summarise_exams,
    summarise_judgements,
    write_exam_papers,
    write_judging_batch,
    write_submissions,
)
from psyche_kedro.pipelines.evaluation.people import read_human_scores
from psyche_kedro.pipelines.wiring import wire

TRAINED = {"base": "base_model", "sft": "sft_model", "grpo": "grpo_model"}
ACCOUNT = (
    written("predictions"),
    written("judgements"),
    written("preferences"),
    beside("exemplars", by=pl.format("{}/{}", "benchmark", "cell")),
    beside("answers", by=pl.format("{}/{}", "reader", "outcome")),
    beside("answer_summary"),
    beside("judgement_summary"),
    beside("judge_agreement"),
    beside("reader_agreement"),
    beside("exam_summary"),
    beside("scores"),
    beside("score_differences"),
    beside("difficulty_scores", by="subset"),
    beside("shown_items"),
    beside("shown_answers"),
)
PROMPTS = ("exam_case", "exam_knowledge", "exam_direct", "essay", "counselling")

_ITEMS = {"benchmark_items": "clean_benchmark_items"}
_READ = _ITEMS | {"reading": "params:evaluation.reading"}
_MARKED = _READ | {"benchmarks": "params:benchmarks"}


def create_pipeline() -> Pipeline:
    """Wire evaluation."""
    account = account_node("evaluation", ACCOUNT)
    return Pipeline([*_exams(), *_answers(), *_judgements(), *_scores(), account])


def _exams() -> list[Node]:
    prompts = {name: f"params:prompts.{name}" for name in PROMPTS}
    return [
        wire(summarise_exams, "exam_summary", **_ITEMS),
        wire(
            write_exam_papers,
            "exam_papers",
            **_ITEMS,
            **prompts,
            params="params:evaluation.protocols",
            limit="params:evaluation.limit",
            benchmarks="params:benchmarks",
        ),
        answering_node(TRAINED, models="evaluated_models"),
    ]


def answering_node(trained: Mapping[str, str], **others: str) -> Node:
    """Return the node that asks models what stands in the exam papers.

    Args:
        trained: The datasets of models that training makes, by their roles.
        **others: Further inputs of ``answer_benchmarks``.
    """
    asked = {role: f"{model}/chat" for role, model in trained.items()}
    params = "params:evaluation.protocols"
    return wire(answer_benchmarks, "predictions", params=params, **asked, **others)


def _answers() -> list[Node]:
    params = "params:evaluation.reading"
    return [
        wire(read_answers, "answers", **_ITEMS, params=params),
        wire(summarise_answers, "answer_summary", params=params),
        wire(compare_readers, "reader_agreement", params=params),
        wire(
            show_answers,
            ["shown_items", "shown_answers"],
            **_READ,
            taught=f"{TRAINED['sft']}/taught",
            params="params:evaluation.shown",
            repeats="params:training.memorised",
        ),
        wire(write_submissions, "submissions", **_MARKED),
    ]


def _judgements() -> list[Node]:
    marked = _MARKED | {"params": "params:evaluation.judging"}
    judges = {"judges": "counselling_judges"}
    prompt = {"prompt": "params:prompts.counselling_judge"}
    return [
        wire(
            judge_counselling,
            "judgements",
            **marked,
            **judges,
            **prompt,
            rubric_prompt="params:prompts.rubric_judge",
        ),
        wire(
            compare_replies,
            "preferences",
            **marked,
            **judges,
            prompt="params:prompts.pairwise_judge",
        ),
        wire(write_judging_batch, "judging_batch", **marked, **prompt),
        wire(summarise_judgements, "judgement_summary"),
        wire(
            read_human_scores,
            "human_scores",
            judging_files="raw_files/judgings",
        ),
        wire(summarise_agreement, "judge_agreement"),
    ]


def _scores() -> list[Node]:
    marked = _MARKED | {"params": "params:evaluation.scores"}
    return [
        wire(
            score_predictions,
            ["scores", "score_differences"],
            **marked,
            selection="selection_account",
        ),
        wire(
            score_by_difficulty,
            "difficulty_scores",
            **marked,
            split="params:evaluation.split",
            difficulty="params:selection.difficulty",
        ),
    ]
