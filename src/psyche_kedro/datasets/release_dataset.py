"""A folder of Parquet files, texts and other files, written as one."""

import posixpath
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
import polars as pl
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.files.swap import swapped_in

_README = "README.md"

Files = Mapping[str, pl.DataFrame | str | bytes]
"""Tables, texts and the bytes of other files by POSIX path below the folder."""


class ReleaseDataset(AbstractDataset[Files, dict[str, str]]):
    """A release folder; a save replaces the whole of it.

    Args:
        filepath: The folder, on any filesystem fsspec knows.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._fs, self._folder = fsspec.url_to_fs(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, str]:
        """Return where each file is, by its path below the folder.

        Raises:
            DatasetError: If there is no release.
        """
        if not self._exists():
            raise DatasetError(
                f"There is no release at {self._folder}: run `kedro run "
                "--pipeline=selection` first."
            )
        paths = sorted(self._fs.find(self._folder))
        return {posixpath.relpath(path, self._folder): path for path in paths}

    def save(self, data: Files) -> None:
        """Write beside the folder, then swap: a kill leaves no half release.

        On a remote filesystem, which has no swap, the README comes last.
        """
        if isinstance(self._fs, LocalFileSystem):
            with swapped_in(Path(self._folder)) as partial:
                _write(data, partial)
            return
        with TemporaryDirectory() as here:
            _write(data, Path(here))
            if self._fs.exists(self._folder):
                self._fs.rm(self._folder, recursive=True)
            for name in sorted(data, key=_README.__eq__):
                self._fs.put_file(str(Path(here, name)), f"{self._folder}/{name}")

    def _exists(self) -> bool:
        return bool(self._fs.exists(f"{self._folder}/{_README}"))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._folder}


def _write(files: Files, folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_bytes(content.encode())
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.write_parquet(path)
