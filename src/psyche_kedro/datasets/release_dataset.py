"""A folder of Parquet files, texts and other files, written as one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.files.swap import swapped_in

Files = Mapping[str, pl.DataFrame | str | bytes]
"""Tables, texts and the bytes of other files by POSIX path below the folder."""


class ReleaseDataset(AbstractDataset[Files, dict[str, Path]]):
    """A release folder; a save replaces the whole of it.

    Args:
        filepath: The folder.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Path]:
        """Return the files by path below the folder.

        Raises:
            DatasetError: If there is no release.
        """
        if not self._exists():
            raise DatasetError(
                f"There is no release at {self._filepath}: run `kedro run "
                "--pipeline=selection` first."
            )
        paths = (p for p in sorted(self._filepath.rglob("*")) if p.is_file())
        return {path.relative_to(self._filepath).as_posix(): path for path in paths}

    def save(self, data: Files) -> None:
        """Write beside the folder, then swap: a kill leaves no half release."""
        with swapped_in(self._filepath) as partial:
            for name, content in data.items():
                path = partial / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, str):
                    path.write_bytes(content.encode())
                elif isinstance(content, bytes):
                    path.write_bytes(content)
                else:
                    content.write_parquet(path)

    def _exists(self) -> bool:
        return (self._filepath / "README.md").exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
