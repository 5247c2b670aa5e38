"""Tables as Parquet, CSV or JSON lines, shown readably in Kedro-Viz."""

import json
from typing import Any

import polars as pl
from kedro.io import DatasetError
from kedro.utils import load_obj
from kedro_datasets._typing import TablePreview
from kedro_datasets.polars import EagerPolarsDataset

from psyche_kedro.files.swap import swapped_in_on
from psyche_kedro.files.table_formats import (
    check_format,
    format_of,
    read_text_table,
    write_table,
)
from psyche_kedro.tables import frame

_PREVIEW_CHARS = 80


class TableDataset(EagerPolarsDataset):
    """A polars frame in one file, on any filesystem fsspec knows.

    The name's suffix says in which format: ``.parquet``, ``.csv`` (nested cells as
    JSON), ``.jsonl`` or ``.ndjson``. It adds to ``polars.EagerPolarsDataset`` that each
    of them gives back what was written, that a save never leaves half a file, that a
    missing table says which command writes it, and that a preview survives list and
    struct columns (kedro-viz 12.5 loses its whole static build on one).

    Examples:
        ```yaml
        chunks:
          type: psyche_kedro.datasets.TableDataset
          filepath: s3://bucket/04_feature/chunks.parquet
          validator: psyche_kedro.tables.Chunks
        ```

    Args:
        filepath: The file.
        file_format: ``parquet``, ``csv`` or ``ndjson``, where the suffix does not say.
        model: Dotted path of the table's model: CSV and JSON lines have no dtypes of
            their own. In a catalog it is the entry's ``validator``.
        credentials: For the filesystem.
        fs_args: For the filesystem.
        metadata: Ignored by Kedro, read by Kedro-Viz.

    Raises:
        DatasetError: If neither suffix nor ``file_format`` names a format, or one that
            needs a ``model`` has none.
    """

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        filepath: str,
        file_format: str | None = None,
        model: str | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            filepath=filepath,
            file_format=_format(filepath, file_format),
            credentials=credentials,
            fs_args=fs_args,
            metadata=metadata,
        )
        self.model = model
        if self._file_format != "parquet" and model is None:
            raise DatasetError(
                f"{filepath} has no dtypes of its own: give the entry the table's model"
                " as `validator: psyche_kedro.tables.…`."
            )

    def load(self) -> pl.DataFrame:
        """Return the table.

        Raises:
            DatasetError: If no run has written it yet, or it is none of its model.
        """
        if not self._exists():
            raise no_table_at(self._filepath)
        if self._file_format != "parquet":
            return self._load_text()
        try:
            table: pl.DataFrame = super().load()
        except DatasetError as error:
            if not isinstance(error.__cause__, pl.exceptions.PolarsError):
                raise
            raise DatasetError(
                f"The table at {self._filepath} cannot be read"
                f" ({type(error.__cause__).__name__}): bring back a copy of it, or run"
                " the chapter that writes it."
            ) from None
        return table

    def scan(self) -> pl.LazyFrame:
        """Return the table, of which only what is asked for is read, if it is Parquet.

        Raises:
            DatasetError: As ``load``.
        """
        if self._file_format != "parquet" or self._protocol != "file":
            return self.load().lazy()
        return pl.scan_parquet(str(self._get_load_path()))

    def height(self) -> int:
        """Return the number of rows; of a local Parquet file from its footer."""
        return int(self.scan().select(pl.len()).collect().item())

    def save(self, data: pl.DataFrame) -> None:
        """Write beside the file, then move: a kill never leaves half a table."""
        with swapped_in_on(self._fs, str(self._get_save_path())) as file:
            write_table(data, file, self._file_format)
        self._invalidate_cache()

    def _load_text(self) -> pl.DataFrame:
        schema = frame(load_obj(self.model), []).schema
        try:
            with self._fs.open(str(self._get_load_path()), "rb") as file:
                return read_text_table(file, self._file_format, schema)
        except ValueError as error:
            raise DatasetError(
                f"{self._filepath} is no table of {self.model}: {error}. Mend the"
                " file, or run the chapter that writes it."
            ) from None

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


def _format(filepath: str, file_format: str | None) -> str:
    try:
        return check_format(file_format) if file_format else format_of(filepath)
    except ValueError as error:
        raise DatasetError(str(error)) from None


def _cell(value: Any) -> str | int | float | None:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, list) and value and _is_message(value[-1]):
        value = f"… {value[-1]['content']}" if value[1:] else value[-1]["content"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _PREVIEW_CHARS else f"{text[: _PREVIEW_CHARS - 1]}…"


def _is_message(value: Any) -> bool:
    """Return whether it is a turn; the last of several tells one row from another."""
    return isinstance(value, dict) and "content" in value


def no_table_at(path: object) -> DatasetError:
    """Return what to raise where no run has written a table yet."""
    return DatasetError(
        f"There is no table at {path}: run the chapter that writes it first (`kedro"
        " registry describe` lists who writes what)."
    )
