"""Files as they should not be: pages, rows or a reason, and never a crash."""

import io
import json
import re
import zipfile
from collections.abc import Callable

import docx
import pytest
import xlsxwriter
from PIL import Image
from test_olmocr import PARAMETERS
from test_reading_textbooks import LONG, SENTENCE, epub, pdf, word

from cards import CARDS
from pipelines.ingestion.bank_files import file
from psyche_kedro.datasets.source_files import SourceFile, SourceFilesDataset
from psyche_kedro.pipelines.ingestion.nodes import (
    read_benchmarks,
    read_posts,
    read_question_banks,
    read_textbooks,
)


def read(*files: SourceFile):
    return read_textbooks(list(files), None, PARAMETERS)


def zipped(data: bytes, edit: Callable[[str, bytes], bytes | None]) -> bytes:
    """Return an archive with each part edited, those that become None left out."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            part = edit(name, old.read(name))
            if part is not None:
                new.writestr(name, part)
    return changed.getvalue()


def with_part(data: bytes, part: str, change: Callable[[bytes], bytes | None]) -> bytes:
    return zipped(data, lambda name, old: change(old) if name.endswith(part) else old)


# ---- PDF --------------------------------------------------------------------------


def without_page_object(number: int) -> bytes:
    data = pdf(LONG, LONG, LONG, LONG)
    kids = re.search(rb"/Kids \[([^\]]*)\]", data)
    page = re.findall(rb"\d+ 0 R", kids[1])[number - 1].split()[0]
    body = re.search(rb"(?s)\n%s 0 obj\r?\n(.*?)endobj" % page, data)
    start, end = body.span(1)
    return data[:start] + b"<< /Type /Nothing >>".ljust(end - start) + data[end:]


def test_a_damaged_page_costs_no_other():
    result = read(file("书.pdf", without_page_object(3)))
    assert result.pages["status"].to_list() == ["ok", "ok", "failed", "ok"]
    assert result.pages["detail"][2] == "damaged_page"
    assert result.inventory["n_pages"].to_list() == [4]


def test_a_page_whose_picture_is_damaged_is_no_blank_page():
    pages = [Image.effect_noise((300, 400), 60 + n) for n in range(3)]
    data = io.BytesIO()
    pages[0].save(data, "pdf", save_all=True, append_images=pages[1:])
    torn = bytearray(data.getvalue())
    start = [found.start() for found in re.finditer(b"\xff\xd8\xff", torn)][1]
    torn[start : start + 2000] = bytes(2000)
    result = read(file("扫描.pdf", bytes(torn)))
    assert result.pages["detail"].to_list() == [
        "no_ocr_engine",
        "damaged_page",
        "no_ocr_engine",
    ]


def test_a_pdf_without_a_page_is_listed():
    import pypdfium2

    data = io.BytesIO()
    pypdfium2.PdfDocument.new().save(data)
    assert read(file("空.pdf", data.getvalue())).unreadable["source"].to_list() == [
        "空.pdf"
    ]


# ---- Word and EPUB ----------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        with_part(word(), "word/document.xml", lambda xml: xml[:300]),
        with_part(word(), "numbering.xml", lambda xml: xml[:300]),
        with_part(word(), "styles.xml", lambda xml: None),
        word()[:400] + bytes(100) + word()[500:],
    ],
    ids=["document", "numbering", "styles", "compression"],
)
def test_a_damaged_word_file_is_listed(data):
    result = read(file("书.docx", data), file("z.md", SENTENCE.encode()))
    assert result.unreadable["reason"].to_list() == ["damaged_document"]
    assert result.pages["source"].to_list() == ["z.md"]


def test_an_archive_of_something_else_is_no_word_file():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("照片.jpg", b"x")
    (row,) = read(file("书.docx", data.getvalue())).unreadable.to_dicts()
    assert (row["reason"], row["detail"]) == (
        "unknown_type",
        "A plain archive is no input: unpack it into the folder.",
    )


@pytest.mark.parametrize("spine", [b"", b"<spine/>"])
def test_an_epub_without_spine_is_listed(spine):
    data = with_part(
        epub(), ".opf", lambda opf: re.sub(rb"<spine>.*</spine>", spine, opf)
    )
    assert read(file("书.epub", data)).unreadable["reason"].to_list() == ["no_pages"]


@pytest.mark.parametrize(
    "data",
    [
        with_part(epub(), "b.xhtml", lambda page: None),
        with_part(epub(), ".opf", lambda opf: opf.replace(b'"two"/><', b'"nine"/><')),
        with_part(epub(), "b.xhtml", lambda page: b"<!-- nothing -->"),
    ],
    ids=["missing", "unnamed", "no element"],
)
def test_a_lost_chapter_costs_no_other(data):
    pages = read(file("书.epub", data)).pages
    assert pages["status"].to_list() == ["ok", "failed"]
    assert pages["detail"].to_list() == [None, "damaged_page"]


def test_a_chapter_is_read_in_its_encoding_and_from_where_it_is():
    chapter = f"<html><body><p>{SENTENCE}</p></body></html>"
    data = with_part(epub(), "a.xhtml", lambda page: chapter.encode("gb18030"))
    data = with_part(
        data, ".opf", lambda opf: opf.replace(b"a.xhtml", b"../OPS/a.xhtml#start")
    )
    assert read(file("书.epub", data)).pages["text"][0] == SENTENCE


# ---- images -----------------------------------------------------------------------


def image(mode: str, size: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    Image.new(mode, size, 1).save(data, "png")
    return data.getvalue()


def test_an_image_of_a_hundred_megapixels_is_not_opened():
    (row,) = read(file("海报.png", image("1", (10_000, 10_000)))).unreadable.to_dicts()
    assert row["reason"] == "too_large"
    assert row["detail"].endswith("scan it at a lower resolution.")


def test_an_image_of_one_pixel_is_a_blank_page():
    assert read(file("点.png", image("1", (1, 1)))).pages["status"].item() == "blank"


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_half_an_image_is_a_failed_page_or_listed(kind):
    data = io.BytesIO()
    Image.effect_noise((300, 200), 80).save(data, kind)
    half = data.getvalue()[: len(data.getvalue()) // 2]
    result = read(file(f"半.{kind}", half))
    assert set(result.pages["status"]) | set(result.unreadable["reason"]) in (
        {"failed"},
        {"damaged_image"},
    )


# ---- text -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe" + SENTENCE.encode("gb18030"),
        SENTENCE.encode("utf-16-be"),
        SENTENCE.encode("utf-16"),
        b"\xef\xbb\xbf" + SENTENCE.encode("gb18030"),
        "\x00".join(SENTENCE).encode(),
    ],
    ids=["wrong mark", "no mark", "mark", "wrong UTF-8 mark", "NUL"],
)
def test_a_text_is_read_whatever_its_mark_says(data):
    assert read(file("书.txt", data)).pages["text"].item() == SENTENCE


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_stray_byte_costs_a_character_and_flags_the_page(encoding):
    page = (SENTENCE * 60).encode(encoding)
    (row,) = read(file("书.txt", page + b"\xff\n" + page)).pages.to_dicts()
    assert (row["status"], row["detail"]) == ("ok", "undecodable_bytes")
    assert row["text"].count(SENTENCE) >= 119


def test_bytes_that_are_no_text_are_listed():
    noise = bytes(range(128, 256)) * 20
    assert read(file("书.txt", noise)).unreadable["reason"].item() == "unknown_encoding"


def test_numbers_of_a_list_that_are_none_are_counted():
    html = '<ol start="x"><li>一</ol><ol start="-3"><li>二</ol>'
    assert (
        read(file("书.html", html.encode())).pages["text"].item() == "1. 一\n\n-3. 二"
    )


def test_elements_that_nest_too_deeply_are_not_dropped_in_silence():
    deep, too_deep = (f"{'<div>' * n}深{'</div>' * n}".encode() for n in (300, 5000))
    assert read(file("a.html", deep)).pages["text"].item() == "深"
    unreadable = read(file("b.html", too_deep)).unreadable
    assert unreadable["reason"].item() == "nested_too_deeply"


# ---- question banks ---------------------------------------------------------------


def bank(name: str, data: str | bytes):
    return read_question_banks(
        [file(name, data if isinstance(data, bytes) else data.encode())]
    )


@pytest.mark.parametrize(
    ("csv", "reason"),
    [
        ("题目,答案,题目,A,B\n甲？,A,乙？,一,二\n", "duplicate_header"),
        ('题目,A,B,答案\n"甲？,一,二,A\n乙？,一,二,B\n', "open_quote"),
    ],
)
def test_a_table_that_would_lose_cells_is_listed(csv, reason):
    assert bank("题.csv", csv).unreadable["reason"].to_list() == [reason]


def test_columns_of_one_name_that_agree_are_one():
    (row,) = bank("题.csv", "题目,答案,题目,A,B\n甲？,A,,一,二\n").rows.to_dicts()
    assert (row["stem"], row["gold"]) == ("甲？", ["A"])


def test_a_merged_header_of_a_word_table_names_its_columns_once():
    document = docx.Document()
    table = document.add_table(2, 5)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "题目"
    for column, words in enumerate(("答案", "A", "B"), 2):
        table.cell(0, column).text = words
    for column, words in enumerate(("甲？", "", "A", "一", "二")):
        table.cell(1, column).text = words
    data = io.BytesIO()
    document.save(data)
    (row,) = bank("题.docx", data.getvalue()).rows.to_dicts()
    assert (row["stem"], row["gold"], row["parse_status"]) == ("甲？", ["A"], "ok")


def test_a_sheet_is_read_with_its_formulas_and_merged_cells():
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("单选")
        sheet.merge_range("A1:D1", "题库")
        sheet.write_row("A2", ["题目", "", "", "答案"])
        sheet.merge_range("B2:C2", "选项")
        sheet.write_row("A3", ["甲？", 0, 2.5])
        sheet.write_formula("D3", '="B"', None, "B")
        sheet.merge_range("A4:A5", "乙？")
        sheet.write_row("B4", ["一", "二"])
        sheet.write_formula("D4", "=1/0", None, "#DIV/0!")
        book.add_worksheet("空")
    rows = bank("题.xlsx", data.getvalue()).rows
    assert rows.select("stem", "parse_status").rows() == [
        ("甲？", "ok"),
        ("乙？", "malformed"),
    ]
    assert [o["text"] for o in rows["options"][0]] == ["0", "2.5"]


def test_json_s_values_that_are_no_text_are_none():
    item = '{"题目": "甲？", "选项": {"A": 0, "B": NaN, "C": {"x": 1}}, "答案": "A"}'
    (row,) = bank("题.json", f"[{item}]").rows.to_dicts()
    assert [o["text"] for o in row["options"]] == ["0"]
    assert row["parse_errors"] == ["options_missing"]


@pytest.mark.parametrize(
    ("answer", "gold"), [(False, ["B"]), (0, ["B"]), (True, ["A"])]
)
def test_a_truth_is_read_though_it_is_no_text(answer, gold):
    item = {"题目": "信度是效度的必要条件", "题型": "判断", "答案": answer}
    (row,) = bank("题.json", json.dumps([item])).rows.to_dicts()
    assert row["gold"] == gold


def test_half_a_character_is_kept_out_of_the_tables():
    item = '{"题目": "甲\\ud83d", "A": "一", "B": "二", "答案": "A"}'
    for name, text in (("题.json", f"[{item}]"), ("题.jsonl", f"{item}\n{item}")):
        assert set(bank(name, text).rows["stem"]) == {"甲\ufffd"}


@pytest.mark.parametrize("reader", [read_question_banks, read_posts])
def test_lists_that_nest_too_deeply_are_listed(reader):
    deep = f"{'[' * 100_000}{']' * 100_000}".encode()
    assert reader([file("题.json", deep)]).unreadable["reason"].item() == "invalid_json"


# ---- posts and benchmarks ---------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        {"question": "失眠", "answers": 5},
        {"question": "失眠", "answers": [None]},
        {"ques_info": 5, "answers_info": []},
        {"conversation": [5]},
        {"messages": 5},
    ],
)
def test_a_post_of_another_shape_is_listed_and_the_others_are_read(record):
    good = {"question": "总是失眠", "answers": [{"answer_text": "先记录作息。"}]}
    result = read_posts([file("帖.json", json.dumps([record, good]).encode())])
    assert result.unreadable.height == 1
    assert result.rows["locator"].to_list() == ["item 2"]


@pytest.mark.parametrize("folder", ["pceb", "pceb/theory", "pceb/theory/easy"])
def test_a_benchmark_file_in_the_wrong_folder_is_listed(folder):
    item = {"题目": "甲？", "A": "一", "B": "二", "答案": "A"}
    result = read_benchmarks(
        [file(f"{folder}/1.json", json.dumps([item]).encode())], CARDS
    )
    assert result.unreadable["reason"].to_list() == ["unknown_folder"]


# ---- files ------------------------------------------------------------------------


def test_links_that_lead_nowhere_are_listed_and_the_others_are_read(tmp_path):
    (tmp_path / "有 空格 的书.md").write_text(SENTENCE, encoding="utf-8")
    (tmp_path / f"{'长' * 80}.md").write_text(LONG, encoding="utf-8")
    (tmp_path / "gone.md").symlink_to(tmp_path / "nowhere.md")
    (tmp_path / "self.md").symlink_to(tmp_path / "self.md")
    (tmp_path / "loop").symlink_to(tmp_path)
    files = SourceFilesDataset(path=str(tmp_path)).load()
    result = read_textbooks(files, None, PARAMETERS)
    assert sorted(result.pages["text"]) == sorted([SENTENCE, LONG])
    assert set(result.unreadable["reason"]) == {"unreadable_file"}
    assert result.unreadable["source"].to_list() == ["gone.md", "loop", "self.md"]
    assert result.inventory.height == 5


@pytest.mark.parametrize("reader", [read_question_banks, read_posts])
def test_a_file_that_may_not_be_read_is_listed(reader):
    def refuse() -> bytes:
        raise PermissionError(13, "Permission denied")

    (row,) = reader([SourceFile("题.json", refuse)]).unreadable.to_dicts()
    assert row["reason"] == "unreadable_file"
    assert "Permission denied" in row["detail"]
