"""A run is checked before its first node."""

import logging
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import polars as pl
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines, settings
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline
from kedro.validation.core import resolve_validator
from kedro.validation.exceptions import ValidationConfigurationError

from psyche_kedro.datasets.bundle_dataset import parts_taken
from psyche_kedro.errors import ConfigurationError, PsycheError
from psyche_kedro.files.project import in_project
from psyche_kedro.files.roots import is_remote
from psyche_kedro.hooks.lineage import OF_A_RUN

PROMPTS = "params:prompts."
_RAW = "raw_files"
_NEAR = 0.9
"""Of difflib's likeness: a letter too few or too many, or two that changed places."""
_LOG = logging.getLogger(__name__)


class ConfigurationCheck:
    """Stops a run whose configuration cannot work, before its first node.

    Kedro takes run-time parameters that no one declared in silence, and finds a missing
    key only after hours of nodes that did not need it.
    """

    def __init__(self) -> None:
        self._root = self._raw = ""
        self._flat: frozenset[str] = frozenset()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse run-time parameters that no configuration file declares."""
        roots = context.config_loader.roots
        self._root, self._raw = str(roots["data"]), str(roots["raw"])
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
        """Ask every dataset that can tell whether it can be read, or written."""
        _check_writable(self._root)
        _check_validators(pipeline, catalog)
        _tell_of_misspelt(catalog)
        for name in sorted(pipeline.all_outputs()):
            written = catalog.get(name)
            if hasattr(written, "check_save"):
                written.check_save()
        _check_no_place_twice(pipeline, catalog)
        self._flat = frozenset(_flat(pipeline, catalog))
        # One model may stand in several entries, and several may say the same.
        said = [*_unusable(pipeline, catalog), *_missing(pipeline, catalog)]
        if faults := dict.fromkeys(said):
            if _RAW in pipeline.inputs():
                _check_there(self._raw)
            raise ConfigurationError(" ".join(faults))
        if _RAW in pipeline.inputs():
            _tell_of_strangers(catalog)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Refuse lists where an entry of the user's own writes CSV of polars."""
        if dataset_name not in self._flat or not isinstance(data, pl.DataFrame):
            return
        if nested := [c for c, dtype in data.schema.items() if dtype.is_nested()]:
            raise ConfigurationError(
                f"The catalog entry of '{dataset_name}' writes CSV, which has no place"
                f" for the lists of {', '.join(nested)}: name a file that ends in"
                " .parquet, or make its type psyche_kedro.datasets.TableDataset with"
                " the table's validator, which writes them as JSON."
            )


def _flat(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[str]:
    from psyche_kedro.datasets import TableDataset  # noqa: PLC0415 - few commands run

    for name in pipeline.all_outputs():
        dataset = catalog.get(name)
        csv = getattr(dataset, "_file_format", "") == "csv" or "CSV" in str(
            type(dataset)
        )
        if csv and not isinstance(dataset, TableDataset):
            yield name


def _check_validators(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Find each table's class, which Kedro would do when the table is saved."""
    specs = catalog.validator_specs
    for name in sorted(pipeline.datasets() & specs.keys()):
        try:
            resolve_validator(specs[name])
        except ValidationConfigurationError as error:
            raise ConfigurationError(
                f"The catalog entry of '{name}' has the validator"
                f" '{specs[name].class_path}', which is none: write a class of"
                " psyche_kedro.tables, or leave it out."
            ) from error


def _check_no_place_twice(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Find a table that another entry, copied from it, would overwrite."""
    outputs = pipeline.all_outputs()
    at: dict[str, str] = {}
    names = sorted(pipeline.datasets() & set(catalog))
    for name in sorted(names, key=outputs.__contains__):
        dataset = catalog.get(name)
        place = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
        first = at.setdefault(str(place), name) if place else name
        if first != name and name in outputs:
            raise ConfigurationError(
                f"The catalog entries of '{first}' and '{name}' have one place,"
                f" {place}: each would overwrite the other, give one of them its own."
            )


def _tell_of_misspelt(catalog: DataCatalog) -> None:
    """Say which entries no pipeline names and are nearly called like one it does."""
    named = {name for one in pipelines.values() for name in one.datasets()}
    others = set(catalog) - named
    for name in sorted(name for name in others if not name.startswith("params:")):
        if near := get_close_matches(name, named, 1, _NEAR):
            _LOG.warning(
                "The catalog entry '%s' changes nothing, since no pipeline names it:"
                " '%s' may be meant.",
                name,
                near[0],
            )


def _check_writable(root: str) -> None:
    if not root or is_remote(root):
        return
    folder = in_project(root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"The data root {folder} cannot be written ({error.strerror}): name another"
            " with `--params data=…`."
        ) from error


def _check_there(raw: str) -> None:
    """Name the one cause that each folder below would give as its own."""
    if not is_remote(raw) and not in_project(raw).is_dir():
        raise ConfigurationError(
            f"There is no folder {in_project(raw)}: name the one of the raw files with"
            " `--params raw=…`."
        )


def _tell_of_strangers(catalog: DataCatalog) -> None:
    """Say which folders of the raw root no dataset reads: a name may be misspelt."""
    bundles = [catalog.get(name) for name in (_RAW, "cedar_files") if name in catalog]
    parts = [part for bundle in bundles for part in bundle.parts.values()]
    read = {Path(part._path) for part in parts if not is_remote(part._path)}
    known = read | {parent for path in read for parent in path.parents}
    roots = {path.parent for path in read if path.name == "posts"}
    for root in filter(Path.is_dir, roots):
        strangers = [p.name for p in root.iterdir() if p.is_dir() and p not in known]
        if strangers := sorted(n for n in strangers if not n.startswith(".")):
            names = ", ".join(sorted(path.name for path in read if path.parent == root))
            _LOG.warning(
                "%s: nothing reads the folders %s; those that are read are %s.",
                root,
                ", ".join(strangers),
                names,
            )


def free_inputs(pipeline: Pipeline) -> list[tuple[str, str | None]]:
    """Return what must be there before the first node: datasets, and parts of them."""
    free = pipeline.inputs()
    taken = {read for node in pipeline.nodes for read in parts_taken(node)}
    return sorted((read for read in taken if read[0] in free), key=str)


def free_datasets(
    pipeline: Pipeline, catalog: DataCatalog
) -> Iterator[tuple[str, Any]]:
    """Yield the datasets that must be there before the first node, by name."""
    for name, part in free_inputs(pipeline):
        if not name.startswith("params:"):
            entry = catalog.get(name)
            whole = f"{name}.{part}" if part else name
            yield whole, entry.part(part) if part else entry


def _unusable(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[str]:
    for name, part in free_inputs(pipeline):
        yield from _faults(name, part, catalog)


def _missing(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[str]:
    """Yield what is to be run first; else its lack would show after hours of calls."""
    lacking: dict[str, list[str]] = {}
    for name, dataset in free_datasets(pipeline, catalog):
        if name in OF_A_RUN:
            continue
        if hasattr(dataset, "scan") and not dataset.exists():
            lacking.setdefault(_chapter_of(name), []).append(name)
    for chapter, names in lacking.items():
        yield (
            f"There is no table {', '.join(names)} yet: run the chapter that writes it"
            f" first, `kedro run --pipeline={chapter}` with the same options."
        )


def _chapter_of(name: str) -> str:
    """Return the first pipeline that writes a table."""
    written = (c for c, made in pipelines.items() if name in made.all_outputs())
    return next((c for c in written if c != "__default__"), "…")


def _faults(name: str, part: str | None, catalog: DataCatalog) -> Iterator[str]:
    if name.startswith(PROMPTS) and name not in catalog:
        yield (
            f"The prompts lack {name.removeprefix(PROMPTS)}.yml: write it beside"
            " words.yml, below conf/*/prompts in the folder that `prompts` of"
            " globals.yml names."
        )
    entry = catalog.get(name)
    try:
        dataset = entry.part(part) if part else entry
        if hasattr(dataset, "faults"):
            yield from dataset.faults()
        elif hasattr(dataset, "check"):
            dataset.check()
    except (PsycheError, DatasetError) as error:
        yield str(error)


def _declared(context: KedroContext) -> dict[str, Any]:
    loader = context.config_loader
    plain = type(loader)(
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
    near = get_close_matches(path, declared, n=3, cutoff=0.5)
    roots = sorted(path for path in declared if "." not in path and path[0] != "_")
    return f"one of {', '.join(near or roots)}"
