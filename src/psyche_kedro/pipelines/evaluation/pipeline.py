"""benchmark_items + models → predictions → judgements → scores → report.

``base``, ``sft`` and ``grpo`` are read as ``…@chat``, the other view of the folder that
training writes as ``…@checkpoint``: an edge of the graph. As a free input, Kedro would
be at liberty to evaluate before training.
"""

from itertools import chain
from typing import get_args

from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines.evaluation import accounts
from psyche_kedro.pipelines.evaluation.nodes import (
    answer_benchmarks_as,
    collect_predictions,
    count_funnel,
    draw_funnel,
    draw_training,
    judge_counselling,
    list_rejections,
    list_writers,
    score_predictions,
    write_report,
)
from psyche_kedro.pipelines.evaluation.parameters import Role
from psyche_kedro.pipelines.evaluation.report import summarise_report
from psyche_kedro.pipelines.evaluation.sections import Corpus

MODELS: dict[Role, str] = {
    "teacher": "teacher_model",
    "student_a": "student_a_model",
    "base": "base_model@chat",
    "sft": "sft_model@chat",
    "grpo": "grpo_model@chat",
}
PROMPTS = ("exam_case", "exam_knowledge", "exam_direct", "essay", "counselling")


def create_pipeline() -> Pipeline:
    """Wire evaluation."""
    return Pipeline([*_exams(), *_scores(), *_accounts(), *_report()])


def _exams() -> list[Node]:
    return [
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
            **{name: f"{name}_prompt" for name in PROMPTS},
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
                "prompt": "counselling_judge_prompt",
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


def _accounts() -> list[Node]:
    staged = [*accounts.STAGES, *chain.from_iterable(accounts.STAGES.values())]
    return [
        Node(
            count_funnel,
            inputs={name: name for name in staged},
            outputs="funnel",
            name="count_funnel",
        ),
        Node(
            list_rejections,
            inputs={name: name for name in accounts.REJECTING},
            outputs="rejections",
            name="list_rejections",
        ),
        Node(
            list_writers,
            inputs={name: name for name in accounts.WRITTEN},
            outputs="writers",
            name="list_writers",
        ),
    ]


def _report() -> list[Node]:
    logs = {"sft_log": "sft_log", "grpo_log": "grpo_log"}
    told = ("scores", "funnel", "rejections", "writers", "exemplars", *Corpus._fields)
    params = {"params": "params:evaluation.report"}
    return [
        Node(
            write_report,
            inputs={n: n for n in told}
            | {
                "benchmark_items": "clean_benchmark_items",
                "posts": "clean_posts",
                "difficulty": "params:selection.difficulty",
            }
            | logs
            | params,
            outputs=["report_html", "report_md"],
            name="write_report",
        ),
        Node(
            summarise_report,
            inputs={"funnel": "funnel", "scores": "scores"},
            outputs="report_summary",
            name="summarise_report",
        ),
        Node(
            draw_funnel,
            inputs={"funnel": "funnel"},
            outputs="funnel_figure",
            name="draw_funnel",
        ),
        Node(
            draw_training,
            inputs={**logs, **params},
            outputs="training_figure",
            name="draw_training",
        ),
    ]
