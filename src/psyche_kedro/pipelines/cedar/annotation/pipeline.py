"""Tasks → what people say → gold → the benchmark and its release."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
from psyche_kedro.pipelines.accounts import (
    account_node,
    beside,
    kept,
    rejected,
    withheld,
)
from psyche_kedro.pipelines.cedar.annotation.answers import read_annotations
from psyche_kedro.pipelines.cedar.annotation.batch import (
    export_adjudication,
    export_annotation_batch,
)
from psyche_kedro.pipelines.cedar.annotation.benchmark import assemble_benchmark
from psyche_kedro.pipelines.cedar.annotation.golds import (
    decide_ground_truth,
    weigh_annotators,
)
from psyche_kedro.pipelines.cedar.annotation.release import release_cedar
from psyche_kedro.pipelines.cedar.annotation.summary import summarise_annotation
from psyche_kedro.pipelines.cedar.annotation.tasks import deal_annotation_tasks

ACCOUNT = (
    beside("annotation_tasks", by="kind"),
    beside("annotations", by="kind"),
    beside("annotators", by="counted"),
    beside("ground_truth", by="decided_by"),
    kept("cedar_items", by="modality"),
    rejected("rejected_items", of="cedar_items"),
    withheld("withheld_items", by="reason"),
    beside("annotation_summary"),
)
_PACKS = {"packs": "language_packs", "params": "params:cedar.annotation"}
_SHOWN = ("scenarios", "scenario_texts", "pictures")


def create_pipeline() -> Pipeline:
    """Return the chapter."""
    account = account_node("cedar_annotation", ACCOUNT)
    return Pipeline([*_tasks(), *_golds(), *_benchmark(), account])


def _named(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _tasks() -> list[Node]:
    return [
        Node(
            deal_annotation_tasks,
            inputs={**_named("isolated_scenarios", "divergence"), **_PACKS},
            outputs="annotation_tasks",
            name="deal_annotation_tasks",
        ),
        Node(
            export_annotation_batch,
            inputs={**_named("annotation_tasks", *_SHOWN), "packs": "language_packs"},
            outputs="annotation_batch",
            name="export_annotation_batch",
        ),
        Node(
            taking(read_annotations, annotation_files="annotations"),
            inputs={
                "annotation_files": "cedar_files",
                "annotation_tasks": "annotation_tasks",
                "packs": "language_packs",
            },
            outputs="annotations",
            name="read_annotations",
        ),
    ]


def _golds() -> list[Node]:
    return [
        Node(
            weigh_annotators,
            inputs={**_named("annotations", "annotation_tasks"), **_PACKS},
            outputs="annotators",
            name="weigh_annotators",
        ),
        Node(
            decide_ground_truth,
            inputs={
                **_named("annotations", "annotators", "annotation_tasks"),
                **_PACKS,
            },
            outputs="ground_truth",
            name="decide_ground_truth",
        ),
        Node(
            export_adjudication,
            inputs={**_named("ground_truth", *_SHOWN), "packs": "language_packs"},
            outputs="adjudication_batch",
            name="export_adjudication",
        ),
        Node(
            summarise_annotation,
            inputs=_named(
                "annotation_tasks", "annotations", "annotators", "ground_truth"
            ),
            outputs="annotation_summary",
            name="summarise_annotation",
        ),
    ]


def _benchmark() -> list[Node]:
    return [
        Node(
            assemble_benchmark,
            inputs={
                **_named("isolated_scenarios", "scenario_texts", "ground_truth"),
                **_PACKS,
                "benchmark": "params:cedar.benchmark",
            },
            outputs=["cedar_items", "rejected_items"],
            name="assemble_benchmark",
        ),
        Node(
            release_cedar,
            inputs={
                **_named("cedar_items", "isolated_scenarios", "pictures"),
                **_named("annotations", "annotators", "annotation_summary"),
                "packs": "language_packs",
                "params": "params:cedar.release",
            },
            outputs=["cedar_release", "withheld_items"],
            name="release_cedar",
        ),
    ]
