"""A file that would kill the run, hang it or take the machine is a row, or a page's.

Each file stands beside a good one, which is read all the same.
"""

import io
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
import xlsxwriter
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from test_olmocr import PARAMETERS
from test_reading_textbooks import LONG, epub, pdf

from limits import LIMITS
from pipelines.ingestion import bank_files as banks
from pipelines.ingestion.bank_files import file
from psyche_kedro.datasets.source_files import SourceFile, SourceFilesDataset
from psyche_kedro.pipelines.ingestion.nodes import (
    read_posts,
    read_question_banks,
    read_textbooks,
)
from psyche_kedro.pipelines.ingestion.pipeline import create_pipeline

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")

HASTY = LIMITS.model_copy(
    update={"seconds": 4.0, "memory_mb": 300.0, "unpacked_mb": 50.0}
)
POSTS = '[{"question": "失眠", "description": "", "answers": []}]'.encode()


def good(name: str) -> SourceFile:
    return file(name, {"json": POSTS, "md": b"# 1\n\nwords"}[name.split(".")[1]])


def reason_of_bank(name: str, data: bytes, limits=HASTY) -> str:
    """Return why a bank is not read; a good one after it is."""
    read = read_question_banks([file(name, data), banks_json()], limits)
    assert read.rows["source"].unique().to_list() == ["好.json"]
    (row,) = read.unreadable.to_dicts()
    assert row["source"] == name
    return row["reason"]


def banks_json() -> SourceFile:
    return file("好.json", json.dumps(banks.records(), ensure_ascii=False).encode())


def reason_of_book(name: str, data: bytes, limits=HASTY) -> str:
    read = read_textbooks(
        [file(name, data), good("好.md")], None, PARAMETERS, None, limits
    )
    assert read.pages["source"].to_list() == ["好.md"]
    (row,) = read.unreadable.to_dicts()
    return row["reason"]


def pages_of_book(data: bytes, limits=HASTY) -> list[tuple[str, str | None]]:
    """Return status and detail of each page; a good book after it is read."""
    books = [file("坏.pdf", data), good("好.md")]
    read = read_textbooks(books, None, PARAMETERS, None, limits)
    assert read.unreadable.is_empty()
    *pages, last = read.pages.select("source", "status", "detail").rows()
    assert last == ("好.md", "ok", None)
    return [page[1:] for page in pages]


# ---- PDF --------------------------------------------------------------------------


def written_pdf(*objects: bytes) -> bytes:
    """Return a PDF of these objects, the first its catalog."""
    body = b"%PDF-1.7\n"
    starts = []
    for number, content in enumerate(objects, 1):
        starts.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n" % size
        + table
        + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(body))
    )


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
ONE_PAGE = b"<</Type/Pages/Count 1/Kids[3 0 R]>>"


def page(box: bytes = b"0 0 600 800", resources: bytes = b"") -> bytes:
    return (
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R/Resources<<%s>>>>"
        % (box, resources)
    )


def forms_in_one_another() -> bytes:
    form = (
        b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A %d 0 R>>>>"
    )
    calls = b"/A Do " * 30
    chain = [stream(calls, form % (n + 1)) for n in range(5, 14)]
    chain.append(stream(b"0 0 9 9 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]"))
    first = page(resources=b"/XObject<</A 5 0 R>>")
    return written_pdf(CATALOG, ONE_PAGE, first, stream(calls), *chain)


def form_that_calls_itself() -> bytes:
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 5 0 R>>>>"
    first = page(resources=b"/XObject<</A 5 0 R>>")
    return written_pdf(
        CATALOG, ONE_PAGE, first, stream(b"/A Do"), stream(b"/A Do /A Do", form)
    )


def flate_bomb() -> bytes:
    packed = zlib.compress(bytes(600_000_000), 9)
    return written_pdf(
        CATALOG, ONE_PAGE, page(), stream(packed, b"/Filter/FlateDecode")
    )


@pytest.mark.parametrize("data", [forms_in_one_another, form_that_calls_itself])
def test_forms_that_call_one_another_without_end_are_one_failed_page(data):
    ((status, detail),) = pages_of_book(data())
    assert status == "failed"
    assert detail in {"reader_died", "too_slow", "too_large"}


def test_a_stream_that_unpacks_to_more_than_may_be_taken_costs_its_page():
    ((status, _),) = pages_of_book(flate_bomb())
    assert status in {"failed", "blank"}


def test_a_page_too_thin_for_a_character_is_not_shown_to_an_engine():
    data = written_pdf(
        CATALOG, ONE_PAGE, page(b"0 0 900000 2"), stream(b"0 0 900000 2 re f")
    )
    assert pages_of_book(data) == [("blank", "too_thin")]


def test_claimed_pages_are_not_believed():
    claims = b"<</Type/Pages/Count 300000/Kids[3 0 R]>>"
    data = written_pdf(CATALOG, claims, b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]>>")
    assert reason_of_book("坏.pdf", data) == "too_large"


def test_pages_that_end_the_reader_cost_no_other_until_they_are_too_many():
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 4 0 R>>>>"
    bad = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 5 0 R"
        b"/Resources<</XObject<</A 4 0 R>>>>>>"
    )
    kids = b"<</Type/Pages/Count 4/Kids[3 0 R 3 0 R 3 0 R 3 0 R]>>"
    data = written_pdf(
        CATALOG, kids, bad, stream(b"/A Do /A Do", form), stream(b"/A Do")
    )
    limits = HASTY.model_copy(update={"lost_pages": 2})
    found = [detail for _, detail in pages_of_book(data, limits)]
    assert found[2:] == ["given_up", "given_up"]
    assert "given_up" not in found[:2]


# ---- archives --------------------------------------------------------------------


def repacked(data: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name.endswith(part) else content)
    return changed.getvalue()


def sheet(*cells: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        page = book.add_worksheet()
        for row, column in cells:
            page.write_string(row, column, "题")
    return data.getvalue()


def word(build: Callable[[docx.document.Document], None]) -> bytes:
    document = docx.Document()
    build(document)
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


@pytest.mark.parametrize("far", [(1_048_575, 16_383), (900_000, 40), (30_000, 9_000)])
def test_a_cell_far_from_the_table_is_said_before_room_is_made_for_it(far):
    assert reason_of_bank("远.xlsx", sheet((0, 0), far)) == "too_large"


def test_a_far_cell_within_a_few_columns_is_no_reason():
    read = read_question_banks([file("远.xlsx", sheet((0, 0), (900_000, 9)))], HASTY)
    (row,) = read.unreadable.to_dicts()
    assert row["reason"] in {"no_header", "too_large", "reader_died"}


def test_a_cell_that_claims_millions_of_columns():
    def span(document) -> None:
        cell = document.add_table(1, 1).cell(0, 0)._tc.get_or_add_tcPr()
        wide = OxmlElement("w:gridSpan")
        wide.set(qn("w:val"), "200000000")
        cell.append(wide)

    assert reason_of_bank("宽.docx", word(span)) in {"too_large", "too_slow"}


def test_an_archive_that_unpacks_to_a_thousand_times_itself():
    data = repacked(epub(), "b.xhtml", lambda text: b" " * 60_000_000)
    assert reason_of_book("炸.epub", data) == "too_large"


def test_an_archive_that_lies_about_what_it_unpacks_to():
    honest = repacked(sheet((0, 0)), "sheet1.xml", lambda text: b" " * 400_000_000)
    lied = honest.replace((400_000_000).to_bytes(4, "little"), bytes([9, 0, 0, 0]))
    reason = reason_of_bank("谎.xlsx", lied)
    assert reason in {"too_large", "reader_died", "damaged_workbook", "truncated"}


def test_a_document_that_a_spine_names_often_is_read_once():
    again = b'<itemref idref="one"/>' * 2000
    data = repacked(
        epub(), ".opf", lambda text: text.replace(b"<spine>", b"<spine>" + again)
    )
    read = read_textbooks([file("书.epub", data)], None, PARAMETERS, None, HASTY)
    assert read.pages.height == 2


def test_tables_in_one_another():
    def nest(document) -> None:
        cell = document.add_table(1, 1).cell(0, 0)
        for _ in range(400):
            cell = cell.add_table(1, 1).cell(0, 0)

    assert reason_of_bank("套.docx", word(nest)) in {
        "damaged_document",
        "nested_too_deeply",
        "no_questions",
    }


# ---- what Rust does not survive ---------------------------------------------------


def test_a_workbook_that_aborts_its_reader_costs_no_other():
    # It claims two thousand million sectors, and calamine makes room for them.
    data = bytearray((Path(banks.__file__).parent / "banks/bank.xls").read_bytes())
    data[0x2C:0x30] = b"\xff\xff\xff\x7f"
    assert reason_of_bank("坏.xls", bytes(data)) == "reader_died"


# ---- text ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("深.json", b"[" * 100_000, "invalid_json"),
        ("深.jsonl", b"\n".join([b'{"a":' * 3000] * 3), "invalid_json"),
        ("长.csv", b'a,b\n"' + b"x" * 11_000_000, "invalid_csv"),
        ("数.json", b'[{"question": ' + b"9" * 5000 + b"}]", "invalid_json"),
    ],
)
def test_text_without_end_is_a_reason(name, data, reason):
    assert reason_of_bank(name, data) == reason
    read = read_posts([file(name, data), good("好.json")], HASTY)
    assert read.unreadable["reason"].to_list() == [reason]
    assert read.rows.height == 1


# ---- what is no file --------------------------------------------------------------


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "好.json").write_bytes(POSTS)
    return tmp_path


def read_raw(raw, limits=HASTY) -> list[tuple[str, str]]:
    read = read_posts(SourceFilesDataset(path=str(raw)).load(), limits)
    assert read.rows["source"].to_list() == ["好.json"]
    return read.unreadable.select("source", "reason").rows()


def test_a_pipe_is_not_waited_for(raw):
    os.mkfifo(raw / "管.json")
    assert read_raw(raw) == [("管.json", "unreadable_file")]


def test_a_device_is_not_read(raw):
    (raw / "零.json").symlink_to("/dev/zero")
    assert read_raw(raw) == [("零.json", "unreadable_file")]


def test_a_file_larger_than_it_may_be_is_not_opened(raw):
    with (raw / "大.json").open("wb") as hole:
        hole.truncate(10**12)
    assert read_raw(raw) == [("大.json", "too_large")]


# ---- as without limits ------------------------------------------------------------


def test_what_is_read_does_not_depend_on_where():
    books = [file("书.pdf", pdf(LONG, "", LONG)), file("本.epub", epub())]
    here, there = (
        read_textbooks(books, None, PARAMETERS, None, LIMITS.model_copy(update=where))
        for where in ({"read_in": "in_process"}, {"read_in": "child_process"})
    )
    assert all(a.equals(b) for a, b in zip(here, there, strict=True))


def test_every_node_that_opens_a_file_does_so_within_limits():
    opening = [n for n in create_pipeline().nodes if "raw_files" in n.inputs]
    assert len(opening) == 5
    assert not [n for n in opening if "params:ingestion.limits" not in n.inputs]
