"""Files with bytes changed anywhere: rows or a reason, never a crash."""

import io
import json
import random
import zipfile

import docx
import pytest
import xlsxwriter
from test_olmocr import PARAMETERS
from test_reading_textbooks import LONG, epub, pdf, word

from pipelines.ingestion import bank_files as banks
from pipelines.ingestion.bank_files import file
from psyche_kedro.pipelines.ingestion.nodes import (
    read_posts,
    read_question_banks,
    read_textbooks,
)

GIFT = "::T::短时记忆的容量是{~5±2 =7±2#好 ~9±2}\n\n信度{T}\n\n论述{}\n"
MOODLE = (
    '<quiz><question type="multichoice"><questiontext><text>短时记忆</text>'
    '</questiontext><answer fraction="100"><text>7±2</text></answer>'
    '<answer fraction="0"><text>5±2</text></answer></question></quiz>'
)


def formatted_xlsx() -> bytes:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("题")
        sheet.write_row(0, 0, ["题目", "A", "B", "答案"])
        sheet.write_row(1, 0, ["甲？", "一"])
        sheet.write_number(1, 2, 45356, book.add_format({"num_format": "m-d"}))
        sheet.write(1, 3, "A")
    return data.getvalue()


def odd_docx() -> bytes:
    document = docx.Document(io.BytesIO(banks.as_docx()))
    document.add_paragraph().add_run("红").font.bold = True
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


BANKS = {
    "a.json": banks.as_json(),
    "a.jsonl": banks.as_jsonl(),
    "a.csv": banks.as_csv("utf-8"),
    "a.txt": banks.as_text().encode(),
    "a.html": banks.as_html(),
    "a.docx": odd_docx(),
    "b.docx": banks.as_docx_table(),
    "a.xlsx": banks.as_xlsx(),
    "b.xlsx": formatted_xlsx(),
    "a.gift": GIFT.encode(),
    "a.xml": MOODLE.encode(),
    "a.pdf": pdf(LONG),
}
BOOKS = {"a.pdf": pdf(LONG, LONG), "a.epub": epub(), "a.docx": word()}
POSTS = {
    "a.json": json.dumps(
        [{"question": "失眠", "answers": [{"text": "放松"}]}]
    ).encode(),
    "a.txt": "来访者（哭）：你好\n咨询师：您好\n".encode(),
}


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Change some bytes; those of an archive inside one of its parts, as often."""
    if data.startswith(b"PK") and dice.random() < 0.7:
        return _with_part_mutated(data, dice)
    changed = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        place = dice.randrange(len(changed))
        size = dice.choice([1, 1, 1, 4, 40])
        match dice.randrange(3):
            case 0:
                changed[place : place + size] = dice.randbytes(size)
            case 1:
                del changed[place : place + size]
            case _:
                changed[place:place] = changed[place : place + size] * 2
        if not changed:
            break
    return bytes(changed)


def _with_part_mutated(data: bytes, dice: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = dice.choice(old.namelist())
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, mutated(part, dice) if name == chosen and part else part)
    return out.getvalue()


def read_all(seeds: range) -> None:
    for seed in seeds:
        dice = random.Random(seed)
        chapter = dice.choice([BANKS, BANKS, BOOKS, POSTS])
        name = dice.choice(list(chapter))
        torn = file(name, mutated(chapter[name], dice))
        try:
            _read(chapter, torn)
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {name}") from error


def _read(chapter: dict[str, bytes], torn) -> None:
    if chapter is BOOKS:
        read_textbooks([torn], None, PARAMETERS)
    elif chapter is BANKS:
        read_question_banks([torn])
    else:
        read_posts([torn])


def test_no_changed_file_stops_a_run():
    read_all(range(150))


@pytest.mark.slow
def test_nor_does_any_of_two_and_a_half_thousand():
    read_all(range(150, 2_650))
