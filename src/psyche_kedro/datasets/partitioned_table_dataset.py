"""A table in parts of so many rows, for what is larger than memory."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import load_obj
from kedro_datasets._typing import TablePreview

from psyche_kedro.datasets.table_dataset import TableDataset, no_table_at
from psyche_kedro.files.swap import swapped_in, swapped_in_on
from psyche_kedro.files.versions import Place
from psyche_kedro.partitions.parts import PartitionedTable, TablePart
from psyche_kedro.partitions.work import TableFile
from psyche_kedro.tables import frame

_MANIFEST = "_parts.json"
_DIGITS = 12


class PartitionedTableDataset(AbstractDataset[PartitionedTable, PartitionedTable]):
    """A folder of Parquet files, and ``_parts.json``, which names them in order.

    A save links the files of the map's store, or copies them where the folder is on
    another disk, and writes the manifest last: a kill leaves the table as it was.

    Examples:
        ```yaml
        clean_posts:
          type: psyche_kedro.datasets.PartitionedTableDataset
          path: data/03_primary/clean_posts
          model: psyche_kedro.tables.CleanPosts
        ```

    Args:
        path: The folder, on any filesystem fsspec knows.
        model: Dotted path of the table's model. The work that makes a part checks it.
        credentials: For the filesystem.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        path: str,
        model: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = path
        self.model = model
        self._options = credentials or {}
        self._fs, self._folder = fsspec.url_to_fs(path, **self._options)
        self.metadata = metadata

    def load(self) -> PartitionedTable:
        """Return the table, of which nothing is read yet.

        Raises:
            DatasetError: If no run has written it yet, or its manifest is damaged.
        """
        if not self._exists():
            raise no_table_at(self._path)
        try:
            files = json.loads(self._fs.cat_file(self._at(_MANIFEST)))
            parts = [TableFile(f"{self._path}/{f.pop('name')}", **f) for f in files]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DatasetError(
                f"{self._path}/{_MANIFEST} is damaged: run the chapter that writes it."
            ) from error
        return PartitionedTable(tuple(TablePart(f, self._options) for f in parts))

    def save(self, data: PartitionedTable) -> None:
        """Take the parts over; a table without any has one without rows."""
        self._fs.makedirs(self._folder, exist_ok=True)
        manifest = [self._take(n, part) for n, part in enumerate(data.parts)]
        manifest = manifest or [self._empty()]
        with swapped_in_on(self._fs, self._at(_MANIFEST)) as file:
            file.write(json.dumps(manifest, indent=1).encode())
        self._remove_all_but({about["name"] for about in manifest})

    def scan(self) -> pl.LazyFrame:
        """Return the table, of which only what is asked for is read."""
        return self.load().scan()

    def height(self) -> int:
        """Return the number of rows, which the manifest tells."""
        return self.load().height

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows; see ``TableDataset``."""
        first = self.load().parts[0].file.path
        return TableDataset(filepath=first, credentials=self._options).preview(nrows)

    def places(self) -> list[Place]:
        """Return the files of its parts, and the one that names them."""
        if not self._exists():
            return []
        names = [part.file.path.rpartition("/")[2] for part in self.load().parts]
        return [(self._fs, self._at(name)) for name in (*names, _MANIFEST)]

    def _take(self, number: int, part: TablePart) -> dict[str, Any]:
        about = part.file._asdict() | {"name": _name(number, part.file.sha256)}
        target = self._at(about["name"])
        source = part.local
        if isinstance(self._fs, LocalFileSystem) and source:
            with swapped_in(Path(target)) as made:
                _link(source, made)
        else:
            with swapped_in_on(self._fs, target) as file:
                file.write(part.content())
        del about["path"]
        return about

    def _empty(self) -> dict[str, Any]:
        name = _name(0, "")
        with swapped_in_on(self._fs, self._at(name)) as file:
            frame(load_obj(self.model), []).write_parquet(file)
        size = int(self._fs.size(self._at(name)))
        return {"name": name, "rows": 0, "sha256": "", "n_bytes": size}

    def _remove_all_but(self, names: set[str]) -> None:
        for path in self._fs.ls(self._folder, detail=False):
            name = path.rpartition("/")[2]
            if name.endswith(".parquet") and name not in names:
                self._fs.rm_file(path)

    def _at(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def _exists(self) -> bool:
        return bool(self._fs.exists(self._at(_MANIFEST)))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "model": self.model}


def _name(number: int, sha256: str) -> str:
    """Return a name that no other content ever had: an older manifest stays true."""
    return f"{number:05d}-{sha256[:_DIGITS] or 'empty'}.parquet"


def _link(source: str, made: Path) -> None:
    try:
        os.link(source, made)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, made)
