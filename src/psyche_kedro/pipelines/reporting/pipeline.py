"""What the chapters say of themselves → funnel and report."""

from kedro.pipeline import Pipeline

from psyche_kedro.pipelines.reporting.figures import draw_funnel
from psyche_kedro.pipelines.reporting.funnel import (
    CHAPTERS,
    collect_accounts,
    count_funnel,
    list_rejections,
    list_writers,
)
from psyche_kedro.pipelines.reporting.nodes import draw_training, write_report
from psyche_kedro.pipelines.wiring import wire

PARAMS = "params:reporting"


def create_pipeline() -> Pipeline:
    """Wire the report."""
    told = {chapter: f"{chapter}_account" for chapter in CHAPTERS}
    return Pipeline(
        [
            wire(collect_accounts, "accounts", **told),
            wire(count_funnel, "funnel"),
            wire(list_rejections, "rejections"),
            wire(list_writers, "writers"),
            wire(
                write_report,
                "report",
                **told,
                ablation="ablation_account",
                params=PARAMS,
                run_facts="params:run_facts",
                prompts="params:prompts",
                benchmarks="params:benchmarks",
                difficulty="params:selection.difficulty",
            ),
            wire(draw_funnel, "funnel_figure"),
            wire(
                draw_training,
                "training_figure",
                training=told["training"],
                params=PARAMS,
            ),
        ]
    )
