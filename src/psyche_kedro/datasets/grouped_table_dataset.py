"""A table in groups: one Parquet file for each value of a column."""

import json
import logging
from collections.abc import Callable, Collection
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import fsspec
import polars as pl
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets.partitions import PartitionedDataset

from psyche_kedro.datasets.table_dataset import TableDataset, no_table_at
from psyche_kedro.files.swap import swapped_in_on
from psyche_kedro.files.versions import Place

_INDEX = "parts.json"

_LOG = logging.getLogger(__name__)


class GroupedTableDataset(AbstractDataset[pl.DataFrame, pl.DataFrame]):
    """A polars frame, saved and loaded whole, whose parts are files of their own.

    ``parts.json`` names the parts in the table's order. A part that has not changed is
    not written again. The file of one that is no longer in the table stays, and the log
    says so; it is not read: what a model that is no longer asked once answered is never
    taken for a part of the rest.

    Examples:
        ```yaml
        predictions:
          type: psyche_kedro.datasets.GroupedTableDataset
          path: data/07_model_output/predictions
          by: role
          validator: psyche_kedro.tables.Predictions
        ```

    Args:
        path: Folder of the parts, on any filesystem fsspec knows.
        by: Column of strings; each part holds the rows of one value.
        credentials: For the filesystem.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        path: str,
        by: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = path
        self._by = by
        self._parts = PartitionedDataset(
            path=path,
            dataset={"type": TableDataset, "file_format": "parquet"},
            filename_suffix=".parquet",
            credentials=credentials,
        )
        self._fs, self._folder = fsspec.url_to_fs(path, **(credentials or {}))
        self.metadata = metadata

    def load(self) -> pl.DataFrame:
        """Return the table, its parts in the order in which they were saved.

        Raises:
            DatasetError: If no run has written it yet.
        """
        if not self._exists():
            raise no_table_at(self._path)
        saved = self._saved()
        return pl.concat(saved[name]() for name in self._index())

    def save(self, data: pl.DataFrame) -> None:
        """Write what changed, and what the table consists of."""
        saved = self._saved()
        parts = self._split(data)
        changed = {
            name: part
            for name, part in parts.items()
            if name not in saved or not _holds(saved[name], part)
        }
        self._parts.save(changed)
        self._tell_left(parts)
        self._write_index(list(parts))

    def _split(self, data: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Return the parts by file name; a table without rows is one part without."""
        parts = data.partition_by(self._by, maintain_order=True, as_dict=True)
        named = {quote(str(value), safe=""): part for (value,), part in parts.items()}
        return named or {"": data}

    def _saved(self) -> dict[str, Callable[[], pl.DataFrame]]:
        """Return what reads each file of a part, whether it is the table's or not."""
        return self._parts.load() if self._parts.exists() else {}

    def _index(self) -> list[str]:
        if not self._exists():
            return []
        return list(json.loads(self._fs.cat(f"{self._folder}/{_INDEX}")))

    def _write_index(self, names: list[str]) -> None:
        with swapped_in_on(self._fs, f"{self._folder}/{_INDEX}") as file:
            file.write(json.dumps(names).encode())

    def _tell_left(self, parts: Collection[str]) -> None:
        """Say which parts the table had and no longer has."""
        left = [name for name in self._index() if name and name not in parts]
        if left:
            _LOG.warning(
                "%s no longer has %s '%s': the files stay in %s and are not read.",
                PurePath(self._path).name,
                self._by,
                "', '".join(left),
                self._path,
            )

    def places(self) -> list[Place]:
        """Return the files of its parts, and the one that names them."""
        found = self._fs.find(self._folder) if self._exists() else []
        return [(self._fs, path) for path in found]

    def _exists(self) -> bool:
        return bool(self._fs.exists(f"{self._folder}/{_INDEX}"))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "by": self._by}


def _holds(load: Callable[[], pl.DataFrame], part: pl.DataFrame) -> bool:
    try:
        return part.equals(load())
    except DatasetError:  # damaged: it is written anew
        return False
