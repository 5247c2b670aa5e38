"""The sample's DOCX, XLSX and PDF files, made from the texts in `sample_sources/`.

Run `python data/make_sample.py` after editing a source. The office files need no font;
the PDFs need a CJK TrueType font (Debian: `apt-get install fonts-wqy-zenhei`). Dates
and random seeds are fixed, so that an unchanged source gives an unchanged file.
"""

import argparse
import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import docx
import numpy as np
import xlsxwriter
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    PageBreak,
    PageTemplate,
    Paragraph,
)
from reportlab.platypus.tableofcontents import TableOfContents

HERE = Path(__file__).parent
SOURCES = HERE / "sample_sources"
SAMPLE = HERE / "01_raw" / "sample"
EPOCH = dt.datetime(2022, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
AUTHOR = "云汀样书社"
FONTS = (  # reportlab embeds TrueType outlines only, so Noto CJK (CFF) will not do
    Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc"),
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    Path("/usr/share/fonts/truetype/arphic/uming.ttc"),
)
SCAN_PAGE = (874, 1240)  # pixels: A5 at 150 dpi
SCAN_MARGIN = 90
SCAN_FONT_SIZE = 24
SCAN_CHARACTERS = 28
CLOSING_MARKS = tuple("。，、；：？！）”》")


class Block(NamedTuple):
    """One block of a source text: a kind (h1, h2, item, text) and its words."""

    kind: str
    text: str


def split_blocks(source: str) -> list[Block]:
    """The blocks of a Markdown text, in order; a block is one non-empty line."""
    return [read_block(line) for line in source.splitlines() if line.strip()]


def read_block(line: str) -> Block:
    """The block that one line of Markdown stands for, without its mark."""
    for kind, mark in (("h2", r"## "), ("h1", r"# "), ("item", r"\d+\. ")):
        if match := re.match(mark, line):
            return Block(kind, line[match.end() :])
    return Block("text", line)


def make_docx(source: Path, target: Path) -> None:
    """A Word file with heading styles and lists that Word itself numbers."""
    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author = source.stem, AUTHOR
    properties.created = properties.modified = EPOCH
    styles = {"h1": "Heading 1", "h2": "Heading 2", "item": "List Number"}
    for kind, text in split_blocks(source.read_text(encoding="utf-8")):
        document.add_paragraph(text, style=styles.get(kind, "Normal"))
    buffer = io.BytesIO()
    document.save(buffer)
    target.write_bytes(drop_zip_dates(buffer.getvalue()))


def drop_zip_dates(archive: bytes) -> bytes:
    """The same archive with every member dated 1980, so that equal text is equal."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w") as new,
    ):
        for name in old.namelist():
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, old.read(name))
    return buffer.getvalue()


def make_xlsx(sheets: dict[str, Path], title: str, target: Path) -> None:
    """A workbook with one sheet per CSV, each with a title row above its header row."""
    with xlsxwriter.Workbook(target) as workbook:
        workbook.set_properties({"title": title, "author": AUTHOR, "created": EPOCH})
        for name, source in sheets.items():
            sheet = workbook.add_worksheet(name)
            sheet.write_string(0, 0, f"{title}·{name}")
            with source.open(encoding="utf-8", newline="") as lines:
                for number, cells in enumerate(csv.reader(lines), start=1):
                    write_cells(sheet, number, cells)


def write_cells(
    sheet: xlsxwriter.worksheet.Worksheet, number: int, cells: Iterable[str]
) -> None:
    """Writes one row as text; an empty string leaves an empty cell."""
    for column, cell in enumerate(cells):
        if cell:
            sheet.write_string(number, column, cell)


class TextbookTemplate(BaseDocTemplate):
    """A5 pages with a running head and a page number, and a contents page."""

    def __init__(self, target: Path, title: str) -> None:
        super().__init__(
            str(target), pagesize=A5, title=title, author=AUTHOR, invariant=1
        )
        width, height = A5
        frame = Frame(18 * mm, 20 * mm, width - 36 * mm, height - 42 * mm)
        self.addPageTemplates(PageTemplate(frames=[frame], onPage=self.draw_margins))

    def draw_margins(self, canvas: Canvas, _: BaseDocTemplate) -> None:
        """Draws running head and page number on every page but the first."""
        number = canvas.getPageNumber()
        if number == 1:
            return
        width, height = A5
        canvas.setFont("CJK", 8)
        canvas.drawString(20 * mm, height - 14 * mm, self.title)
        canvas.drawCentredString(width / 2, 11 * mm, f"— {number} —")

    def afterFlowable(self, flowable: Flowable) -> None:
        """Tells the contents page where a heading has landed."""
        style = getattr(flowable, "style", None)
        if style is not None and style.name in ("h1", "h2"):
            entry = (int(style.name[1]) - 1, flowable.getPlainText(), self.page)
            self.notify("TOCEntry", entry)


def paragraph_styles() -> dict[str, ParagraphStyle]:
    """The style of each kind of block; `CJK` must be a registered font."""
    text = ParagraphStyle(
        "text",
        fontName="CJK",
        fontSize=10.5,
        leading=17,
        wordWrap="CJK",
        firstLineIndent=21,
        alignment=TA_JUSTIFY,
    )
    item = ParagraphStyle("item", parent=text, firstLineIndent=0, leftIndent=16)
    h1 = ParagraphStyle(
        "h1", parent=item, leftIndent=0, fontSize=15, leading=24, spaceBefore=12
    )
    h2 = ParagraphStyle("h2", parent=h1, fontSize=12, leading=20, spaceBefore=8)
    front = ParagraphStyle("front", parent=h1, spaceBefore=60)
    return {style.name: style for style in (text, item, h1, h2, front)}


def set_blocks(
    blocks: Iterable[Block], styles: dict[str, ParagraphStyle]
) -> Iterator[Flowable]:
    """The paragraphs of a book: title page, contents page, then the chapters."""
    chapters = 0
    item = 0
    for kind, text in blocks:
        item = item + 1 if kind == "item" else 0
        chapters += kind == "h1"
        if kind == "h1" and chapters == 2:  # noqa: PLR2004 (the first h1 is the title)
            yield from set_contents(styles)
        style = styles["front" if kind == "h1" and chapters == 1 else kind]
        yield Paragraph(f"{item}. {text}" if item else text, style)


def set_contents(styles: dict[str, ParagraphStyle]) -> Iterator[Flowable]:
    """A contents page of its own, with dotted lines up to the page numbers."""
    contents = TableOfContents(dotsMinLevel=0)
    indented = ParagraphStyle("indented", parent=styles["item"], leftIndent=24)
    contents.levelStyles = [styles["item"], indented]
    front = ParagraphStyle("contents", parent=styles["h1"])
    yield from (PageBreak(), Paragraph("目录", front), contents, PageBreak())


def make_textbook_pdf(source: Path, target: Path, font: Path) -> None:
    """A born-digital PDF with a text layer; its font is embedded as a subset."""
    pdfmetrics.registerFont(TTFont("CJK", str(font), subfontIndex=0))
    blocks = split_blocks(source.read_text(encoding="utf-8"))
    story = list(set_blocks(blocks, paragraph_styles()))
    TextbookTemplate(target, blocks[0].text).multiBuild(story)


def make_scanned_pdf(source: Path, target: Path, font: Path) -> None:
    """A PDF of grey page images without a text layer, a page per `---` section."""
    pages = source.read_text(encoding="utf-8").split("---\n")
    images = [draw_page(text, number, font) for number, text in enumerate(pages, 41)]
    stamp = EPOCH.timetuple()
    images[0].save(
        target,
        save_all=True,
        append_images=images[1:],
        resolution=150,
        quality=50,
        title=source.stem,
        creationDate=stamp,
        modDate=stamp,
    )


def draw_page(text: str, number: int, font: Path) -> Image.Image:
    """One page as a scanner would return it: slightly turned, grey and noisy."""
    page = Image.new("L", SCAN_PAGE, 246)
    draw = ImageDraw.Draw(page)
    body = ImageFont.truetype(font, SCAN_FONT_SIZE)
    small = ImageFont.truetype(font, SCAN_FONT_SIZE - 5)
    draw.text((SCAN_MARGIN, 50), "变态与咨询心理学（样书）", fill=60, font=small)
    draw.text((SCAN_PAGE[0] / 2, 1180), str(number), fill=60, font=small, anchor="mm")
    for row, line in enumerate(wrap_text(text)):
        draw.text((SCAN_MARGIN, 110 + row * 40), line, fill=35, font=body)
    return add_noise(page.rotate(0.25, fillcolor=246), seed=number)


def wrap_text(text: str) -> list[str]:
    """Lines of at most 28 characters; a closing mark never opens a line."""
    lines: list[str] = []
    for block in filter(None, text.splitlines()):
        rest = block if block.startswith("第") else "　　" + block
        while rest:
            hangs = rest[SCAN_CHARACTERS : SCAN_CHARACTERS + 1] in CLOSING_MARKS
            end = SCAN_CHARACTERS - hangs
            lines.append(rest[:end])
            rest = rest[end:]
    return lines


def add_noise(page: Image.Image, seed: int) -> Image.Image:
    """The page with faint grey noise, the same for the same seed."""
    noise = np.random.default_rng(seed).normal(0, 4, (page.height, page.width))
    pixels = np.asarray(page, dtype=np.float64) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_office_files(out: Path) -> None:
    """Writes the DOCX textbook and the XLSX question bank below `out`."""
    for folder in ("textbooks", "question_banks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    book = "发展与教育心理学"
    make_docx(SOURCES / f"{book}.md", out / "textbooks" / f"{book}.docx")
    sheets = {
        "教育心理学": SOURCES / "teacher_bank_1.csv",
        "发展与普通": SOURCES / "teacher_bank_2.csv",
    }
    target = out / "question_banks" / "teacher_bank.xlsx"
    make_xlsx(sheets, "云汀教师资格心理学题库（样例）", target)


def make_pdfs(out: Path, font: Path) -> None:
    """Writes the two PDF textbooks, with text layer and scanned, below `out`."""
    folder = out / "textbooks"
    folder.mkdir(parents=True, exist_ok=True)
    book, scan = "社会与健康心理学", "变态与咨询心理学_扫描"
    make_textbook_pdf(SOURCES / f"{book}.md", folder / f"{book}.pdf", font)
    make_scanned_pdf(SOURCES / f"{scan}.txt", folder / f"{scan}.pdf", font)


def find_font() -> Path | None:
    """The first CJK TrueType font at a usual Debian place, or None."""
    return next((font for font in FONTS if font.exists()), None)


def main() -> None:
    """Remakes the files named on the first line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", type=Path, default=find_font())
    parser.add_argument("--out", type=Path, default=SAMPLE)
    options = parser.parse_args()
    make_office_files(options.out)
    if options.font is None:
        parser.error(
            "the PDFs need a CJK TrueType font, none of "
            f"{', '.join(map(str, FONTS))} exists; pass --font PATH"
        )
    make_pdfs(options.out, options.font)


if __name__ == "__main__":
    main()
