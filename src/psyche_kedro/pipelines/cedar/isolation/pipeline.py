"""Scenarios → texts in every language → provisional labels → what differs."""

from kedro.pipeline import Pipeline

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
from psyche_kedro.pipelines.wiring import wire

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
    packs = {"packs": "language_packs"}
    return Pipeline(
        [
            wire(
                prepare_pictures,
                ["pictures", "rejected_pictures"],
                picture_files="cedar_files/scenarios",
                params="params:cedar.pictures",
            ),
            wire(
                read_scenarios,
                ["scenarios", "given_texts", "rejected_scenarios"],
                scenario_files="cedar_files/scenarios",
                **packs,
                params="params:cedar.scenarios",
                deduplication="params:synthesis.deduplication",
            ),
            wire(
                translate_scenarios,
                ["translations", "rejected_translations"],
                **packs,
                translator="cedar_translator",
                params="params:cedar.translation",
            ),
            wire(
                check_translations,
                ["scenario_texts", "rejected_texts"],
                **packs,
                judge="cedar_judge",
                params="params:cedar.translation",
            ),
            wire(
                label_provisionally,
                "provisional_labels",
                **packs,
                labellers="cedar_labellers",
                params="params:cedar.labelling",
            ),
            wire(
                measure_divergence,
                "divergence",
                **packs,
                labelling="params:cedar.labelling",
                params="params:cedar.isolation",
            ),
            wire(isolate_scenarios, ["isolated_scenarios", "rejected_by_isolation"]),
            account_node("cedar_isolation", ACCOUNT),
        ]
    )
