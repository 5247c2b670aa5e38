"""Benchmarks → every model's answers → scores → the report."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
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

ACCOUNT = (
    kept("given_items", by="benchmark"),
    rejected("rejected_given_items", of="given_items"),
    written("cedar_predictions"),
    beside("cedar_predictions", by="outcome"),
)
_TOLD = {
    "isolation": "cedar_isolation_account",
    "annotation": "cedar_annotation_account",
    "alignment": "cedar_alignment_account",
}


def create_pipeline() -> Pipeline:
    """Return the chapter."""
    account = account_node("cedar_alignment", ACCOUNT)
    return Pipeline([*_answers(), account, *_report()])


def _named(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _answers() -> list[Node]:
    return [
        Node(
            taking(read_given_benchmarks, benchmark_files="benchmarks"),
            inputs={
                "benchmark_files": "cedar_files",
                "packs": "language_packs",
                "params": "params:cedar.pictures",
            },
            outputs=["given_items", "given_pictures", "rejected_given_items"],
            name="read_given_benchmarks",
        ),
        Node(
            answer_items,
            inputs={
                **_named("cedar_items", "given_items", "pictures", "given_pictures"),
                "packs": "language_packs",
                "subjects": "cedar_subjects",
                "params": "params:cedar.alignment",
            },
            outputs="cedar_predictions",
            name="answer_items",
        ),
        Node(
            score_alignment,
            inputs={
                **_named("cedar_predictions", "cedar_items", "given_items"),
                "packs": "language_packs",
                "params": "params:cedar.alignment",
            },
            outputs=[
                "cedar_scores",
                "cedar_reference",
                "culture_matrix",
                "emotion_confusion",
                "model_pairs",
            ],
            name="score_alignment",
        ),
    ]


def _report() -> list[Node]:
    return [
        Node(
            count_cedar_funnel,
            inputs=_TOLD,
            outputs="cedar_funnel",
            name="count_cedar_funnel",
        ),
        Node(
            draw_dissociation,
            inputs=_named("cedar_scores", "cedar_reference"),
            outputs="dissociation_figure",
            name="draw_dissociation",
        ),
        Node(
            draw_culture_matrix,
            inputs=_named("culture_matrix"),
            outputs="culture_matrix_figure",
            name="draw_culture_matrix",
        ),
        Node(
            write_cedar_report,
            inputs={
                **_named("cedar_funnel", "cedar_scores", "cedar_reference"),
                **_named("culture_matrix", "model_pairs"),
                **_TOLD,
                "params": "params:cedar.alignment",
            },
            outputs="cedar_report",
            name="write_cedar_report",
        ),
    ]
