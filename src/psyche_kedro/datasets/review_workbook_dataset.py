"""The review batch as a workbook that people can fill in without a server."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import IO, Any, NamedTuple

import fsspec
import polars as pl
from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.files.swap import swapped_in_on

_CELL = 32_767
"""Characters."""
_WIDE = 60
_NARROW = 14
_PICTURE_ROWS, _PICTURE_PIXELS = 150, 190
"""Height of a row with a picture, in points and in pixels."""
_PICTURE_COLUMN = 38
_CREATED = datetime(2026, 1, 1, tzinfo=UTC)
"""What every workbook says of itself, so that equal batches are equal files."""


class Look(NamedTuple):
    """How a sheet is set out.

    Attributes:
        choices: What the drop-down of a column offers.
        wide: Columns of long text.
        pictures: Columns of encoded pictures.
        right_to_left: Whether the first column stands on the right.
        open: Columns that may be filled in; all others are then locked, for pictures
            float and would not follow their rows in a sort. None locks nothing.
        glossary: What a second sheet explains, by word.
    """

    choices: Mapping[str, Sequence[str]] = {}
    wide: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()
    right_to_left: bool = False
    open: frozenset[str] | None = None
    glossary: Mapping[str, str] = {}


class ReviewWorkbookDataset(AbstractDataset[pl.DataFrame, pl.DataFrame]):
    """A frame of texts in an XLSX sheet, with drop-down cells and a fixed header.

    ```yaml
    review_batch:
      type: psyche_kedro.datasets.ReviewWorkbookDataset
      filepath: data/08_reporting/review_batch.xlsx
      choices: {结论: [保留, 修改, 删除]}
      wide: [题目]
    ```

    Args:
        filepath: The ``.xlsx`` file.
        choices: What the drop-down of a column offers.
        wide: Columns of long text.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        filepath: str,
        choices: dict[str, list[str]] | None = None,
        wide: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = filepath
        self._look = Look(choices or {}, frozenset(wide or []))
        self.metadata = metadata

    def load(self) -> pl.DataFrame:
        """Return the first sheet, every cell as text.

        Raises:
            DatasetError: If no run has written it yet.
        """
        if not self._exists():
            raise DatasetError(
                f"There is no workbook at {self._filepath}: `kedro run "
                "--pipeline=synthesis` writes it."
            )
        with fsspec.open(self._filepath, "rb") as file:
            return pl.read_excel(file.read(), infer_schema_length=0)

    def save(self, data: pl.DataFrame) -> None:
        """Write the sheet; a column of ``choices`` gets its drop-down in every row."""
        fs, path = fsspec.url_to_fs(self._filepath)
        with swapped_in_on(fs, path) as file:
            write_workbook(file, data, self._look)

    def _exists(self) -> bool:
        fs, path = fsspec.url_to_fs(self._filepath)
        return bool(fs.exists(path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


def write_workbook(file: IO[bytes], data: pl.DataFrame, look: Look) -> None:
    """Write a frame of texts and pictures as a workbook.

    Args:
        file: Where to.
        data: Columns of text; those of ``look.pictures`` hold bytes or null.
        look: How it is set out.
    """
    from xlsxwriter import Workbook  # noqa: PLC0415 - only to write

    # A text that begins like an address would become a link, or be left out.
    plain_text = {"strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(file, {**plain_text, "in_memory": True}) as book:
        book.set_properties({"created": _CREATED})
        sheet = book.add_worksheet("review")
        plain = book.add_format({"text_wrap": True, "valign": "top"})
        free = book.add_format({"text_wrap": True, "valign": "top", "locked": False})
        sheet.freeze_panes(1, 1)
        for at, name in enumerate(data.columns):
            is_open = look.open is not None and name in look.open
            _write_column(sheet, at, data[name], look, free if is_open else plain)
        if look.open is not None:
            sheet.protect()
        if look.glossary:
            _write_glossary(book.add_worksheet("words"), look.glossary, plain)
        for each in book.worksheets():
            if look.right_to_left:
                each.right_to_left()


def _write_column(
    sheet: Any, at: int, column: pl.Series, look: Look, form: Any
) -> None:
    if column.name in look.pictures:
        _write_pictures(sheet, at, column)
        return
    sheet.set_column(at, at, _WIDE if column.name in look.wide else _NARROW)
    sheet.write_column(0, at, [column.name, *map(_cell, column)], form)
    if choices := look.choices.get(column.name):
        offer = {"validate": "list", "source": list(choices)}
        sheet.data_validation(1, at, max(1, len(column)), at, offer)


def _cell(text: Any) -> Any:
    """Return what fits into a cell; Excel has no place for more."""
    if text is None:
        return ""
    too_long = isinstance(text, str) and len(text) > _CELL
    return f"{text[: _CELL - 1]}…" if too_long else text


def _write_pictures(sheet: Any, at: int, column: pl.Series) -> None:
    """Show each picture in its cell, which it moves and grows with."""
    from PIL import Image  # noqa: PLC0415 - only where there are pictures

    sheet.set_column(at, at, _PICTURE_COLUMN)
    sheet.write(0, at, column.name)
    for row, data in enumerate(column, 1):
        if data is None:
            continue
        with Image.open(BytesIO(data)) as picture:
            scale = min(1.0, _PICTURE_PIXELS / max(picture.size))
        sheet.set_row(row, _PICTURE_ROWS)
        shown = {"image_data": BytesIO(data), "object_position": 1}
        shown |= {"x_scale": scale, "y_scale": scale}
        sheet.insert_image(row, at, f"{row}", shown)


def _write_glossary(sheet: Any, words: Mapping[str, str], form: Any) -> None:
    sheet.set_column(1, 1, _WIDE)
    sheet.write_column(0, 0, list(words), form)
    sheet.write_column(0, 1, list(words.values()), form)
    sheet.protect()
