"""Question banks (Type II) of any format to one row per question.

Type II is the paper's second source: question banks of Chinese educational platforms
(§2.1). The paper names no format; here: JSON, JSON Lines, CSV, Excel, DOCX, HTML, TXT.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.pipelines.ingestion import markup, records
from psyche_kedro.pipelines.ingestion.encodings import decode
from psyche_kedro.pipelines.ingestion.file_types import file_type
from psyche_kedro.pipelines.ingestion.question_text import read_question_text
from psyche_kedro.pipelines.ingestion.questions import (
    field_name,
    looks_like_question,
    parse_question,
)
from psyche_kedro.pipelines.ingestion.sources import (
    Row,
    UnreadableSource,
    read_bytes,
)
from psyche_kedro.tables import content_id

Located = tuple[str, Mapping[str, Any]]
GROUPS = ("questions_and_answers", "questions", "sub_questions", "items", "小题")


def read_bank(file: SourceFile) -> Iterator[Row]:
    """Yield the ``BankQuestions`` rows of one file.

    Raises:
        UnreadableSource: If the file is damaged, of no known type or without questions.
    """
    found = False
    for locator, record in _records(file.name, read_bytes(file)):
        found = True
        yield bank_row(record, source=file.name, locator=locator)
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


def _records(name: str, data: bytes) -> Iterable[Located]:
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
    """Yield one record per question; those of a case carry its shared text."""
    for locator, item in items:
        group = next((g for g in GROUPS if _is_group(item, g)), None)
        if group is None:
            yield locator, item if isinstance(item, Mapping) else {}
            continue
        shared = {key: value for key, value in item.items() if key != group}
        for number, question in enumerate(item[group], 1):
            yield f"{locator} question {number}", shared | question


def _is_group(item: Any, key: str) -> bool:
    return (
        isinstance(item, Mapping)
        and isinstance(item.get(key), list)
        and all(looks_like_question(question) for question in item[key])
    )


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
    if len(errors) == len(sheets):
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
