"""Scenarios → texts in every language → provisional labels → what differs."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
from psyche_kedro.pipelines.accounts import (
    account_node,
    beside,
    kept,
    rejected,
    written,
)
from psyche_kedro.pipelines.cedar.isolation.divergence import (
    isolate_scenarios,
    measure_divergence,
)
from psyche_kedro.pipelines.cedar.isolation.labelling import label_provisionally
from psyche_kedro.pipelines.cedar.isolation.pictures import prepare_pictures
from psyche_kedro.pipelines.cedar.isolation.scenarios import read_scenarios
from psyche_kedro.pipelines.cedar.isolation.translations import (
    check_translations,
    translate_scenarios,
)

ACCOUNT = (
    kept("pictures"),
    rejected("rejected_pictures", of="pictures"),
    kept("scenarios", by="modality"),
    rejected("rejected_scenarios", of="scenarios"),
    rejected("rejected_translations", of="scenario_texts"),
    kept("scenario_texts", by="origin"),
    rejected("rejected_texts", of="scenario_texts"),
    written("scenario_texts"),
    written("provisional_labels"),
    beside("provisional_labels", by="outcome"),
    beside("divergence", by="verdict"),
    beside("divergence", called="plurality_differs", by="plurality_differs"),
    kept("isolated_scenarios", by="modality"),
    rejected("rejected_by_isolation", of="isolated_scenarios"),
)


def create_pipeline() -> Pipeline:
    """Return the chapter."""
    return Pipeline(
        [
            *_read(),
            *_translated(),
            *_isolated(),
            account_node("cedar_isolation", ACCOUNT),
        ]
    )


def _named(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _read() -> list[Node]:
    return [
        Node(
            taking(prepare_pictures, picture_files="scenarios"),
            inputs={"picture_files": "cedar_files", "params": "params:cedar.pictures"},
            outputs=["pictures", "rejected_pictures"],
            name="prepare_pictures",
        ),
        Node(
            taking(read_scenarios, scenario_files="scenarios"),
            inputs={
                "scenario_files": "cedar_files",
                "pictures": "pictures",
                "packs": "language_packs",
                "params": "params:cedar.scenarios",
                "deduplication": "params:synthesis.deduplication",
            },
            outputs=["scenarios", "given_texts", "rejected_scenarios"],
            name="read_scenarios",
        ),
    ]


def _translated() -> list[Node]:
    return [
        Node(
            translate_scenarios,
            inputs={
                **_named("scenarios", "given_texts"),
                "packs": "language_packs",
                "translator": "cedar_translator",
                "params": "params:cedar.translation",
            },
            outputs=["translations", "rejected_translations"],
            name="translate_scenarios",
        ),
        Node(
            check_translations,
            inputs={
                **_named("scenarios", "translations"),
                "packs": "language_packs",
                "judge": "cedar_judge",
                "params": "params:cedar.translation",
            },
            outputs=["scenario_texts", "rejected_texts"],
            name="check_translations",
        ),
    ]


def _isolated() -> list[Node]:
    return [
        Node(
            label_provisionally,
            inputs={
                **_named("scenarios", "scenario_texts", "pictures"),
                "packs": "language_packs",
                "labellers": "cedar_labellers",
                "params": "params:cedar.labelling",
            },
            outputs="provisional_labels",
            name="label_provisionally",
        ),
        Node(
            measure_divergence,
            inputs={
                **_named("scenarios", "provisional_labels"),
                "packs": "language_packs",
                "labelling": "params:cedar.labelling",
                "params": "params:cedar.isolation",
            },
            outputs="divergence",
            name="measure_divergence",
        ),
        Node(
            isolate_scenarios,
            inputs=_named(
                "scenarios", "divergence", "rejected_translations", "rejected_texts"
            ),
            outputs=["isolated_scenarios", "rejected_by_isolation"],
            name="isolate_scenarios",
        ),
    ]
