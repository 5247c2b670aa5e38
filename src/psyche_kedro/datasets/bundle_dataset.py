"""Several datasets as one entry of the catalog, and one box of the graph.

A node takes the part that it needs, which its wiring names: ``raw_files/posts``.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import update_wrapper
from inspect import signature, unwrap
from typing import Any

from kedro.io import AbstractDataset, DatasetError, MemoryDataset
from kedro.pipeline.node import Node


class Parts(Mapping[str, Any]):
    """What the parts of a bundle hold, each loaded when it is asked for."""

    def __init__(self, bundle: "BundleDataset") -> None:
        self._bundle = bundle

    def __getitem__(self, name: str) -> Any:
        """Return what a part holds."""
        return self._bundle.part(name).load()

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._bundle.parts)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._bundle.parts)


class BundleDataset(AbstractDataset[Any, Parts]):
    """What belongs together, part by part.

    Examples:
        ```yaml
        report:
          type: psyche_kedro.datasets.BundleDataset
          parts:
            html: {type: text.TextDataset, filepath: data/08_reporting/report.html}
            markdown: {type: text.TextDataset, filepath: data/08_reporting/report.md}

        sft_model:  # training writes its weights; evaluation reads it as a chat model
          type: psyche_kedro.datasets.BundleDataset
          writes: checkpoint
          parts:
            checkpoint: {type: psyche_kedro.datasets.CheckpointDataset, filepath: …}
            chat: {type: psyche_kedro.datasets.LocalChatModelDataset, filepath: …}
        ```

    Args:
        parts: Catalog entries by name; null for what one goes without.
        writes: The part that a save writes, where the others only read it.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        parts: Mapping[str, dict[str, Any] | None],
        writes: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.parts = {name: _dataset(name, entry) for name, entry in parts.items()}
        self._writes = writes
        self.metadata = metadata

    def load(self) -> Parts:
        """Return every part by name; nothing is read before one is asked for."""
        return Parts(self)

    def save(self, data: Any) -> None:
        """Save every part, or the one that is written.

        Args:
            data: A mapping, or a NamedTuple, with one field for each part; or what the
                one part holds.
        """
        if self._writes:
            self.parts[self._writes].save(data)
            return
        given = data if isinstance(data, Mapping) else data._asdict()
        for name, part in self.parts.items():
            part.save(given[name])

    def check_save(self) -> None:
        """Stop a run that could not save a part, before its first node."""
        for name in [self._writes] if self._writes else self.parts:
            if hasattr(self.parts[name], "check_save"):
                self.parts[name].check_save()

    def part(self, name: str) -> Any:
        """Return the dataset of a part.

        Raises:
            DatasetError: If there is no such part.
        """
        if name not in self.parts:
            raise DatasetError(
                f"The catalog entry of {', '.join(self.parts)} has no '{name}': add it"
                " to its `parts`, as null to go on without."
            )
        return self.parts[name]

    def written(self) -> list[Any]:
        """Return the datasets of the parts that a save writes."""
        names = [self._writes] if self._writes else self.parts
        return [self.parts[name] for name in names]

    def _exists(self) -> bool:
        return all(part.exists() for part in self.written())

    def _describe(self) -> dict[str, Any]:
        return {"parts": list(self.parts)}


def _dataset(name: str, entry: dict[str, Any] | None) -> Any:
    if entry is None:
        return MemoryDataset(None)
    return AbstractDataset.from_config(name, dict(entry))


def taking(function: Callable[..., Any], **parts: str) -> Callable[..., Any]:
    """Return a node's function that takes parts of bundles.

    Args:
        function: Takes what the parts hold.
        **parts: The part by the argument that takes it.
    """
    return _Taking(function, parts)


class _Taking:
    """No closure: a runner may send a node to another process."""

    def __init__(self, function: Callable[..., Any], parts: Mapping[str, str]) -> None:
        update_wrapper(self, function)
        self.__wrapped__ = unwrap(function)  # Kedro-Viz looks one step behind it
        self._function = function
        self.parts = parts
        # Kedro binds inputs by this signature, and types them by the function's own.
        self.__signature__ = signature(function)

    def __call__(self, **given: Any) -> Any:
        taken = {name: given[name][part] for name, part in self.parts.items()}
        return self._function(**given | taken)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Taking, (self._function, self.parts)


def parts_taken(node: Node) -> Iterator[tuple[str, str | None]]:
    """Yield what a node reads: names of datasets, each with the part that it takes."""
    inputs = node._inputs  # `inputs` has lost the arguments
    parts = getattr(node.func, "parts", {})
    if not isinstance(inputs, dict):
        yield from ((name, None) for name in node.inputs)
        return
    yield from ((name, parts.get(argument)) for argument, name in inputs.items())
