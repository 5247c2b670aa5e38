"""What kedro-mlflow leaves out of a run's record."""

import atexit
import dataclasses
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from psyche_kedro.files.project import git_commit
from psyche_kedro.hooks.configuration_check import PROMPTS, free_datasets
from psyche_kedro.hooks.row_counts import is_table
from psyche_kedro.llm.accounts import this_command
from psyche_kedro.parameters import flat
from psyche_kedro.pipelines.recording import recorded
from psyche_kedro.prompts import Prompt, Words

_MLFLOW_VALUE_CHARS = 500
CARDS = "params:benchmarks"

_COUNTS = {"accounts", "exam_summary", "funnel", "rejections", "scores", "writers"}
"""Tables of counts and figures alone, which MLflow's pages can show."""

PROMPT_TEXTS = "prompts.json"
"""Artifact of the templates."""

_LOG = logging.getLogger(__name__)


class RunRecord:
    """Adds to the MLflow run what kedro-mlflow leaves out.

    The git commit, typed parameters flattened, prompt digests, the rows of every table,
    the scores, the report; and KILLED instead of FINISHED after Ctrl-C.
    """

    def __init__(self) -> None:
        self._ended = True
        self._place = ""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """End the run that Ctrl-C left open in a notebook: the next is another."""
        self._close()
        loader = context.config_loader
        data = str(loader.roots["data"])
        self._place = f"{loader.env or loader.default_run_env} · {data}"

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
        mlflow.set_tags(self._tags(run_params))
        # MLflow's pages open on the runs, and not on the traces of some of their calls.
        mlflow.set_experiment_tag("mlflow.experimentKind", "custom_model_development")
        mlflow.log_params(_models(pipeline, catalog))
        mlflow.log_params(_flat_parameters(pipeline, catalog))
        mlflow.log_params(_prompt_digests(pipeline, catalog))

    def _tags(self, run_params: Mapping[str, Any]) -> dict[str, str]:
        return {
            "git_commit": git_commit(),
            "outcome": "interrupted",
            "mlflow.runName": f"{_named(run_params)} · {self._place}",
            # kedro-mlflow leaves out --params and --env.
            "kedro_command": this_command().strip("`"),
        }

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
        made = pipeline.all_outputs()
        counts = {name: catalog.get(name) for name in sorted(_COUNTS & made)}
        report = catalog.get("report").parts if "report" in made else {}
        _keep(counts, report, _prompt_texts(pipeline, catalog))

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


def _named(run_params: Mapping[str, Any]) -> str:
    """Return the pipelines of a run in the order of the registry."""
    names = run_params["pipeline_names"] or ["__default__"]
    return ",".join(name for name in pipelines if name in names)


def _keep(
    counts: Mapping[str, Any], report: Mapping[str, Any], prompts: Mapping[str, str]
) -> None:
    """Log what people read; where artifacts cannot be kept, the rest of the record is.

    Args:
        counts: Datasets of tables by name.
        report: Datasets of its parts, where the run wrote one.
        prompts: Templates by name.
    """
    import mlflow  # noqa: PLC0415 - dear to import

    try:
        mlflow.log_text(json.dumps(prompts, ensure_ascii=False, indent=1), PROMPT_TEXTS)
        for name, table in counts.items():
            mlflow.log_text(table.load().write_csv(), f"tables/{name}.csv")
        for name in {"html", "markdown"} & report.keys():
            mlflow.log_text(report[name].load(), report[name]._filepath.name)
    except Exception as error:
        _LOG.warning(
            "Tables, prompts and report are not among the run's artifacts (%s): see"
            " that MLFLOW_ARTIFACT_ROOT, or data/mlartifacts, can be written.",
            type(error).__name__,
        )


def _models(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    """Return every model that the run asks and its URL."""
    return {
        f"{name}.{fact}": said
        for name, dataset in free_datasets(pipeline, catalog)
        for fact, said in getattr(dataset, "facts", dict)().items()
    }


def _flat_parameters(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    # Prompts are recorded by their digests; kedro-mlflow logs those of cards.
    given = {
        name.removeprefix("params:"): _plain(catalog.load(name))
        for name in sorted(pipeline.inputs())
        if name.startswith("params:") and not f"{name}.".startswith((PROMPTS, CARDS))
    }
    return {path: str(value)[:_MLFLOW_VALUE_CHARS] for path, value in flat(given)}


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def _prompts(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[tuple[str, Any]]:
    for name in sorted(n for n in pipeline.inputs() if n.startswith(PROMPTS)):
        yield name.removeprefix(PROMPTS), catalog.load(name)


def _prompt_texts(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    return {
        name: f"{prompt.system}\n{prompt.user}"
        for name, prompt in _prompts(pipeline, catalog)
        if isinstance(prompt, Prompt)
    }


def _prompt_digests(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    digests = {}
    for name, prompt in _prompts(pipeline, catalog):
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
