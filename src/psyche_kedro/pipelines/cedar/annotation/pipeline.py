"""Tasks → what people say → gold → the benchmark and its release."""

from kedro.pipeline import Pipeline

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
from psyche_kedro.pipelines.wiring import wire

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


def create_pipeline() -> Pipeline:
    """Return the chapter."""
    packs = {"packs": "language_packs"}
    asked = packs | {"params": "params:cedar.annotation"}
    return Pipeline(
        [
            wire(deal_annotation_tasks, "annotation_tasks", **asked),
            wire(export_annotation_batch, "annotation_batch", **packs),
            wire(
                read_annotations,
                "annotations",
                annotation_files="cedar_files/annotations",
                **packs,
            ),
            wire(weigh_annotators, "annotators", **asked),
            wire(decide_ground_truth, "ground_truth", **asked),
            wire(export_adjudication, "adjudication_batch", **packs),
            wire(summarise_annotation, "annotation_summary"),
            wire(
                assemble_benchmark,
                ["cedar_items", "rejected_items"],
                **asked,
                benchmark="params:cedar.benchmark",
            ),
            wire(
                release_cedar,
                ["cedar_release", "withheld_items"],
                **packs,
                params="params:cedar.release",
            ),
            account_node("cedar_annotation", ACCOUNT),
        ]
    )
