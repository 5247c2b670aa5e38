"""Record files: JSON, JSON Lines, CSV and Excel to ``(locator, record)`` pairs."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import fastexcel

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files.cell_formats import shown_cells
from psyche_kedro.pipelines.ingestion.files.sources import unreadable
from psyche_kedro.text.encodings import decode
from psyche_kedro.text.halves import HALF_ESCAPED, whole_values
from psyche_kedro.workers.tasks import ONE_WORKBOOK, Lost
from psyche_kedro.workers.worker import alone

Record = Mapping[str, Any]
Located = tuple[str, Record]
_HEADER_SEARCH_ROWS = 20
_MIN_HEADER_CELLS = 2
_FIELD_CHARS = 10_000_000


def read_json(data: bytes) -> list[tuple[str, Any]]:
    """Return the items of a JSON or JSON Lines file with their locators.

    A list gives its items; an object gives the items of its lists, or itself.

    Raises:
        UnreadableSource: If the file is neither.
    """
    text = decode(data)
    try:
        return list(_items(_loads(text)))
    except RecursionError as error:
        raise UnreadableSource(
            "invalid_json", "Its lists nest too deeply: give a list of records."
        ) from error
    except json.JSONDecodeError as error:
        lines = _json_lines(text)
        if lines is None:
            raise UnreadableSource(
                "invalid_json",
                f"JSON stops being readable at line {error.lineno}, column "
                f"{error.colno} ({error.msg}): mend that line.",
            ) from error
        return lines
    except ValueError as error:
        raise UnreadableSource(
            "invalid_json",
            f"A number in it has more digits than can be read ({error}): put quotation"
            " marks around it.",
        ) from error


def _loads(text: str) -> Any:
    # NaN is what pandas writes for a missing value.
    value = json.loads(text, parse_constant=lambda _: None)
    return whole_values(value) if HALF_ESCAPED.search(text) else value


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((f"item {n}", item) for n, item in enumerate(value, 1))
        return
    lists = _record_lists(value)
    if not lists:
        yield ("item 1", value)
    for key, items in lists.items():
        yield from ((f"{key} {n}", item) for n, item in enumerate(items, 1))


_ENVELOPES = ("data", "rows", "records", "list", "items", "questions", "题目", "试题")


def _record_lists(value: Any) -> dict[str, list[Any]]:
    if not isinstance(value, dict):
        return {}
    return {
        key: value[key]
        for key in _ENVELOPES
        if isinstance(value.get(key), list)
        and all(isinstance(item, dict) for item in value[key])
    }


def _json_lines(text: str) -> list[tuple[str, Any]] | None:
    """Return one item per line, a broken line as itself; None when most are broken."""
    numbered = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    items = [(f"line {n}", _json_or_text(line)) for n, line in numbered]
    broken = sum(isinstance(item, str) for _, item in items)
    return items if len(items) > 1 and broken * 2 < len(items) else None


def _json_or_text(line: str) -> Any:
    try:
        return _loads(line)
    except (ValueError, RecursionError):
        return line


def read_csv(data: bytes) -> list[list[str]]:
    """Return the cells of a CSV or TSV file, header included.

    Raises:
        UnreadableSource: If a quotation mark is never closed.
    """
    text = decode(data)
    first = text.split("\n", 1)[0]
    delimiter = max(",\t;，", key=first.count)
    csv.field_size_limit(_FIELD_CHARS)
    try:
        cells = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise UnreadableSource(
            "invalid_csv",
            f"A field has more than {_FIELD_CHARS:,} characters, or a mark where none "
            "can stand: close its quotation marks.",
        ) from error
    _refuse_open_quote(text, cells)
    return cells


def _refuse_open_quote(text: str, cells: Sequence[Sequence[str]]) -> None:
    """Refuse a file of which a quotation mark without its partner took the rest."""
    runs_on = bool(cells) and any("\n" in cell for cell in cells[-1])
    if runs_on and text.count('"') % 2:
        raise UnreadableSource(
            "open_quote",
            f"From row {len(cells)} on a quotation mark is not closed: close it, or "
            "double it where it is text.",
        )


def read_excel(data: bytes) -> dict[str, list[list[str]]]:
    """Return the cells of every sheet of an XLS or XLSX file, as it shows them.

    Raises:
        UnreadableSource: If the workbook is damaged.
    """
    try:
        book = fastexcel.read_excel(data)
        shown = shown_cells(data)
        return {
            name: _cells(
                book.load_sheet(name, header_row=None, dtypes="string"),
                shown.get(name, {}),
            )
            for name in book.sheet_names
        }
    except BaseException as error:
        # A torn .xls makes calamine panic: no Exception, and of no importable class.
        if not isinstance(error, fastexcel.FastExcelError) and not _is_panic(error):
            raise
        raise UnreadableSource(
            "damaged_workbook",
            f"The workbook does not open ({str(error).splitlines()[0]}): "
            "save it again as .xlsx.",
        ) from error


def read_excel_alone(data: bytes) -> dict[str, list[list[str]]]:
    """Return what ``read_excel`` does; a workbook may end the process that reads it.

    Raises:
        UnreadableSource: If the workbook is damaged, or ends it.
    """
    read = alone(_excel_or_why, data, ONE_WORKBOOK)
    if isinstance(read, UnreadableSource | Lost):
        raise unreadable(read) if isinstance(read, Lost) else read
    sheets: dict[str, list[list[str]]] = read
    return sheets


def _excel_or_why(data: bytes) -> dict[str, list[list[str]]] | UnreadableSource:
    try:
        return read_excel(data)
    except UnreadableSource as error:
        return error


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"


def _cells(sheet: Any, shown: Mapping[tuple[int, int], str]) -> list[list[str]]:
    rows = sheet.to_polars().fill_null("").rows()
    cells = [[_plain_number(cell) for cell in row] for row in rows]
    for (row, column), text in shown.items():
        if row < len(cells) and column < len(cells[row]):
            cells[row][column] = text
    return cells


def _plain_number(cell: str) -> str:
    return re.sub(r"^(\d+)\.0$", r"\1", cell.strip())


def table_records(
    cells: Sequence[Sequence[str]], name_of: Callable[[str], str | None], where: str
) -> list[Located]:
    """Return the rows of a table below its header row.

    The header is the first row with at least two known names. A merged header cell
    ``选项`` above unnamed columns is taken as options A, B, C …: Excel keeps the text
    of a merge in its first cell only.

    Args:
        cells: ``[rows, columns]``; rows may be ragged.
        name_of: Canonical name of a header text, or None.
        where: Prefix of the locators, e.g. ``row`` or ``Sheet1!``.

    Raises:
        UnreadableSource: If no row looks like a header, or two columns of one name
            differ.
    """
    index = header_row(cells, name_of)
    if index is None:
        raise UnreadableSource(
            "no_header",
            f"None of the first {_HEADER_SEARCH_ROWS} rows names at least "
            f"{_MIN_HEADER_CELLS} known columns such as 题目 and 答案: add a header.",
        )
    header = _spread_options(cells[index])
    body = enumerate(cells[index + 1 :], index + 2)
    return [
        (f"{where}{n}", _record(header, values, f"{where}{n}"))
        for n, values in body
        if any(value.strip() for value in values)
    ]


def _record(header: Sequence[str], values: Sequence[str], place: str) -> Record:
    """Return ``{column: value}``; a merged header cell comes once per column below."""
    record: dict[str, str] = {}
    for name, value in zip(header, values, strict=False):
        earlier = record.setdefault(name, value)
        if not earlier.strip():
            record[name] = value
        elif name and value.strip() not in ("", earlier.strip()):
            raise UnreadableSource(
                "duplicate_header",
                f"Two columns are named '{name}' and differ at {place}: rename one.",
            )
    return record


def header_row(
    cells: Sequence[Sequence[str]], name_of: Callable[[str], str | None]
) -> int | None:
    """Return the index of the first row with at least two known names, or None."""
    for index, row in enumerate(cells[:_HEADER_SEARCH_ROWS]):
        if sum(name_of(cell) is not None for cell in row) >= _MIN_HEADER_CELLS:
            return index
    return None


def _spread_options(header: Sequence[str]) -> list[str]:
    spread: list[str] = []
    letter: int | None = None
    for index, cell in enumerate(header):
        name = cell.strip()
        follows_blank = index + 1 < len(header) and not header[index + 1].strip()
        if name in ("选项", "备选项", "options") and follows_blank:
            letter = ord("A")
        elif name:
            letter = None
        if letter is not None:
            name, letter = chr(letter), letter + 1
        spread.append(name)
    return spread
