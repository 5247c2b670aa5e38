"""Several datasets as one entry of the catalog, and one box of the graph."""

from collections.abc import Mapping
from typing import Any

from kedro.io import AbstractDataset


class BundleDataset(AbstractDataset[Any, dict[str, Any]]):
    """What a node reads or writes as a whole, part by part.

    Examples:
        ```yaml
        report:
          type: psyche_kedro.datasets.BundleDataset
          parts:
            html: {type: text.TextDataset, filepath: data/08_reporting/report.html}
            markdown: {type: text.TextDataset, filepath: data/08_reporting/report.md}
        ```

    Args:
        parts: Catalog entries by name.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        parts: Mapping[str, dict[str, Any]],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.parts = {
            name: AbstractDataset.from_config(name, dict(entry))
            for name, entry in parts.items()
        }
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return every part by name."""
        return {name: part.load() for name, part in self.parts.items()}

    def save(self, data: Any) -> None:
        """Save every part.

        Args:
            data: A mapping, or a NamedTuple, with one field for each part.
        """
        given = data if isinstance(data, Mapping) else data._asdict()
        for name, part in self.parts.items():
            part.save(given[name])

    def _exists(self) -> bool:
        return all(part.exists() for part in self.parts.values())

    def _describe(self) -> dict[str, Any]:
        return {"parts": list(self.parts)}
