"""The chapters of a run, each a run below it in MLflow."""

import time
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from psyche_kedro.hooks.row_counts import is_table
from psyche_kedro.pipelines.recording import recorded


class RunStages:
    """Leaves a nested run for each chapter, where a run has several.

    Chapters overlap, so they are written at the end: when each began and ended, how
    long its nodes took, how many rows its tables have.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._begun: dict[str, int] = {}
        self._spans: dict[str, list[tuple[int, int]]] = {}
        self._rows: dict[str, dict[str, float]] = {}

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Forget the run before."""
        self._forget()

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Note when a node began."""
        self._begun[node.name] = _now()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Note when it ended."""
        span = self._begun.pop(node.name, _now()), _now()
        self._spans.setdefault(node.namespace or "", []).append(span)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Note the rows of a table."""
        if is_table(data):
            chapter = self._rows.setdefault(node.namespace or "", {})
            chapter[f"rows.{dataset_name}"] = float(data.height)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Write the chapters."""
        self._write("FINISHED")

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Write them; which one failed is seen where its nodes end."""
        self._write("FAILED")

    @recorded
    def _write(self, status: str) -> None:
        import mlflow  # noqa: PLC0415 - dear to import
        from mlflow.entities import Metric  # noqa: PLC0415

        parent = mlflow.active_run()
        if parent is None or len(self._spans) < 2:  # noqa: PLR2004 - several
            return
        client = mlflow.MlflowClient()
        for chapter, spans in self._spans.items():
            begun, ended = min(b for b, _ in spans), max(e for _, e in spans)
            tags = {"mlflow.parentRunId": parent.info.run_id}
            stage = client.create_run(
                parent.info.experiment_id, begun, tags, run_name=chapter
            )
            seconds = sum(e - b for b, e in spans) / 1000
            figures = {"seconds": seconds, **self._rows.get(chapter, {})}
            metrics = [Metric(name, v, ended, 0) for name, v in figures.items()]
            client.log_batch(stage.info.run_id, metrics=metrics)
            client.set_terminated(stage.info.run_id, status, ended)


def _now() -> int:
    """Return milliseconds, as MLflow counts them."""
    return round(time.time() * 1000)
