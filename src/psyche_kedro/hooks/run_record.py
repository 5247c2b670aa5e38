"""What kedro-mlflow leaves out of a run's record."""

import atexit
import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from psyche_kedro.files.project import git_commit
from psyche_kedro.hooks.row_counts import is_table
from psyche_kedro.pipelines.recording import recorded
from psyche_kedro.prompts import Prompt, Words

_MLFLOW_VALUE_CHARS = 500
PROMPTS = "params:prompts."
CARDS = "params:benchmarks"

_LOG = logging.getLogger(__name__)


class RunRecord:
    """Adds to the MLflow run what kedro-mlflow leaves out.

    The git commit, typed parameters flattened, prompt digests, the rows of every table,
    the scores, the report; and KILLED instead of FINISHED after Ctrl-C.
    """

    def __init__(self) -> None:
        self._ended = True

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """End the run that Ctrl-C left open in a notebook: the next is another."""
        self._close()

    @hook_impl(trylast=True)
    @recorded
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Log what the run is made of; end those before it whose process is gone."""
        import mlflow  # noqa: PLC0415 - dear to import

        from psyche_kedro.hooks.killed_runs import end_killed_runs, hold_lock  # noqa: PLC0415

        self._ended = False
        run = mlflow.active_run()
        if run is None:
            return
        hold_lock(run.info, Path(run_params["project_path"]))
        atexit.register(self._close)
        if ended := end_killed_runs(run.info):
            _LOG.info(
                "earlier runs ended as KILLED, for their processes are gone: %d", ended
            )
        mlflow.set_tags({"git_commit": git_commit(), "outcome": "interrupted"})
        mlflow.log_params(_flat_parameters(pipeline, catalog))
        mlflow.log_params(_prompt_digests(pipeline, catalog))

    @hook_impl
    @recorded
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log the rows of a table, and what the scores say."""
        import mlflow  # noqa: PLC0415 - dear to import

        if mlflow.active_run() is None or not is_table(data):
            return
        mlflow.log_metric(f"rows.{dataset_name}", data.height)
        if dataset_name == "scores":
            mlflow.log_metrics(_score_metrics(data))

    @hook_impl(tryfirst=True)
    @recorded
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Log the report, and say that the run completed."""
        import mlflow  # noqa: PLC0415 - dear to import

        self._ended = True
        if mlflow.active_run() is None:
            return
        mlflow.set_tag("outcome", "completed")
        if "report" in pipeline.all_outputs():
            _keep_report(catalog.get("report").parts)

    @hook_impl(tryfirst=True)
    @recorded
    def on_pipeline_error(self, error: Exception) -> None:
        """Say that the run failed; the error's class only, it may quote a row."""
        import mlflow  # noqa: PLC0415 - dear to import

        self._ended = True
        if mlflow.active_run() is not None:
            mlflow.set_tags({"outcome": "failed", "error": type(error).__name__})

    @recorded
    def _close(self) -> None:
        if self._ended:
            return
        import mlflow  # noqa: PLC0415 - dear to import

        # A bare set_terminated is overwritten by MLflow's own atexit (tried).
        while mlflow.active_run() is not None:
            mlflow.end_run("KILLED")
        self._ended = True


def _keep_report(parts: Mapping[str, Any]) -> None:
    """Log the report; where artifacts cannot be kept, the rest of the record is."""
    import mlflow  # noqa: PLC0415 - dear to import

    try:
        for name in ("html", "markdown"):
            mlflow.log_text(parts[name].load(), parts[name]._filepath.name)
    except Exception as error:
        _LOG.warning(
            "The report is not among the run's artifacts in MLflow (%s): it is at %s.",
            type(error).__name__,
            parts["html"]._filepath,
        )


def _flat_parameters(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name in sorted(pipeline.inputs()):
        # Prompts are recorded by their digests; kedro-mlflow logs those of cards.
        if name.startswith("params:") and not name.startswith((PROMPTS, CARDS)):
            _flatten(name.removeprefix("params:"), catalog.load(name), flat)
    return flat


def _flatten(prefix: str, value: Any, flat: dict[str, str]) -> None:
    if hasattr(value, "model_dump"):
        value = value.model_dump()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _flatten(f"{prefix}.{key}", inner, flat)
    else:
        flat[prefix] = str(value)[:_MLFLOW_VALUE_CHARS]


def _prompt_digests(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    names = sorted(n for n in pipeline.inputs() if n.startswith(PROMPTS))
    prompts = {n.removeprefix(PROMPTS): catalog.load(n) for n in names}
    digests = {}
    for name, prompt in prompts.items():
        # A prompt's digest is of its templates; the words are the same for all.
        if isinstance(prompt, Prompt):
            digests[f"prompts.{name}_prompt"] = prompt.digest
            digests["prompts.words_digest"] = prompt.words.digest
        elif isinstance(prompt, Words):
            digests["prompts.words_digest"] = prompt.digest
    return digests


def _score_metrics(scores: Any) -> dict[str, float]:
    rows = scores.drop_nulls("value").iter_rows(named=True)
    path = ("role", "benchmark", "cell", "protocol", "metric")
    return {"score." + ".".join(row[p] for p in path): row["value"] for row in rows}
