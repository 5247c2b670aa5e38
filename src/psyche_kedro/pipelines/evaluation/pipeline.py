"""benchmark_items + models → predictions → judgements → scores.

``base``, ``sft`` and ``grpo`` are read as ``…@chat``, the other view of the folder that
training writes as ``…@checkpoint``: an edge of the graph. As a free input, Kedro would
be at liberty to evaluate before training.
"""

from typing import get_args

from kedro.pipeline import Node, Pipeline

from psyche_kedro.accounts import account_node, beside, written
from psyche_kedro.pipelines.evaluation.nodes import (
    answer_benchmarks_as,
    collect_predictions,
    judge_counselling,
    score_predictions,
    summarise_exams,
)
from psyche_kedro.pipelines.evaluation.parameters import Role

MODELS: dict[Role, str] = {
    "teacher": "teacher_model",
    "student_a": "student_a_model",
    "base": "base_model@chat",
    "sft": "sft_model@chat",
    "grpo": "grpo_model@chat",
}
ACCOUNT = (
    written("predictions"),
    written("judgements"),
    beside("exemplars", by="cell"),
    beside("exam_summary"),
    beside("scores"),
)
PROMPTS = ("exam_case", "exam_knowledge", "exam_direct", "essay", "counselling")


def create_pipeline() -> Pipeline:
    """Wire evaluation."""
    return Pipeline([*_exams(), *_scores(), account_node("evaluation", ACCOUNT)])


def _exams() -> list[Node]:
    return [
        Node(
            summarise_exams,
            inputs={"benchmark_items": "clean_benchmark_items"},
            outputs="exam_summary",
            name="summarise_exams",
        ),
        *(_answer_as(role) for role in get_args(Role)),
        Node(
            collect_predictions,
            inputs={role: f"predictions_{role}" for role in MODELS},
            outputs="predictions",
            name="collect_predictions",
        ),
    ]


def _answer_as(role: Role) -> Node:
    return Node(
        answer_benchmarks_as(role),
        inputs={
            "benchmark_items": "clean_benchmark_items",
            "exemplars": "exemplars",
            "model": MODELS[role],
            "params": "params:evaluation.protocols",
            "limit": "params:evaluation.limit",
            **{name: f"params:prompts.{name}" for name in PROMPTS},
        },
        outputs=f"predictions_{role}",
        name=f"answer_benchmarks_as_{role}",
    )


def _scores() -> list[Node]:
    return [
        Node(
            judge_counselling,
            inputs={
                "predictions": "predictions",
                "benchmark_items": "clean_benchmark_items",
                "prompt": "params:prompts.counselling_judge",
                "judge": "judge_model",
                "params": "params:evaluation.judging",
            },
            outputs="judgements",
            name="judge_counselling",
        ),
        Node(
            score_predictions,
            inputs={
                "predictions": "predictions",
                "judgements": "judgements",
                "benchmark_items": "clean_benchmark_items",
                "params": "params:evaluation.scores",
            },
            outputs="scores",
            name="score_predictions",
        ),
    ]
