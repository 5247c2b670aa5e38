"""benchmark_items + models → predictions → answers → judgements → scores.

Of ``base``, ``sft`` and ``grpo`` it asks the chat model; training writes the
checkpoint. They are one entry, and so an edge of the graph: as a free input, Kedro
would be at liberty to evaluate before training.
"""

from collections.abc import Mapping

import polars as pl
from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
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


def create_pipeline() -> Pipeline:
    """Wire evaluation."""
    account = account_node("evaluation", ACCOUNT)
    return Pipeline([*_exams(), *_answers(), *_judgements(), *_scores(), account])


def _exams() -> list[Node]:
    return [
        Node(
            summarise_exams,
            inputs={"benchmark_items": "clean_benchmark_items"},
            outputs="exam_summary",
            name="summarise_exams",
        ),
        Node(
            write_exam_papers,
            inputs={
                "benchmark_items": "clean_benchmark_items",
                "exemplars": "exemplars",
                "params": "params:evaluation.protocols",
                "limit": "params:evaluation.limit",
                "benchmarks": "params:benchmarks",
                **{name: f"params:prompts.{name}" for name in PROMPTS},
            },
            outputs="exam_papers",
            name="write_exam_papers",
        ),
        answering_node(TRAINED, models="evaluated_models"),
    ]


def answering_node(trained: Mapping[str, str], **others: str) -> Node:
    """Return the node that asks models what stands in the exam papers.

    Args:
        trained: The datasets of models that training makes, by their roles.
        **others: Further inputs of ``answer_benchmarks``.
    """
    return Node(
        taking(answer_benchmarks, **dict.fromkeys(trained, "chat")),
        inputs={
            "exam_papers": "exam_papers",
            "params": "params:evaluation.protocols",
            **others,
            **trained,
        },
        outputs="predictions",
        name="answer_benchmarks",
    )


def _answers() -> list[Node]:
    read = {name: name for name in ("predictions", "answers")}
    params = {"params": "params:evaluation.reading"}
    return [
        Node(
            read_answers,
            inputs={
                "predictions": "predictions",
                "benchmark_items": "clean_benchmark_items",
                **params,
            },
            outputs="answers",
            name="read_answers",
        ),
        Node(
            write_submissions,
            inputs={
                **read,
                "benchmark_items": "clean_benchmark_items",
                "benchmarks": "params:benchmarks",
                "reading": "params:evaluation.reading",
            },
            outputs="submissions",
            name="write_submissions",
        ),
        Node(
            summarise_answers,
            inputs=read | params,
            outputs="answer_summary",
            name="summarise_answers",
        ),
        Node(
            compare_readers,
            inputs=read | params,
            outputs="reader_agreement",
            name="compare_readers",
        ),
        Node(
            show_answers,
            inputs=read
            | {
                "benchmark_items": "clean_benchmark_items",
                "reading": "params:evaluation.reading",
                "params": "params:evaluation.shown",
            },
            outputs=["shown_items", "shown_answers"],
            name="show_answers",
        ),
    ]


def _judgements() -> list[Node]:
    return [
        Node(
            judge_counselling,
            inputs={
                "predictions": "predictions",
                "answers": "answers",
                "benchmark_items": "clean_benchmark_items",
                "benchmarks": "params:benchmarks",
                "prompt": "params:prompts.counselling_judge",
                "rubric_prompt": "params:prompts.rubric_judge",
                "judges": "counselling_judges",
                "reading": "params:evaluation.reading",
                "params": "params:evaluation.judging",
            },
            outputs="judgements",
            name="judge_counselling",
        ),
        *_beside_judges(),
        Node(
            summarise_judgements,
            inputs={"judgements": "judgements"},
            outputs="judgement_summary",
            name="summarise_judgements",
        ),
    ]


def _scores() -> list[Node]:
    read = {
        "predictions": "predictions",
        "answers": "answers",
        "benchmark_items": "clean_benchmark_items",
        "benchmarks": "params:benchmarks",
        "reading": "params:evaluation.reading",
        "params": "params:evaluation.scores",
    }
    return [
        Node(
            score_predictions,
            inputs=read
            | {"judgements": "judgements", "selection": "selection_account"},
            outputs=["scores", "score_differences"],
            name="score_predictions",
        ),
        Node(
            score_by_difficulty,
            inputs=read
            | {
                "split": "params:evaluation.split",
                "difficulty": "params:selection.difficulty",
            },
            outputs="difficulty_scores",
            name="score_by_difficulty",
        ),
    ]


def _beside_judges() -> list[Node]:
    judged = {
        "predictions": "predictions",
        "answers": "answers",
        "benchmark_items": "clean_benchmark_items",
        "benchmarks": "params:benchmarks",
        "reading": "params:evaluation.reading",
        "params": "params:evaluation.judging",
    }
    return [
        Node(
            compare_replies,
            inputs=judged
            | {
                "prompt": "params:prompts.pairwise_judge",
                "judges": "counselling_judges",
            },
            outputs="preferences",
            name="compare_replies",
        ),
        Node(
            write_judging_batch,
            inputs=judged | {"prompt": "params:prompts.counselling_judge"},
            outputs="judging_batch",
            name="write_judging_batch",
        ),
        Node(
            taking(read_human_scores, judging_files="judgings"),
            inputs={"judging_files": "raw_files", "judgements": "judgements"},
            outputs="human_scores",
            name="read_human_scores",
        ),
        Node(
            summarise_agreement,
            inputs={
                name: name for name in ("judgements", "preferences", "human_scores")
            },
            outputs="judge_agreement",
            name="summarise_agreement",
        ),
    ]
