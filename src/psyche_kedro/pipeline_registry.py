"""The paper, chapter by chapter.

``kedro run --pipeline=synthesis`` runs one chapter from what the chapters before it
saved. The chapters are listed by hand, in reading order, because this file is the
project's table of contents.
"""

from kedro.pipeline import Pipeline

from psyche_kedro.pipelines import (
    cleaning,
    evaluation,
    ingestion,
    reporting,
    selection,
    synthesis,
    training,
)

CHAPTERS = {
    "ingestion": ingestion,
    "cleaning": cleaning,
    "synthesis": synthesis,
    "selection": selection,
    "training": training,
    "evaluation": evaluation,
    "reporting": reporting,
}

_EXAMS = (
    "ingestion.read_benchmarks",
    "cleaning.clean_benchmark_items",
    "selection.choose_exemplars",
)
"""Nodes that evaluation takes along, so that benchmarks and models are all it needs."""


def register_pipelines() -> dict[str, Pipeline]:
    """Return every runnable pipeline by name.

    The chapters, then ``__default__``: all of them, from textbook page to report.
    """
    chapters = {
        name: _in_namespace(name, chapter.create_pipeline())
        for name, chapter in CHAPTERS.items()
    }
    # Kedro keeps a node that two pipelines share once in their sum.
    everything = sum(chapters.values(), Pipeline([]))
    chapters["evaluation"] += everything.filter(node_names=_EXAMS)
    return chapters | {"__default__": everything}


def _in_namespace(name: str, pipeline: Pipeline) -> Pipeline:
    """Fold a chapter into one box in Kedro-Viz, its datasets keeping their names."""
    return Pipeline(pipeline, namespace=name, prefix_datasets_with_namespace=False)
