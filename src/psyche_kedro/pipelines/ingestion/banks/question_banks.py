"""Question banks (Type II) of any format to one row per question.

Type II is the paper's second source: question banks of Chinese educational platforms
(§2.1). The paper names no format; here: JSON, JSON Lines, CSV, Excel, DOCX, PDF, HTML,
TXT, and Moodle's GIFT and XML.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pypdfium2 import PdfiumError

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.banks.exchange import (
    is_gift,
    read_gift,
    read_moodle,
)
from psyche_kedro.pipelines.ingestion.banks.fields import (
    field_name,
    looks_like_question,
    parse_question,
    type_of,
)
from psyche_kedro.pipelines.ingestion.banks.index_answers import with_letters
from psyche_kedro.pipelines.ingestion.banks.keys import key_of_table
from psyche_kedro.pipelines.ingestion.banks.question_text import read_question_text
from psyche_kedro.pipelines.ingestion.banks.right_options import right_options_marked
from psyche_kedro.pipelines.ingestion.files import markup, records, word
from psyche_kedro.pipelines.ingestion.files.file_types import file_type
from psyche_kedro.pipelines.ingestion.files.sources import Row, read_bytes
from psyche_kedro.pipelines.ingestion.textbooks.page_images import open_pdf
from psyche_kedro.pipelines.ingestion.textbooks.text_layer import read_text_layer
from psyche_kedro.tables import content_id
from psyche_kedro.text.encodings import decode

Located = tuple[str, Mapping[str, Any]]
_MAX_LEVELS = 20
"""Of a JSON file, below which no question is looked for."""
_GROUPS = (
    "questions_and_answers",
    "questions",
    "sub_questions",
    "subQuestions",
    "children",
    "items",
    "小题",
    "子题",
)
_SHARED_TEXTS = frozenset(
    [
        "content",
        "stem",
        "question",
        "passage",
        "body",
        "题干",
        "正文",
        "内容",
        "共用内容",
    ]
)
"""Keys of a group under which its case stands."""


def read_bank(file: SourceFile) -> Iterator[Row | UnreadableSource]:
    """Yield the ``BankQuestions`` rows of one file.

    A record without any field of a question is yielded as an ``UnreadableSource``.

    Raises:
        UnreadableSource: If the file is damaged, of no known type or without questions.
    """
    found = False
    for item in bank_records(file.name, read_bytes(file)):
        if isinstance(item, UnreadableSource):
            yield item
            continue
        found = True
        locator, record = item
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


def bank_records(name: str, data: bytes) -> Iterable[Located | UnreadableSource]:
    """Return every record of a file of questions, with where it stands.

    What looks like a question and could not be read stands between them.

    Raises:
        UnreadableSource: If the file is damaged or of no known type.
    """
    kind = file_type(name, data)
    if kind not in _READERS:
        raise UnreadableSource(
            "unknown_type",
            f"A question bank was expected, a file of type '{kind}' came: put books "
            "and scans into textbooks/.",
        )
    return _READERS[kind](data)


def _json(data: bytes) -> Iterable[Located]:
    return with_letters(flatten(records.read_json(data)))


def _csv(data: bytes) -> Iterable[Located]:
    return records.table_records(records.read_csv(data), field_name, "row ")


def _excel(data: bytes) -> Iterable[Located]:
    return _sheets(records.read_excel(data))


def _docx(data: bytes) -> Iterator[Located | UnreadableSource]:
    yield from _mixed(word.emphasised_docx_blocks(data))
    if notes := word.docx_notes(data):
        yield UnreadableSource(
            "unclear_text", f"{len(notes)} notes below the text are in no question."
        )


def _html(data: bytes) -> Iterable[Located | UnreadableSource]:
    return _mixed(markup.emphasised_html_blocks(decode(data)))


def _text(data: bytes) -> Iterable[Located | UnreadableSource]:
    text = decode(data)
    return read_gift(text) if is_gift(text) else _text_questions(text.split("\n"))


def _pdf_questions(data: bytes) -> Iterator[Located | UnreadableSource]:
    """Yield the questions of a PDF's text; a page without text is listed."""
    pages: list[list[str]] = []
    with open_pdf(data) as document:
        for number in range(1, len(document) + 1):
            try:
                text = read_text_layer(document[number - 1])
            except PdfiumError:
                text = ""
            pages.append(text.split("\n"))
            if not text:
                yield UnreadableSource(
                    "no_text_layer",
                    f"Page {number} holds no text: read it by OCR, give its text.",
                )
    yield from _text_questions([line for page in _unnumbered(pages) for line in page])


def _unnumbered(pages: Sequence[list[str]]) -> Sequence[list[str]]:
    """Return pages without the first or last lines that count them: 5, 6, 7."""
    for edge in (0, -1):
        edges = [(n, page[edge]) for n, page in enumerate(pages)]
        counted = Counter(int(line) - n for n, line in edges if line.isdecimal())
        shift, times = max(counted.items(), key=lambda c: c[1], default=(0, 0))
        for n, line in edges:
            pages[n][edge] = "" if times > 1 and line == str(n + shift) else line
    return pages


def _text_questions(lines: Sequence[str]) -> list[Located | UnreadableSource]:
    """Return the questions of a text; what looks like one and is none is listed."""
    read = read_question_text(right_options_marked(lines))
    lost = [UnreadableSource("unclear_text", sentence) for sentence in read.lost]
    return [*read.records, *lost]


_READERS: Mapping[str, Callable[[bytes], Iterable[Located | UnreadableSource]]] = {
    "json": _json,
    "jsonl": _json,
    "csv": _csv,
    "xls": _excel,
    "xlsx": _excel,
    "docx": _docx,
    "html": _html,
    "text": _text,
    "markdown": _text,
    "gift": _text,
    "xml": read_moodle,
    "pdf": _pdf_questions,
}
"""What reads a file, by its type."""


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
        shared = {_shared_name(k): v for k, v in record.items() if k != group}
        for number, question in enumerate(record[group], 1):
            own = question if isinstance(question, Mapping) else {}
            names = {field_name(str(key)) for key in own} - {None}
            others = {k: v for k, v in shared.items() if field_name(k) not in names}
            yield f"{locator} question {number}", {**(others if own else {}), **own}
    elif looks_like_question(record) or not _holds_question(item):
        yield locator, record
    else:
        for key, child in _children(item):
            for place, below in _flat(f"{locator} {key}", child):
                yield place, _with_type(below, key) if type_of(key) else below


def _shared_name(key: str) -> str:
    """Return ``case_text`` for what a group's questions share instead of a stem."""
    return "case_text" if key in _SHARED_TEXTS else key


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


def _mixed(blocks: Iterable[markup.Block]) -> Iterator[Located | UnreadableSource]:
    """Yield questions of running text first, then those of tables.

    A table without a header is layout: options often stand in one. Its rows are text.
    """
    lines: list[str] = []
    tables = []
    for block in blocks:
        if isinstance(block, str):
            lines.append(block)
        elif key := key_of_table(block):
            lines += ["参考答案", *key]
        elif records.header_row(block, field_name) is None:
            lines += [line for row in block for line in "  ".join(row).split("\n")]
        else:
            tables.append(block)
    yield from _text_questions(lines)
    for number, cells in enumerate(tables, 1):
        yield from records.table_records(cells, field_name, f"table {number} row ")
