"""What every dataset was made from, and which have been overtaken since.

``lineage.json`` in the output root holds, for each dataset that a run wrote, the run,
its commit and the versions of what its node read: tables and raw files by their bytes,
parameters and prompts by their values. A dataset is stale when one of these is no
longer what it was, or is stale itself. Models are none of them: every row carries the
addresses of its replies.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pydantic
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psyche_kedro.datasets.bundle_dataset import BundleDataset, parts_taken
from psyche_kedro.files.versions import Place, Versions

OF_A_RUN = ("params:estimate_basis", "params:run_facts", "model_calls")
"""What a hook sets anew for each run: no table is the older for it."""


class Made(pydantic.BaseModel):
    """How a dataset came to be."""

    version: str
    node: str
    run: str
    at: str
    commit: str
    inputs: dict[str, str]
    """Version of each input; of a part of a bundle as ``raw_files/posts``."""


class Ledger(pydantic.BaseModel):
    """What ``lineage.json`` holds."""

    made: dict[str, Made] = {}
    seen: dict[str, tuple[int, int, str]] = {}
    """See ``files.versions.Seen``."""


class Run(NamedTuple):
    """What all datasets of a run have in common."""

    id: str
    at: str
    commit: str


class Lineage:
    """The ledger of one output root, held against what its catalog holds now.

    Args:
        catalog: What stands in the root.
        parameters: As configured: the catalog types those of its own run alone.
        ledger: What earlier runs left.
    """

    def __init__(
        self, catalog: DataCatalog, parameters: Mapping[str, Any], ledger: Ledger
    ) -> None:
        self._catalog = catalog
        self._parameters = parameters
        self._ledger = ledger
        self._versions = Versions(ledger.seen)
        self._now: dict[str, str | None] = {}

    def stale(self, names: set[str]) -> list[str]:
        """Return a sentence for each cause why datasets are not what now would be made.

        Args:
            names: Of datasets; what they were made from is looked at, too.
        """
        found: dict[str, list[str]] = {}
        todo = sorted(names)
        while todo:
            name = todo.pop()
            made = self._ledger.made.get(name)
            if made is None or name in found:
                continue
            found[name] = list(self._causes(name, made))
            todo.extend(one.partition("/")[0] for one in made.inputs)
        by_cause: dict[str, list[str]] = {}
        for name in sorted(found):
            for cause in found[name]:
                by_cause.setdefault(cause, []).append(name)
        return [f"{', '.join(of)}: {cause}" for cause, of in by_cause.items()]

    def record(self, pipeline: Pipeline, run: Run) -> None:
        """Note how every dataset that ``pipeline`` wrote came to be."""
        self._now.clear()
        makers = {name: node for node in pipeline.nodes for name in node.outputs}
        for name, node in makers.items():
            if version := self.version(name):
                read = dict(self._read(node, makers))
                self._ledger.made[name] = Made(
                    version=version,
                    node=node.name,
                    run=run.id,
                    at=run.at,
                    commit=run.commit,
                    inputs=read,
                )

    def version(self, name: str) -> str | None:
        """Return the version of a dataset as it is now; none where it has no files.

        Args:
            name: Of the dataset; ``bundle/part`` of a part.
        """
        if name not in self._now:
            self._now[name] = self._version(name)
        return self._now[name]

    def _version(self, name: str) -> str | None:
        if name in OF_A_RUN:
            return None
        if name.startswith("params:"):
            return _digest(self._parameters, name.removeprefix("params:"))
        entry, _, part = name.partition("/")
        if entry not in self._catalog:
            return None
        dataset = self._catalog.get(entry)
        places = places_of(dataset.part(part) if part else dataset)
        return None if places is None else self._versions.of(places)

    def _read(
        self, node: Node, makers: Mapping[str, Node]
    ) -> Iterator[tuple[str, str]]:
        """Yield what a node read; for what was never on disk, what that was made of."""
        for name, part in parts_taken(node):
            whole = f"{name}/{part}" if part else name
            if version := self.version(whole):
                yield whole, version
            elif name in makers:
                yield from self._read(makers[name], makers)

    def _causes(self, name: str, made: Made) -> Iterator[str]:
        if self.version(name) != made.version:
            yield f"changed after {made.node} had made it, {made.at}"
            return
        for one, version in made.inputs.items():
            if self.version(one) not in (version, None):
                yield f"made from an earlier {one}"


def places_of(dataset: Any) -> list[Place] | None:
    """Return the files that hold what a dataset holds; none where no file does."""
    if isinstance(dataset, BundleDataset):
        parts = [places_of(part) for part in dataset.written()]
        return [place for part in parts for place in part or ()] or None
    if hasattr(dataset, "places"):
        return list(dataset.places())
    if hasattr(dataset, "_fs") and hasattr(dataset, "_filepath"):
        return [(dataset._fs, str(dataset._filepath))]
    return None


def _digest(parameters: Mapping[str, Any], path: str) -> str | None:
    value: Any = parameters
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
