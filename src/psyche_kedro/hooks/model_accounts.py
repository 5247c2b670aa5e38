"""What a run's model calls came to."""

import tempfile
from pathlib import Path
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psyche_kedro.llm.accounts import RUN_LEDGER, Tally
from psyche_kedro.pipelines.recording import recorded

_BASIS = "params:estimate_basis"


class ModelAccounts:
    """Says what a run's model calls came to, by role and task.

    Before the first node it sets what is known of their cost (``estimate_basis``),
    after each node what they took (``model_calls``), so that the report can lay the two
    side by side; at the end it logs and prints the sums.
    """

    def __init__(self) -> None:
        self._context: KedroContext | None = None
        self._counted: dict[tuple[str, str], Tally] = {}
        self._sums: dict[tuple[str, str, str], Tally] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the context: the estimate reads the configuration of the models."""
        self._context = context

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Begin at zero: a session may run twice in one process."""
        RUN_LEDGER.clear()
        self._counted, self._sums = {}, {}
        if "Parallel" in str(run_params.get("runner")):
            self._folder = tempfile.TemporaryDirectory(prefix="psyche-kedro-")
            RUN_LEDGER.share(Path(self._folder.name) / "ledger.sqlite")
        if _BASIS in pipeline.inputs() and self._context:
            from psyche_kedro.hooks.estimate_basis import read_basis  # noqa: PLC0415

            catalog.get(_BASIS).save(read_basis(self._context))

    @hook_impl
    def after_node_run(self, node: Node, catalog: DataCatalog) -> None:
        """Write what the calls took so far."""
        self._account(node, catalog)

    @hook_impl
    def on_node_error(self, node: Node, catalog: DataCatalog) -> None:
        """Write it: what was answered is paid for all the same."""
        self._account(node, catalog)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Log and print the sums."""
        self._report()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Log and print the sums: what was answered is paid for all the same."""
        self._report()

    def _account(self, node: Node, catalog: DataCatalog) -> None:
        # Alone: other processes of the run write the same table.
        with RUN_LEDGER.alone():
            if "model_calls" not in catalog:
                return
            table = catalog.get("model_calls")
            if self._count(node.namespace or "") or not table.exists():
                self._write(table)

    def _count(self, chapter: str) -> bool:
        """Put what is new in the ledger to ``chapter``; return whether there was any.

        Two chapters may share the name of a task.
        """
        tallies = RUN_LEDGER.tallies()
        news = {
            (chapter, *key): tally.since(self._counted.get(key, Tally()))
            for key, tally in tallies.items()
            if tally != self._counted.get(key)
        }
        for name, new in news.items():
            self._sums.setdefault(name, Tally()).add(new)
        self._counted = tallies
        return bool(news)

    def _write(self, table: Any) -> None:
        """Write the calls of this run over those of earlier ones to the same task."""
        import polars as pl  # noqa: PLC0415 - every kedro command loads this module

        from psyche_kedro.tables import ModelCalls, frame  # noqa: PLC0415

        keys = ["chapter", "role", "task"]
        rows = frame(ModelCalls, (_calls(*item) for item in self._sums.items()))
        if table.exists():
            earlier = table.load()
            rows = pl.concat([rows, earlier.join(rows, keys, how="anti")])
        table.save(rows.sort(keys))

    def _report(self) -> None:
        RUN_LEDGER.gather()
        if self._folder:
            self._folder.cleanup()
        if metrics := RUN_LEDGER.metrics():
            _log(metrics)
            click.echo(f"model calls\n{RUN_LEDGER.summary()}", err=True)


@recorded
def _log(metrics: dict[str, float]) -> None:
    import mlflow  # noqa: PLC0415 - dear to import

    if mlflow.active_run() is not None:
        mlflow.log_metrics(metrics)


def _calls(key: tuple[str, str, str], tally: Tally) -> dict[str, Any]:
    chapter, role, task = key
    return {
        "chapter": chapter,
        "role": role,
        "task": task,
        "calls": tally.calls - tally.hedges + tally.stored,
        "stored": tally.stored,
        "failures": tally.failures,
        "input_tokens": tally.input_tokens + tally.stored_input_tokens,
        "output_tokens": tally.output_tokens + tally.stored_output_tokens,
        "money": tally.money,
    }
