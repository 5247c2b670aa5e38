"""A run says what it is made of, and when a table that it reads has been overtaken."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.project import git_commit
from psyche_kedro.hooks.configuration import over
from psyche_kedro.hooks.configuration_check import free_inputs
from psyche_kedro.hooks.lineage import Ledger, Lineage, Run
from psyche_kedro.parameters import flat
from psyche_kedro.pipelines.recording import recorded

_LEDGER = "lineage"
_FACTS = "params:run_facts"
_VALUE_CHARS = 60

_LOG = logging.getLogger(__name__)


class LineageCheck:
    """Holds the tables that a run reads against what they were made from.

    With ``freshness: refuse`` a stale one stops the run before its first node. The
    report gets what is stale, and what the run is, as ``run_facts``.
    """

    def __init__(self) -> None:
        self._context: KedroContext | None = None
        self._lineage: tuple[Lineage, Ledger] | None = None
        self._saved: dict[str, Node] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the context: it knows what differs from ``conf/base``."""
        self._context = context

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Say what is stale among what the run reads.

        Raises:
            ConfigurationError: If something is, and ``freshness`` is ``refuse``.
        """
        self._saved, self._lineage = {}, None
        if _LEDGER not in catalog or self._context is None:
            return
        ledger = read_ledger(catalog)
        lineage = Lineage(catalog, configured(self._context), ledger)
        stale = lineage.stale(pipeline.inputs())
        _tell(stale, catalog.load("params:freshness"))
        self._lineage = lineage, ledger
        self._run = Run(
            id=str(run_params["run_id"]),
            at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            commit=git_commit(),
        )
        if _FACTS in pipeline.inputs():
            facts = _facts(self._run, run_params, self._context, stale)
            catalog.get(_FACTS).save(facts)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Note what a node saved."""
        self._saved[dataset_name] = node

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Write what every dataset was made from."""
        self._record(pipeline, catalog)

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, catalog: DataCatalog) -> None:
        """Write it for the nodes that had saved all that they make."""
        nodes = {n for n in self._saved.values() if self._saved.keys() >= {*n.outputs}}
        try:
            self._record(Pipeline(nodes), catalog)
        except (DatasetError, OSError) as error:  # the run's own error is to be told
            _LOG.warning(
                "What the tables were made from was not noted (%s): tables of this run"
                " are held to be of an earlier one.",
                type(error.__cause__ or error).__name__,
            )

    def _record(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        if self._lineage is None:
            return
        lineage, ledger = self._lineage
        lineage.record(pipeline, self._run)
        _log_inputs(pipeline, catalog, lineage)
        catalog.get(_LEDGER).save(ledger.model_dump(mode="json"))


@recorded
def _log_inputs(pipeline: Pipeline, catalog: DataCatalog, lineage: Lineage) -> None:
    """Say in MLflow what files the run was made from, by name, place and digest."""
    import mlflow  # noqa: PLC0415 - dear to import
    from mlflow.data.code_dataset_source import CodeDatasetSource  # noqa: PLC0415
    from mlflow.data.meta_dataset import MetaDataset  # noqa: PLC0415

    if mlflow.active_run() is None:
        return
    for name, part in free_inputs(pipeline):
        whole = f"{name}/{part}" if part else name
        if name.startswith("params:") or not (version := lineage.version(whole)):
            continue
        source = CodeDatasetSource({"dataset": whole})
        mlflow.log_input(MetaDataset(source, name=whole, digest=version))


def read_ledger(catalog: DataCatalog) -> Ledger:
    """Return how what stands in the output root came to be.

    Raises:
        ConfigurationError: If the file that says so is damaged.
    """
    stored = catalog.get(_LEDGER)
    try:
        return Ledger(**(stored.load() if stored.exists() else {}))
    except (DatasetError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{stored._filepath} is damaged ({type(error).__name__}): delete it; what"
            " stands in the output root then counts as fresh until it is made again."
        ) from error


def _tell(stale: list[str], freshness: str) -> None:
    if freshness not in ("warn", "refuse"):
        raise ConfigurationError(
            f"The parameter 'freshness' is '{freshness}': write `warn` or `refuse`."
        )
    if stale and freshness == "refuse":
        raise ConfigurationError(
            f"{'; '.join(stale)}: run the chapters that write them again, or set"
            " `freshness: warn`."
        )
    for sentence in stale:
        _LOG.warning("stale: %s", sentence)


def configured(context: KedroContext) -> dict[str, Any]:
    """Return the parameters as configured, those of the command line included.

    ``context.params`` holds models in place of what the nodes of its own run take.
    """
    loader = context.config_loader
    return over(loader["parameters"], loader.runtime_params)


def _facts(
    run: Run, run_params: Mapping[str, Any], context: KedroContext, stale: list[str]
) -> Any:
    from psyche_kedro.pipelines.reporting.parameters import RunFacts  # noqa: PLC0415

    loader = context.config_loader
    given = {**loader["globals"], **loader.runtime_params}
    roots = {name: str(given[name]) for name in ("raw", "data")}
    return RunFacts(
        run=run.id,
        began=run.at,
        commit=run.commit,
        environment=str(run_params["env"] or loader.default_run_env),
        pipelines=tuple(run_params["pipeline_names"] or ["the whole chain"]),
        changed=tuple(_changed(loader, roots)),
        stale=tuple(stale),
        **roots,
    )


def _changed(loader: Any, roots: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the settings that are not those of ``conf/base``."""
    base = type(loader)(
        loader.conf_source,
        env=loader.base_env,
        runtime_params=dict(roots),
        **settings.CONFIG_LOADER_ARGS,
    )
    plain, given = _settings(base), _settings(loader)
    for key, value in given.items():
        if plain.get(key) != value:
            yield key, value if len(value) <= _VALUE_CHARS else "(long)"


def _settings(loader: Any) -> dict[str, str]:
    found = {**loader["globals"], **loader["parameters"], **loader.runtime_params}
    return {path: str(value) for path, value in flat(found)}
