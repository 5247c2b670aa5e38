"""What the chapters say of themselves → funnel and report."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines.reporting.funnel import CHAPTERS
from psyche_kedro.pipelines.reporting.nodes import (
    collect_accounts,
    count_funnel,
    draw_funnel,
    draw_training,
    list_rejections,
    list_writers,
    write_report,
)

PARAMS = {"params": "params:reporting"}


def create_pipeline() -> Pipeline:
    """Wire the report."""
    return Pipeline([*_counts(), *_report(), *_figures()])


def _told(*chapters: str) -> dict[str, str]:
    return {chapter: f"{chapter}_account" for chapter in chapters}


def _named(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _counts() -> list[Node]:
    return [
        Node(
            collect_accounts,
            inputs=_told(*CHAPTERS),
            outputs="accounts",
            name="collect_accounts",
        ),
        Node(
            count_funnel,
            inputs=_named("accounts"),
            outputs="funnel",
            name="count_funnel",
        ),
        Node(
            list_rejections,
            inputs=_named("accounts"),
            outputs="rejections",
            name="list_rejections",
        ),
        Node(
            list_writers,
            inputs=_named("accounts"),
            outputs="writers",
            name="list_writers",
        ),
    ]


def _report() -> list[Node]:
    counts = ("accounts", "funnel", "rejections", "writers", "model_calls")
    return [
        Node(
            write_report,
            inputs=_named(*counts)
            | _told(*CHAPTERS, "ablation")
            | PARAMS
            | {
                "run_facts": "params:run_facts",
                "prompts": "params:prompts",
                "benchmarks": "params:benchmarks",
                "difficulty": "params:selection.difficulty",
            },
            outputs="report",
            name="write_report",
        ),
    ]


def _figures() -> list[Node]:
    return [
        Node(
            draw_funnel,
            inputs=_named("funnel"),
            outputs="funnel_figure",
            name="draw_funnel",
        ),
        Node(
            draw_training,
            inputs=_told("training") | PARAMS,
            outputs="training_figure",
            name="draw_training",
        ),
    ]
