"""Where a run ended up."""

import logging
from collections.abc import Iterator
from typing import Any

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from psyche_kedro.errors import ConfigurationError

_SOURCES = (
    "documents",
    "bank_questions",
    "posts",
    "public_samples",
    "public_questions",
)

_LOG = logging.getLogger(__name__)


class RunSummary:
    """Prints where a run ended up, and what it could not read."""

    def __init__(self) -> None:
        self._unread = "unreadable_sources"

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Choose the table that says what could not be read."""
        # Evaluation alone reads benchmarks and no other source.
        reads_all = "unreadable_sources" in pipeline.all_outputs()
        self._unread = "unreadable_sources" if reads_all else "unreadable_benchmarks"

    @hook_impl
    def after_node_run(self, outputs: dict[str, Any], catalog: DataCatalog) -> None:
        """Say how many sources could not be read; the table says which and why.

        Raises:
            ConfigurationError: If not one of them could.
        """
        unread = outputs.get(self._unread)
        if unread is None or unread.is_empty():
            return
        if self._unread == "unreadable_sources" and not any(_rows_of(catalog)):
            raise ConfigurationError(
                "Not one of the sources could be read: the tables unreadable_… name"
                " each with its reason; mend them, or name another root with `--params"
                " raw=…`."
            )
        counts = unread["reason"].value_counts(sort=True).iter_rows()
        _LOG.warning(
            "%d sources, or parts of them, could not be read (%s): %s names them.",
            unread.height,
            ", ".join(f"{reason} {count}" for reason, count in counts),
            catalog.get(self._unread)._filepath,
        )

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print the summary that the last chapter of either system wrote.

        Where none was among the run's, its tables: rows and places.
        """
        reports = {"report", "cedar_report"} & pipeline.all_outputs()
        if not reports:
            click.echo("\n".join(_tables(pipeline, catalog)))
        for report in reports:
            parts = catalog.get(report).parts
            click.echo(parts["summary"].load())
            click.echo(f"\nreport: {parts['html']._filepath}")


def _rows_of(catalog: DataCatalog) -> Iterator[int]:
    """Yield the rows of every table of sources; a runner may have made it elsewhere."""
    for table in map(catalog.get, _SOURCES):
        yield table.height() if table.exists() else 0


def _tables(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[str]:
    """Yield a line for each table that a run wrote, in the order of its nodes."""
    for name in dict.fromkeys(out for node in pipeline.nodes for out in node.outputs):
        table = catalog.get(name)
        if hasattr(table, "height") and table.exists():
            place = getattr(table, "_filepath", None) or table._path
            yield f"{name:<28}{table.height():>10,}  {place}"
