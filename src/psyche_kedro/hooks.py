"""What surrounds a run: it is checked before, recorded, and summed up after."""

import atexit
import dataclasses
import json
import logging
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psyche_kedro.configuration import ConfigurationError
from psyche_kedro.llm import ChatModelError
from psyche_kedro.llm.accounts import RUN_LEDGER, Tally

MLFLOW_VALUE_CHARS = 500

_LOG = logging.getLogger(__name__)


class ConfigurationCheck:
    """Stops a run whose configuration cannot work, before its first node.

    Kedro takes run-time parameters that no one declared in silence, and finds a missing
    key only after hours of nodes that did not need it.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse run-time parameters that no configuration file declares."""
        given = context.config_loader.runtime_params or {}
        if not given:
            return
        declared = set(_paths(_declared(context)))
        for path in _paths(given):
            if path not in declared:
                raise ConfigurationError(
                    f"No configuration declares the parameter '{path}': `--params` "
                    f"overrides {_nearest(path, declared)}."
                )

    # First: what stops here shall leave no run in MLflow, which would call it finished.
    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Ask every free input that can tell whether it is usable."""
        if faults := list(_unusable(pipeline, catalog)):
            raise ConfigurationError(" ".join(faults))


def _unusable(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[str]:
    for name in sorted(pipeline.inputs()):
        dataset = catalog.get(name)
        try:
            if hasattr(dataset, "check"):
                dataset.check()
        except (ChatModelError, DatasetError) as error:
            yield str(error)


def _declared(context: KedroContext) -> dict[str, Any]:
    loader = context.config_loader
    plain = OmegaConfigLoader(
        loader.conf_source, env=loader.env, **settings.CONFIG_LOADER_ARGS
    )
    return {**plain["globals"], **plain["parameters"]}


def _paths(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of every key, inner ones included."""
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")


def _nearest(path: str, declared: set[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for the message

    near = get_close_matches(path, declared, n=3, cutoff=0.5)
    roots = sorted(path for path in declared if "." not in path and path[0] != "_")
    return f"one of {', '.join(near or roots)}"


class RunRecord:
    """Adds to the MLflow run what kedro-mlflow leaves out.

    The git commit, typed parameters flattened, prompt digests, the rows of every table,
    the scores, the report; and KILLED instead of FINISHED after Ctrl-C.
    """

    def __init__(self) -> None:
        self._ended = False

    @hook_impl(trylast=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Log what the run is made of; end those before it whose process is gone."""
        import mlflow  # noqa: PLC0415 - dear to import

        from psyche_kedro.killed_runs import end_killed_runs, hold_lock  # noqa: PLC0415

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
        mlflow.set_tags({"git_commit": _git_commit(), "outcome": "interrupted"})
        mlflow.log_params(_flat_parameters(pipeline, catalog))
        mlflow.log_params(_prompt_digests(pipeline, catalog))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log the rows of a table, and what the scores say."""
        import mlflow  # noqa: PLC0415 - dear to import
        import polars as pl  # noqa: PLC0415 - every kedro command loads this module

        if mlflow.active_run() is None or not isinstance(data, pl.DataFrame):
            return
        # MLflow takes no @ in a name: one view of a dataset is written, so one is left.
        mlflow.log_metric(f"rows.{dataset_name.partition('@')[0]}", data.height)
        if dataset_name == "scores":
            mlflow.log_metrics(_score_metrics(data))

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Log the report, and say that the run completed."""
        import mlflow  # noqa: PLC0415 - dear to import

        self._ended = True
        if mlflow.active_run() is None:
            return
        mlflow.set_tag("outcome", "completed")
        for name in {"report_html", "report_md"} & pipeline.all_outputs():
            mlflow.log_artifact(str(catalog.get(name)._filepath))

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> None:
        """Say that the run failed; the error's class only, it may quote a row."""
        import mlflow  # noqa: PLC0415 - dear to import

        self._ended = True
        if mlflow.active_run() is not None:
            mlflow.set_tags({"outcome": "failed", "error": type(error).__name__})

    def _close(self) -> None:
        import mlflow  # noqa: PLC0415 - dear to import

        # A bare set_terminated is overwritten by MLflow's own atexit (tried).
        while not self._ended and mlflow.active_run() is not None:
            mlflow.end_run("KILLED")


class RowCounts:
    """Leaves the size of every table where Kedro-Viz shows it.

    Its own hook knows pandas only, and writes last: so does this one, after it.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, dict[str, int]] = {}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Note the size of a table."""
        import polars as pl  # noqa: PLC0415 - every kedro command loads this module

        if isinstance(data, pl.DataFrame):
            self._shapes[dataset_name] = {"rows": data.height, "columns": data.width}

    @hook_impl(hookwrapper=True)
    def after_pipeline_run(self) -> Iterator[None]:
        """Write the sizes, those of earlier runs kept."""
        path = Path(".viz/stats.json")
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        yield
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(known | self._shapes, indent=1), encoding="utf-8")


class ModelAccounts:
    """Says what a run's model calls came to, by role and task.

    Before the first node it leaves what is known of their cost (``estimate_basis``),
    after each node what they took (``model_calls``), so that the report can lay the two
    side by side; at the end it logs and prints the sums.
    """

    def __init__(self) -> None:
        self._context: KedroContext | None = None
        self._counted: dict[tuple[str, str], Tally] = {}
        self._sums: dict[tuple[str, str, str], Tally] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the context: the estimate reads the configuration of the models."""
        self._context = context

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Begin at zero: a session may run twice in one process."""
        RUN_LEDGER.clear()
        self._counted, self._sums = {}, {}
        if "estimate_basis" in pipeline.inputs() and self._context:
            from psyche_kedro.estimate_basis import read_basis  # noqa: PLC0415

            basis = read_basis(self._context)
            catalog.get("estimate_basis").save(basis.model_dump(mode="json"))

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
        import mlflow  # noqa: PLC0415 - dear to import

        metrics = RUN_LEDGER.metrics()
        if not metrics:
            return
        if mlflow.active_run() is not None:
            mlflow.log_metrics(metrics)
        click.echo(f"model calls\n{RUN_LEDGER.summary()}", err=True)


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


class RunSummary:
    """Prints where a run ended up, and what it could not read."""

    @hook_impl
    def after_node_run(self, outputs: dict[str, Any], catalog: DataCatalog) -> None:
        """Say how many sources could not be read; the table says which and why."""
        unread = outputs.get("unreadable_sources")
        if unread is None or unread.is_empty():
            return
        counts = unread["reason"].value_counts(sort=True).iter_rows()
        _LOG.warning(
            "%d sources, or parts of them, could not be read (%s): %s names them.",
            unread.height,
            ", ".join(f"{reason} {count}" for reason, count in counts),
            catalog.get("unreadable_sources")._filepath,
        )

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print the summary that the last chapter wrote."""
        if "report_summary" in pipeline.all_outputs():
            click.echo(catalog.load("report_summary"))
            click.echo(f"\nreport: {catalog.get('report_html')._filepath}")


def _git_commit() -> str:
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or "not a git checkout"


def _flat_parameters(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name in sorted(pipeline.inputs()):
        if name.startswith("params:"):
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
        flat[prefix] = str(value)[:MLFLOW_VALUE_CHARS]


def _prompt_digests(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    names = sorted(n for n in pipeline.inputs() if n.endswith("_prompt"))
    return {f"prompts.{n}": catalog.load(n).digest for n in names}


def _score_metrics(scores: Any) -> dict[str, float]:
    rows = scores.drop_nulls("value").iter_rows(named=True)
    path = ("role", "benchmark", "cell", "protocol", "metric")
    return {"score." + ".".join(row[p] for p in path): row["value"] for row in rows}
