"""20,000 mutated files of every format: rows or a reason for each, and no more.

Every mutation is made from its number alone: ``mutated(17)`` is file 17 again.
"""

import io
import json
import random
import resource
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from test_olmocr import PARAMETERS, scan
from test_reading_textbooks import LONG, epub, pdf, picture, word

from cards import CARDS
from limits import LIMITS
from pipelines.ingestion import bank_files as banks
from pipelines.ingestion.bank_files import file
from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.pipelines.ingestion.nodes import (
    read_benchmarks,
    read_posts,
    read_question_banks,
    read_textbooks,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")

FEW, MANY = 200, 20_000
AT_ONCE = 200
HASTY = LIMITS.model_copy(update={"seconds": 5.0, "memory_mb": 300.0})
"""None may take 10 s: what takes 5 is ended, and what waits for it with it."""
MOST_MEMORY = 400_000_000
"""Bytes by which this process may grow over all files."""

POSTS = json.dumps(
    [
        {
            "question": "失眠",
            "description": "睡不着",
            "answers": [{"answer_text": "嗯"}],
        },
        {"messages": [{"role": "user", "content": "你好"}]},
        {"text": "来访者：最近很累\n咨询师：请说说看"},
    ],
    ensure_ascii=False,
).encode()
THREADS = "帖子ID,标题,正文,回复\n1,失眠,睡不着,早点睡\n1,,,多运动\n".encode()
HTML = "<html><body><h1>一</h1><table><tr><td>题</td></tr></table><p>1. 题 A. 甲"
EXAM = "cpsyexam/mcq/test/a.json"


@cache
def whole_files() -> list[tuple[str, bytes]]:
    """Name and bytes of a sound file of every format."""
    return [
        ("书.pdf", pdf(LONG, "", LONG)),
        ("描.pdf", scan(2).read()),
        *((f"图.{kind}", picture(kind)) for kind in ("png", "jpeg", "tiff", "webp")),
        ("书.docx", word()),
        ("书.epub", epub()),
        ("书.html", HTML.encode()),
        ("书.md", f"# 一\n\n{LONG}".encode()),
        ("书.txt", LONG.encode("gb18030")),
        ("库.json", banks.as_json()),
        ("库.jsonl", banks.as_jsonl()),
        ("库.csv", banks.as_csv("gb18030")),
        ("库.tsv", banks.as_csv("utf-8", "\t")),
        ("库.xlsx", banks.as_xlsx()),
        ("库.xls", (Path(banks.__file__).parent / "banks/bank.xls").read_bytes()),
        ("库.docx", banks.as_docx()),
        ("库.txt", banks.as_text().encode()),
        ("帖.json", POSTS),
        ("帖.csv", THREADS),
        ("帖.txt", "来访者：累\n咨询师：请说".encode()),
        (EXAM, banks.as_json()),
    ]


# ---- mutations -------------------------------------------------------------------


def flipped(data: bytearray, luck: random.Random) -> None:
    for _ in range(luck.choice([1, 4, 32])):
        data[luck.randrange(len(data))] = luck.randrange(256)


def cut(data: bytearray, luck: random.Random) -> None:
    del data[luck.randrange(len(data)) :]


def lost(data: bytearray, luck: random.Random) -> None:
    start = luck.randrange(len(data))
    del data[start : start + luck.choice([1, 16, 500])]


def repeated(data: bytearray, luck: random.Random) -> None:
    start = luck.randrange(len(data))
    piece = data[start : start + luck.choice([8, 200])]
    data[start:start] = piece * luck.choice([2, 50, 1000])


def enlarged(data: bytearray, luck: random.Random) -> None:
    """Put a number where no one foresaw it: in a header, a count, a coordinate."""
    size = luck.choice([2, 4, 8])
    start = luck.randrange(max(1, len(data) - size))
    data[start : start + size] = luck.choice([b"\xff", b"\x00", b"9"]) * size


def nested(data: bytearray, luck: random.Random) -> None:
    start = luck.randrange(len(data))
    mark = luck.choice([b"[", b'{"a":', b"<div>", b"<table><tr><td>", b'"', b"("])
    data[start:start] = mark * luck.choice([50, 5000])


MUTATIONS = (flipped, cut, lost, repeated, enlarged, nested)


def mutated(number: int) -> SourceFile:
    """Return file ``number``: a sound one with one to three things done to it."""
    luck = random.Random(number)
    name, data = luck.choice(whole_files())
    for _ in range(luck.choice([1, 1, 3])):
        data = _changed(data, luck)
    folder, _, base = name.rpartition("/")
    return file(f"{folder}/{number}-{base}".lstrip("/"), data)


def _changed(data: bytes, luck: random.Random) -> bytes:
    with suppress(Exception):  # an archive that is damaged already
        if data.startswith(b"PK") and luck.random() < 0.7:
            return _with_part_changed(data, luck)
    changed = bytearray(data)
    if changed:
        luck.choice(MUTATIONS)(changed, luck)
    return bytes(changed)


def _with_part_changed(data: bytes, luck: random.Random) -> bytes:
    """Change what is packed: an archive changed from outside says that it is."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        chosen = luck.choice(old.namelist())
        for name in old.namelist():
            content = bytearray(old.read(name))
            if name == chosen and content:
                luck.choice(MUTATIONS)(content, luck)
            new.writestr(name, bytes(content))
    return packed.getvalue()


# ---- reading ---------------------------------------------------------------------


def read_all(files: list[SourceFile]) -> Iterator[str]:
    """Yield the name of each file that is a row, or a reason, of the right table."""
    books, kept, posts, exams = (
        [f for f in files if belongs(f.name)] for belongs in BELONGS.values()
    )
    yield from _names(read_textbooks(books, None, PARAMETERS, None, HASTY))
    yield from _names(read_question_banks(kept, HASTY))
    yield from _names(read_posts(posts, HASTY))
    yield from _names(read_benchmarks(exams, CARDS, HASTY))


BELONGS: dict[str, Callable[[str], bool]] = {
    "textbooks": lambda name: "书" in name or "描" in name or "图" in name,
    "question_banks": lambda name: "库" in name,
    "posts": lambda name: "帖" in name,
    "benchmarks": lambda name: "/" in name,
}


def _names(read) -> set[str]:
    rows, unreadable = read[0], read[1]
    return {*rows["source"], *unreadable["source"]}


def fuzz(numbers: range) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for start in range(numbers.start, numbers.stop, AT_ONCE):
        files = [mutated(n) for n in range(start, min(start + AT_ONCE, numbers.stop))]
        assert set(read_all(files)) == {f.name for f in files}
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MOST_MEMORY


def test_a_mutated_file_is_rows_or_a_reason():
    fuzz(range(FEW))


@pytest.mark.slow
def test_20_000_mutated_files_are_rows_or_a_reason_within_seconds_and_memory():
    fuzz(range(FEW, FEW + MANY))
