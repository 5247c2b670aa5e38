"""Psyche-R1 and CEDAR, chapter by chapter.

``kedro run --pipeline=synthesis`` runs one chapter from what the chapters before it
saved. The chapters are listed by hand, in reading order, because this file is the
project's table of contents. ``__default__`` is Psyche-R1; ``ablation`` trains the other
models of its tables, from what it saved; ``cedar`` is CEDAR.
"""

import re
from types import ModuleType

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psyche_kedro.pipelines import (
    ablation,
    cleaning,
    evaluation,
    ingestion,
    reporting,
    selection,
    synthesis,
    training,
)
from psyche_kedro.pipelines.cedar import alignment, annotation, isolation

CHAPTERS = {
    "ingestion": ingestion,
    "cleaning": cleaning,
    "synthesis": synthesis,
    "selection": selection,
    "training": training,
    "evaluation": evaluation,
    "reporting": reporting,
}

CEDAR = {
    "cedar_isolation": isolation,
    "cedar_annotation": annotation,
    "cedar_alignment": alignment,
}

_EXAMS = (
    "ingestion.read_benchmarks",
    "cleaning.clean_benchmark_items",
    "selection.choose_exemplars",
)
"""Nodes that evaluation takes along, so that benchmarks and models are all it needs."""


def register_pipelines() -> dict[str, Pipeline]:
    """Return every runnable pipeline by name.

    The chapters, then ``__default__``: all of them, from textbook page to report, and
    ``ablation``. Then the chapters of CEDAR, and ``cedar``.
    """
    chapters = _chapters(CHAPTERS)
    # Kedro keeps a node that two pipelines share once in their sum.
    everything = sum(chapters.values(), Pipeline([]))
    chapters["evaluation"] += everything.filter(node_names=_EXAMS)
    cedar = _chapters(CEDAR)
    whole = {
        "__default__": everything,
        "ablation": ablation.create_pipeline() + chapters["reporting"],
        "cedar": sum(cedar.values(), Pipeline([])),
    }
    return chapters | cedar | whole


def _chapters(contents: dict[str, ModuleType]) -> dict[str, Pipeline]:
    return {
        name: _in_namespace(name, chapter.create_pipeline())
        for name, chapter in contents.items()
    }


def _in_namespace(name: str, pipeline: Pipeline) -> Pipeline:
    """Fold a chapter into one box in Kedro-Viz, its datasets keeping their names."""
    tagged = Pipeline([node.tag(_tags(node)) for node in pipeline.nodes])
    return Pipeline(tagged, namespace=name, prefix_datasets_with_namespace=False)


def _tags(node: Node) -> list[str]:
    """Return by what a node can be found in Kedro-Viz, and run (``--tags=models``)."""
    traits = {
        "models": any(re.search(r"_models?$", name) for name in node.inputs),
        "prompts": any(name.startswith("params:prompts.") for name in node.inputs),
        "rejections": any(name.startswith("rejected_") for name in node.outputs),
    }
    return [tag for tag, holds in traits.items() if holds]
