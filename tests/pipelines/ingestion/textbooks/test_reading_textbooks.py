"""Every page of every book gets a row; a file that cannot be read is listed."""

import io
import zipfile

import docx
import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from test_olmocr import PARAMETERS, SAMPLE, scan

from pipelines.ingestion.bank_files import file
from psyche_kedro import tables
from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.pipelines.ingestion.nodes import read_textbooks
from psyche_kedro.pipelines.ingestion.textbooks import page_images, pictures
from psyche_kedro.pipelines.ingestion.textbooks.ocr import OcrText, installed_engines
from psyche_kedro.pipelines.ingestion.textbooks.reading_order import TextBox, to_text

SENTENCE = "认知心理学是研究人的高级心理过程的科学。"
LONG = SENTENCE * 4


def read(*files: SourceFile, params=PARAMETERS):
    return read_textbooks(list(files), None, params)


def pdf(*pages: str, **options) -> bytes:
    """A born-digital PDF whose Chinese font is not embedded, as old books are."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    data = io.BytesIO()
    canvas = Canvas(data, **options)
    for text in pages:
        canvas.setFont("STSong-Light", 12)
        for line in range(0, len(text), 36):
            canvas.drawString(72, 700 - line / 2, text[line : line + 36])
        canvas.showPage()
    canvas.save()
    return data.getvalue()


def picture(kind: str, **options) -> bytes:
    page = Image.new("RGB", (60, 90), "white")
    page.paste("black", (10, 10, 50, 20))
    data = io.BytesIO()
    page.save(data, kind, **options)
    return data.getvalue()


def epub() -> bytes:
    chapters = {
        "b.xhtml": f"<html><body><h1>第二章</h1><p>{SENTENCE}</p></body></html>",
        "a.xhtml": "<html><body><h1>第一章</h1><p>先读这里。</p></body></html>",
    }
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        '<item id="two" href="b.xhtml"/><item id="one" href="a.xhtml"/></manifest>'
        '<spine><itemref idref="one"/><itemref idref="two"/></spine></package>'
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as book:
        book.writestr("META-INF/container.xml", container)
        book.writestr("OPS/book.opf", package)
        for name, text in chapters.items():
            book.writestr(f"OPS/{name}", text)
    return data.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.add_heading("第一章 记忆", 1)
    document.add_paragraph(SENTENCE)
    document.add_paragraph("感觉记忆", style="List Number")
    document.add_paragraph("短时记忆", style="List Number")
    document.add_table(rows=1, cols=2).rows[0].cells[1].text = "容量"
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


# ---- formats ---------------------------------------------------------------------


def test_word_keeps_headings_numbers_and_tables():
    (row,) = read(file("书.docx", word())).pages.to_dicts()
    assert row["text"].split("\n\n") == [
        "# 第一章 记忆",
        SENTENCE,
        "1. 感觉记忆",
        "2. 短时记忆",
        "|  | 容量 |",
    ]


def test_an_epub_is_read_in_the_order_of_its_spine():
    pages = read(file("书.epub", epub())).pages
    assert pages["text"].to_list() == [
        "# 第一章\n\n先读这里。",
        f"# 第二章\n\n{SENTENCE}",
    ]
    assert pages["page"].to_list() == [1, 2]


def test_html_keeps_headings_and_lists_and_leaves_scripts():
    html = "<script>x</script><h2>记忆</h2><p>甲<b>乙</b></p><ol><li>一<li>二</ol>"
    (row,) = read(file("书.html", html.encode())).pages.to_dicts()
    assert row["text"] == "## 记忆\n\n甲乙\n\n1. 一\n\n2. 二"


@pytest.mark.parametrize("name", ["书.txt", "书.md"])
def test_plain_text_is_read_in_its_encoding(name):
    (row,) = read(file(name, SENTENCE.encode("gb18030"))).pages.to_dicts()
    assert row["text"] == SENTENCE


def test_a_text_layer_is_read_though_its_font_is_not_embedded():
    pages = read(file("书.pdf", pdf(LONG, LONG))).pages
    assert pages["engine"].to_list() == ["text_layer"] * 2
    assert pages["text"][0].replace("\n", "") == LONG


def test_the_type_is_told_by_content_not_by_name():
    read_ = read(file("书.txt", pdf(LONG)))
    assert read_.inventory["kind"].to_list() == ["pdf"]


# ---- pictures --------------------------------------------------------------------


class FixedEngine:
    """Reads every picture as the same text."""

    name = "rapidocr"

    def __init__(self, text: str, confidence: float = 0.99) -> None:
        self.said = OcrText(text, confidence)
        self.pictures: list[Image.Image] = []

    def read(self, image: Image.Image) -> OcrText:
        self.pictures.append(image)
        return self.said


@pytest.fixture
def engine(monkeypatch):
    def install(text: str, confidence: float = 0.99) -> FixedEngine:
        fixed = FixedEngine(text, confidence)
        monkeypatch.setattr(pictures, "installed_engines", lambda names: [fixed])
        return fixed

    return install


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff"])
def test_an_image_is_a_page(engine, kind):
    engine(SENTENCE)
    (row,) = read(file(f"扫描.{kind}", picture(kind))).pages.to_dicts()
    assert (row["text"], row["status"], row["engine"]) == (SENTENCE, "ok", "rapidocr")


def test_every_frame_of_a_tiff_is_a_page(engine):
    engine(SENTENCE)
    frames = [Image.new("RGB", (60, 90), "black") for _ in range(3)]
    data = picture("tiff", save_all=True, append_images=frames)
    assert read(file("扫描.tiff", data)).pages["page"].to_list() == [1, 2, 3, 4]


def test_a_transparent_picture_stands_on_white():
    data = io.BytesIO()
    Image.new("RGBA", (60, 90), (0, 0, 0, 0)).save(data, "png")
    ref = page_images.PageRef(file("a.png", data.getvalue()), "image", 1)
    (shown,) = page_images.render([ref], 128)
    assert page_images.ink_share(shown) == 0


def test_an_empty_page_is_blank_and_costs_no_engine(engine):
    fixed = engine(SENTENCE)
    pages = read(file("书.pdf", pdf(LONG, ""))).pages
    assert pages["status"].to_list() == ["ok", "blank"]
    assert fixed.pictures == []


def test_a_line_of_low_confidence_flags_its_page(engine):
    engine(SENTENCE, 0.56)
    (row,) = read(scan(1)).pages.to_dicts()
    assert (row["status"], row["detail"]) == ("ok", "low_confidence")
    assert row["confidence"] == pytest.approx(0.56)


def scan_with_text() -> bytes:
    """A page that is one picture, with someone's OCR laid under it."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(200, 300))
    canvas.setFont("STSong-Light", 8)
    canvas.drawString(10, 150, "认知心理孚是研允人")
    canvas.drawImage(ImageReader(io.BytesIO(picture("png"))), 0, 0, 200, 300)
    canvas.save()
    return data.getvalue()


def test_a_scan_with_a_text_layer_is_read_again(engine):
    engine(SENTENCE)
    (row,) = read(file("书.pdf", scan_with_text())).pages.to_dicts()
    assert (row["text"], row["engine"], row["status"]) == (SENTENCE, "rapidocr", "ok")


def test_the_layer_of_a_scan_is_a_fallback_where_nothing_can_read_it():
    (row,) = read(file("书.pdf", scan_with_text())).pages.to_dicts()
    assert (row["status"], row["engine"]) == ("fallback", "text_layer")
    assert row["detail"] == "scan_with_text_layer"
    assert row["text"] == "认知心理孚是研允人"


def test_without_any_engine_a_scan_is_failed_page_by_page():
    pages = read(scan(3)).pages
    assert pages["status"].to_list() == ["failed"] * 3
    assert set(pages["detail"]) == {"no_ocr_engine"}


@pytest.mark.skipif(not installed_engines(["rapidocr"]), reason="extra `ocr` is absent")
def test_the_bundled_scan_is_read_here():
    book = SAMPLE / "变态与咨询心理学_扫描.pdf"
    local = PARAMETERS.local_ocr.model_copy(
        update={"engines": ("rapidocr",), "longest_side": 1800}
    )
    params = PARAMETERS.model_copy(update={"local_ocr": local})
    pages = read(SourceFile(book.name, book.read_bytes), params=params).pages
    assert pages["status"].to_list() == ["ok"] * 3
    text = pages["text"][0].replace("\n", "")
    assert "判断心理是否异常，要看主观体验与客观现实是否统一" in text


# ---- what cannot be read ----------------------------------------------------------


def encrypted() -> bytes:
    return pdf(LONG, encrypt=StandardEncryption("user", "owner", strength=40))


def protected_epub() -> bytes:
    data = io.BytesIO(epub())
    with zipfile.ZipFile(data, "a") as book:
        book.writestr("META-INF/encryption.xml", "<x/>")
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"", "empty_file"),
        ("a.pdf", encrypted(), "encrypted"),
        ("a.pdf", b"%PDF-1.4\n" + bytes(range(256)) * 4, "damaged_pdf"),
        ("a.pdf", b"hello, no PDF at all", "unknown_type"),
        ("a.epub", protected_epub(), "encrypted"),
        ("a.epub", epub()[:400], "truncated"),
        ("a.png", picture("png")[:40], "damaged_image"),
        ("a.json", b"[]", "unknown_type"),
    ],
)
def test_an_unreadable_book_is_listed_and_the_others_are_read(name, data, reason):
    result = read(file(name, data), file("z.md", SENTENCE.encode()))
    (row,) = result.unreadable.to_dicts()
    assert (row["source"], row["reason"]) == (name, reason)
    assert result.pages["source"].to_list() == ["z.md"]
    assert result.inventory["problem"].to_list() == [reason, None]


def test_a_book_that_came_twice_is_read_once():
    result = read(file("a.md", SENTENCE.encode()), file("b.md", SENTENCE.encode()))
    assert result.pages["source"].to_list() == ["a.md"]
    assert result.unreadable["detail"].item() == "The file equals a.md, which is read."


def test_the_inventory_says_how_each_file_is_read():
    mixed = io.BytesIO()
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf(LONG))
    document.import_pages(pypdfium2.PdfDocument(scan(1).read()))
    document.save(mixed)
    result = read(
        file("born.pdf", pdf(LONG)),
        file("mixed.pdf", mixed.getvalue()),
        scan(2, "scan.pdf"),
        file("text.md", SENTENCE.encode()),
        file("torn.pdf", b"%PDF-1.4"),
    )
    assert result.inventory["route"].to_list() == [
        "text_layer",
        "mixed",
        "pictures",
        "text",
        "none",
    ]
    tables.TextbookInventory.validate(result.inventory)
    tables.Documents.validate(result.pages)


# ---- reading order ----------------------------------------------------------------


def line(text: str, top: float, left: float = 100, width: float = 900) -> TextBox:
    return TextBox(left, top, left + width, top + 30, text)


def test_an_indented_line_starts_a_paragraph():
    boxes = [line("甲", 0), line("乙", 50), line("丙", 100, left=165, width=835)]
    assert to_text(boxes) == "甲\n乙\n\n丙"


def test_boxes_of_one_height_are_one_line():
    boxes = [line("右", 2, left=560, width=440), line("左", 0, width=450)]
    assert to_text(boxes) == "左 右"


def test_columns_are_read_one_after_the_other():
    left = [line(f"左{n}", 50 * n, width=430) for n in range(1, 7)]
    right = [line(f"右{n}", 50 * n, left=570, width=430) for n in range(1, 7)]
    title = line("题", 0)
    words = to_text([*right, title, *left]).split()
    assert words == [
        "题",
        *(f"左{n}" for n in range(1, 7)),
        *(f"右{n}" for n in range(1, 7)),
    ]


def test_a_number_in_the_margin_does_not_run_into_the_text():
    boxes = [line("甲", 0), line("乙", 50), TextBox(20, 50, 90, 80, "14(1)")]
    assert to_text(boxes) == "甲\n乙\n\n14(1)"


def test_the_label_of_a_figure_makes_no_margin():
    boxes = [line("标签", 60, left=300, width=200), line("题", 0, width=100)]
    assert to_text(boxes).split() == ["题", "标签"]
