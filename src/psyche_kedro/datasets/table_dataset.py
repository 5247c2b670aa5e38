"""Tables as Parquet, shown readably in Kedro-Viz."""

import json
from typing import Any

import polars as pl
from kedro.io import DatasetError
from kedro_datasets._typing import TablePreview
from kedro_datasets.polars import EagerPolarsDataset

from psyche_kedro.files.swap import swapped_in_on

_PREVIEW_CHARS = 80


class TableDataset(EagerPolarsDataset):
    """A polars frame in one Parquet file, on any filesystem fsspec knows.

    It adds three things to ``polars.EagerPolarsDataset``: a save never leaves half a
    file, a missing table says which command writes it, and a preview survives list and
    struct columns (kedro-viz 12.5 loses its whole static build on one).

    Examples:
        ```yaml
        chunks:
          type: psyche_kedro.datasets.TableDataset
          filepath: s3://bucket/04_feature/chunks.parquet
          validator: psyche_kedro.tables.Chunks
        ```

    Args:
        filepath: The ``.parquet`` file.
        credentials: For the filesystem.
        fs_args: For the filesystem.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            filepath=filepath,
            file_format="parquet",
            credentials=credentials,
            fs_args=fs_args,
            metadata=metadata,
        )

    def load(self) -> pl.DataFrame:
        """Return the table.

        Raises:
            DatasetError: If no run has written it yet.
        """
        if not self._exists():
            raise no_table_at(self._filepath)
        table: pl.DataFrame = super().load()
        return table

    def save(self, data: pl.DataFrame) -> None:
        """Write beside the file, then move: a kill never leaves half a table."""
        with swapped_in_on(self._fs, str(self._get_save_path())) as file:
            data.write_parquet(file)
        self._invalidate_cache()

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows with nested cells as JSON and long text clipped."""
        rows = self._copy().load().head(nrows if isinstance(nrows, int) else 5)
        return TablePreview(
            {
                "index": list(range(rows.height)),
                "columns": rows.columns,
                "data": [[_cell(value) for value in row] for row in rows.iter_rows()],
            }
        )


def _cell(value: Any) -> str | int | float | None:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _PREVIEW_CHARS else f"{text[: _PREVIEW_CHARS - 1]}…"


def no_table_at(path: object) -> DatasetError:
    """Return what to raise where no run has written a table yet."""
    return DatasetError(
        f"There is no table at {path}: run the chapter that writes it first (`kedro"
        " registry describe` lists who writes what)."
    )
