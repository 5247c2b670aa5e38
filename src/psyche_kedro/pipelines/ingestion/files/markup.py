"""HTML, EPUB and DOCX to blocks: lines of text in reading order, and tables.

Word numbers paragraphs itself: ``1.`` is not in a paragraph's text, and a question bank
without its numbers runs together. The numbering is counted here, by list and level.
"""

import io
import posixpath
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urldefrag

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from lxml import etree
from lxml import html as lxml_html

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files.encodings import decode
from psyche_kedro.text.numerals import to_numeral

Cells = list[list[str]]
Block = str | Cells

HEADINGS = {f"h{level}": level for level in range(1, 7)}
LINES = {"p", "div", "li", "dt", "dd", "blockquote", "section", "article", "br", "tr"}
DROPPED = {"script", "style", "nav", "noscript", "template", "svg", "head"}
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_CONTAINER = "META-INF/container.xml"
_DAMAGE = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    PackageNotFoundError,
    RuntimeError,
    TypeError,
    ValueError,
    etree.XMLSyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What python-docx, lxml and zipfile raise, by where a document is damaged."""


def to_markdown(blocks: Iterable[Block]) -> str:
    """Return blocks as Markdown, a table as pipes."""
    return "\n\n".join(b if isinstance(b, str) else _pipes(b) for b in blocks)


def _pipes(cells: Cells) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


# ---- HTML ------------------------------------------------------------------------


def html_blocks(html: str) -> list[Block]:
    """Return the blocks of an HTML page, those hidden by style included.

    Answers are often hidden until clicked; they are in the page all the same.

    Raises:
        UnreadableSource: If the page holds no element, or too many in one another.
    """
    # Without huge_tree whatever lies 256 elements deep is dropped in silence.
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, huge_tree=True
    )
    page = _Page()
    try:
        page.walk(lxml_html.document_fromstring(html.encode(), parser=parser))
    except etree.ParserError as error:
        raise UnreadableSource(
            "empty_file", "The page holds no element: save it again."
        ) from error
    except RecursionError as error:
        raise UnreadableSource(
            "nested_too_deeply", "Its elements nest too deeply: save it as text."
        ) from error
    page.flush()
    return page.blocks


class _Page:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._line: list[str] = []
        self._prefix = ""

    def walk(self, node: Any) -> None:
        tag = node.tag if isinstance(node.tag, str) else None
        if tag == "table":
            self.flush()
            self.blocks.append(_html_cells(node))
        elif tag is not None and tag not in DROPPED:
            self._element(node, tag)
        self._line.append(node.tail or "")

    def _element(self, node: Any, tag: str) -> None:
        is_block = tag in LINES or tag in HEADINGS
        if is_block:
            self.flush()
            self._prefix = _prefix(node, tag)
        self._line.append(node.text or "")
        for child in node:
            self.walk(child)
        if is_block:
            self.flush()

    def flush(self) -> None:
        text = " ".join("".join(self._line).split())
        self._line = []
        if text:
            self.blocks.append(self._prefix + text)
            self._prefix = ""


def _prefix(node: Any, tag: str) -> str:
    if tag in HEADINGS:
        return "#" * HEADINGS[tag] + " "
    parent = node.getparent()
    if tag == "li" and parent is not None and parent.tag == "ol":
        number = _start(parent) + parent.index(node)
        return f"{_numeral(number, _html_format(parent.get('type', '1')))}. "
    return ""


def _start(numbered: Any) -> int:
    start = numbered.get("start", "").strip()
    return int(start) if re.fullmatch(r"-?\d{1,9}", start) else 1


def _html_format(kind: str) -> str:
    return {"A": "upperLetter", "a": "lowerLetter"}.get(kind, "decimal")


def _html_cells(table: Any) -> Cells:
    return [
        [text for cell in row.iter("td", "th") for text in _spread(cell)]
        for row in table.iter("tr")
    ]


def _spread(cell: Any) -> list[str]:
    """Return a cell's text, and '' for each further column that it spans."""
    span = cell.get("colspan", "").strip()
    columns = int(span) if re.fullmatch(r"\d{1,2}", span) else 1
    return [" ".join(cell.text_content().split())] + [""] * (columns - 1)


# ---- EPUB ------------------------------------------------------------------------


def epub_pages(data: bytes) -> list[str | None]:
    """Return one HTML text per document of an EPUB's spine, in reading order.

    A document that the book names and does not hold, or holds damaged, is None.

    Raises:
        UnreadableSource: If the book has digital rights management, names no document
            or is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            if "META-INF/encryption.xml" in book.namelist():
                raise UnreadableSource(
                    "encrypted", "The EPUB is protected: get a copy without it."
                )
            # Named a second time, a document is no second one.
            pages = [_epub_page(book, path) for path in dict.fromkeys(_spine(book))]
    except (*_DAMAGE, StopIteration) as error:
        what = str(error) or type(error).__name__
        raise UnreadableSource(
            "damaged_book", f"The EPUB lacks a part ({what}): fetch the file again."
        ) from error
    if not pages:
        raise UnreadableSource(
            "no_pages", "The EPUB names no document to read: convert it again."
        )
    return pages


def _epub_page(book: zipfile.ZipFile, path: str) -> str | None:
    try:
        return decode(book.read(path))
    except (*_DAMAGE, UnreadableSource):
        return None


def _spine(book: zipfile.ZipFile) -> list[str]:
    """Return the path of every document, in reading order; '' for an unnamed one."""
    # No entity of the book's own making is expanded, none is fetched.
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    container = etree.fromstring(book.read(_CONTAINER), parser)
    package = next(path for e in container.iter() if (path := e.get("full-path")))
    elements = list(etree.fromstring(book.read(package), parser).iter("{*}*"))
    hrefs = {e.get("id"): e.get("href") for e in elements if e.tag.endswith("}item")}
    refs = [e.get("idref") for e in elements if e.tag.endswith("}itemref")]
    return [_inside(posixpath.dirname(package), hrefs.get(ref)) for ref in refs]


def _inside(folder: str, href: str | None) -> str:
    path = unquote(urldefrag(href or "").url)
    return posixpath.normpath(posixpath.join(folder, path)) if path else ""


# ---- DOCX ------------------------------------------------------------------------


def docx_blocks(data: bytes) -> list[Block]:
    """Return the blocks of a Word document, automatic numbers written out.

    Raises:
        UnreadableSource: If the document is damaged.
    """
    try:
        return _docx_blocks(docx.Document(io.BytesIO(data)))
    except _DAMAGE as error:
        raise UnreadableSource(
            "damaged_document", "Word's file does not open: save it again as .docx."
        ) from error


def _docx_blocks(document: Any) -> list[Block]:
    numbering = _Numbering(document)
    blocks: list[Block] = []
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            blocks.append([[c.text.strip() for c in row.cells] for row in item.rows])
        else:
            blocks += _paragraph_lines(item, numbering)
    return blocks


def _paragraph_lines(paragraph: Any, numbering: "_Numbering") -> Iterator[str]:
    prefix = _heading_mark(paragraph) or numbering.next(paragraph)
    for index, line in enumerate(paragraph.text.split("\n")):
        if line.strip():
            yield (prefix if index == 0 else "") + line.strip()


def _heading_mark(paragraph: Any) -> str:
    name = paragraph.style.name.lower() if paragraph.style is not None else ""
    if name == "title":
        return "# "
    level = name.removeprefix("heading").removeprefix("标题").strip()
    is_heading = name.startswith(("heading", "标题")) and level.isdigit()
    return "#" * min(int(level), 6) + " " if is_heading else ""


class _Numbering:
    """Counts what Word counts: one counter per list and level."""

    def __init__(self, document: Any) -> None:
        self._formats = _list_formats(document)
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)

    def next(self, paragraph: Any) -> str:
        """Return the number that Word shows before ``paragraph``, or ''."""
        place = _list_place(paragraph)
        if place is None or not paragraph.text.strip():
            return ""
        list_id, level = place
        kind, text, start = self._formats.get(place, ("decimal", f"%{level + 1}.", 1))
        counts = self._counts[list_id]
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [key for key in counts if key > level]:
            del counts[deeper]
        if kind == "bullet":
            return ""
        return text.replace(f"%{level + 1}", _numeral(counts[level], kind)) + " "


def _list_place(paragraph: Any) -> tuple[str, int] | None:
    """Return ``(list id, level)`` of a numbered paragraph: its own, or its style's."""
    style = paragraph.style.element if paragraph.style is not None else None
    for element in (paragraph._p, style):
        numbered = element.find(f".//{WORD}numPr") if element is not None else None
        if numbered is None:
            continue
        list_id = numbered.find(f"{WORD}numId")
        level = numbered.find(f"{WORD}ilvl")
        if list_id is not None and list_id.get(f"{WORD}val") != "0":
            return list_id.get(f"{WORD}val"), _value(level, 0)
    return None


def _value(element: Any, default: int) -> int:
    return default if element is None else int(element.get(f"{WORD}val"))


def _list_formats(document: Any) -> dict[tuple[str, int], tuple[str, str, int]]:
    """Return ``{(list id, level): (number format, level text, start)}``."""
    try:
        root = document.part.numbering_part.element
    except (KeyError, NotImplementedError):
        return {}
    levels = {
        abstract.get(f"{WORD}abstractNumId"): abstract.findall(f"{WORD}lvl")
        for abstract in root.findall(f"{WORD}abstractNum")
    }
    formats = {}
    for number in root.findall(f"{WORD}num"):
        abstract_id = number.find(f"{WORD}abstractNumId").get(f"{WORD}val")
        for level in levels.get(abstract_id, []):
            key = (number.get(f"{WORD}numId"), int(level.get(f"{WORD}ilvl")))
            formats[key] = _level_format(level)
    return formats


def _level_format(level: Any) -> tuple[str, str, int]:
    kind = level.find(f"{WORD}numFmt")
    text = level.find(f"{WORD}lvlText")
    return (
        "decimal" if kind is None else kind.get(f"{WORD}val"),
        "%1." if text is None else text.get(f"{WORD}val"),
        _value(level.find(f"{WORD}start"), 1),
    )


def _numeral(number: int, kind: str) -> str:
    if kind == "upperLetter":
        return chr(ord("A") + (number - 1) % 26)
    if kind == "lowerLetter":
        return chr(ord("a") + (number - 1) % 26)
    if kind.startswith(("chinese", "japaneseCounting", "ideograph")):
        return to_numeral(number)
    return str(number)
