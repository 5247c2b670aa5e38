"""Benchmarks → every model's answers → scores → the report."""

from kedro.pipeline import Pipeline

from psyche_kedro.pipelines.accounts import (
    account_node,
    beside,
    kept,
    rejected,
    written,
)
from psyche_kedro.pipelines.cedar.alignment.answering import answer_items
from psyche_kedro.pipelines.cedar.alignment.figures import (
    draw_culture_matrix,
    draw_dissociation,
)
from psyche_kedro.pipelines.cedar.alignment.given import read_given_benchmarks
from psyche_kedro.pipelines.cedar.alignment.report import (
    count_cedar_funnel,
    write_cedar_report,
)
from psyche_kedro.pipelines.cedar.alignment.scoring import score_alignment
from psyche_kedro.pipelines.wiring import wire

ACCOUNT = (
    kept("given_items", by="benchmark"),
    rejected("rejected_given_items", of="given_items"),
    written("cedar_predictions"),
    beside("cedar_predictions", by="outcome"),
)


def create_pipeline() -> Pipeline:
    """Return the chapter."""
    packs = {"packs": "language_packs"}
    params = "params:cedar.alignment"
    chapters = ("isolation", "annotation", "alignment")
    told = {chapter: f"cedar_{chapter}_account" for chapter in chapters}
    return Pipeline(
        [
            wire(
                read_given_benchmarks,
                ["given_items", "given_pictures", "rejected_given_items"],
                benchmark_files="cedar_files/benchmarks",
                **packs,
                params="params:cedar.pictures",
            ),
            wire(
                answer_items,
                "cedar_predictions",
                **packs,
                subjects="cedar_subjects",
                params=params,
            ),
            wire(
                score_alignment,
                [
                    "cedar_scores",
                    "cedar_reference",
                    "culture_matrix",
                    "emotion_confusion",
                    "model_pairs",
                ],
                **packs,
                params=params,
            ),
            account_node("cedar_alignment", ACCOUNT),
            wire(count_cedar_funnel, "cedar_funnel", **told),
            wire(draw_dissociation, "dissociation_figure"),
            wire(draw_culture_matrix, "culture_matrix_figure"),
            wire(write_cedar_report, "cedar_report", **told, params=params),
        ]
    )
