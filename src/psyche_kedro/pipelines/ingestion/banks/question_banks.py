"""Question banks (Type II) of any format to one row per question.

Type II is the paper's second source: question banks of Chinese educational platforms
(§2.1). The paper names no format; here: JSON, JSON Lines, CSV, Excel, DOCX, HTML, TXT.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.banks.fields import (
    field_name,
    looks_like_question,
    parse_question,
    type_of,
)
from psyche_kedro.pipelines.ingestion.banks.question_text import read_question_text
from psyche_kedro.pipelines.ingestion.files import markup, records
from psyche_kedro.pipelines.ingestion.files.encodings import decode
from psyche_kedro.pipelines.ingestion.files.file_types import file_type
from psyche_kedro.pipelines.ingestion.files.sources import Row, read_bytes
from psyche_kedro.tables import content_id

Located = tuple[str, Mapping[str, Any]]
_MAX_LEVELS = 20
"""Of a JSON file, below which no question is looked for."""
_GROUPS = ("questions_and_answers", "questions", "sub_questions", "items", "小题")


def read_bank(file: SourceFile) -> Iterator[Row | UnreadableSource]:
    """Yield the ``BankQuestions`` rows of one file.

    A record without any field of a question is yielded as an ``UnreadableSource``.

    Raises:
        UnreadableSource: If the file is damaged, of no known type or without questions.
    """
    found = False
    for locator, record in bank_records(file.name, read_bytes(file)):
        found = True
        if any(field_name(str(key)) for key in record):
            yield bank_row(record, source=file.name, locator=locator)
        else:
            yield UnreadableSource(
                "unknown_layout",
                f"{locator} holds no field of a question: expected a record with "
                "`question`, `options`, `answer` or their Chinese names.",
            )
    if not found:
        raise UnreadableSource(
            "no_questions", "The file was read but no question was found in it."
        )


def bank_row(record: Mapping[str, Any], *, source: str, locator: str) -> Row:
    """Return the ``BankQuestions`` row of one record."""
    question = parse_question(record)
    return question | {
        "question_id": content_id(source, locator, question["stem"]),
        "source": source,
        "locator": locator,
        "parse_status": "malformed" if question["parse_errors"] else "ok",
    }


def bank_records(name: str, data: bytes) -> Iterable[Located]:
    """Return every record of a file of questions, with where it stands.

    Raises:
        UnreadableSource: If the file is damaged or of no known type.
    """
    match file_type(name, data):
        case "json" | "jsonl":
            return flatten(records.read_json(data))
        case "csv":
            return records.table_records(records.read_csv(data), field_name, "row ")
        case "xls" | "xlsx":
            return _sheets(records.read_excel(data))
        case "docx":
            return _mixed(markup.docx_blocks(data))
        case "html":
            return _mixed(markup.html_blocks(decode(data)))
        case "text" | "markdown":
            return read_question_text(decode(data).split("\n"))
        case other:
            raise UnreadableSource(
                "unknown_type",
                f"A question bank was expected, a file of type '{other}' came: put "
                "books into textbooks/.",
            )


def flatten(items: Iterable[tuple[str, Any]]) -> Iterator[Located]:
    """Yield one record per question; those of a case carry its shared text.

    Questions may stand below any keys; a key such as ``多选题`` types those below it.
    """
    for locator, item in items:
        yield from _flat(locator, item)


def _flat(locator: str, item: Any) -> Iterator[Located]:
    record = item if isinstance(item, Mapping) else {}
    group = next((g for g in _GROUPS if _is_group(record, g)), None)
    if group is not None:
        shared = {key: value for key, value in record.items() if key != group}
        for number, question in enumerate(record[group], 1):
            own = question if isinstance(question, Mapping) else {}
            yield f"{locator} question {number}", {**(shared if own else {}), **own}
    elif looks_like_question(record) or not _holds_question(item):
        yield locator, record
    else:
        for key, child in _children(item):
            for place, below in _flat(f"{locator} {key}", child):
                yield place, _with_type(below, key) if type_of(key) else below


def _is_group(item: Mapping[str, Any], key: str) -> bool:
    questions = item.get(key)
    return isinstance(questions, list) and any(map(looks_like_question, questions))


def _children(item: Any) -> list[tuple[str, Any]]:
    if isinstance(item, Mapping):
        nested = ((k, v) for k, v in item.items() if isinstance(v, Mapping | list))
        return [(str(key), child) for key, child in nested]
    return [(str(n), child) for n, child in enumerate(item, 1)]


def _holds_question(item: Any, levels: int = _MAX_LEVELS) -> bool:
    if looks_like_question(item):
        return True
    children = _children(item) if levels and isinstance(item, Mapping | list) else []
    return any(_holds_question(child, levels - 1) for _, child in children)


def _sheets(sheets: Mapping[str, list[list[str]]]) -> Iterator[Located]:
    """Yield the records of every sheet; one without a header is a note, not an error.

    Raises:
        UnreadableSource: If no sheet has a header.
    """
    errors = []
    for name, cells in sheets.items():
        try:
            rows = records.table_records(cells, field_name, f"{name}!")
        except UnreadableSource as error:
            if error.reason != "no_header":
                raise
            errors.append(error)
            continue
        yield from ((locator, _with_type(row, name)) for locator, row in rows)
    if errors and len(errors) == len(sheets):
        raise errors[0]


def _with_type(row: Mapping[str, Any], sheet: str) -> Mapping[str, Any]:
    """A sheet named ``判断`` types its rows where they have no column for it."""
    return row if any(field_name(k) == "type" for k in row) else {**row, "type": sheet}


def _mixed(blocks: Iterable[markup.Block]) -> Iterator[Located]:
    """Yield questions of running text first, then those of tables.

    A table without a header is layout: options often stand in one. Its rows are text.
    """
    lines: list[str] = []
    tables = []
    for block in blocks:
        if isinstance(block, str):
            lines.append(block)
        elif records.header_row(block, field_name) is None:
            lines += ["  ".join(row) for row in block]
        else:
            tables.append(block)
    yield from read_question_text(lines)
    for number, cells in enumerate(tables, 1):
        yield from records.table_records(cells, field_name, f"table {number} row ")
