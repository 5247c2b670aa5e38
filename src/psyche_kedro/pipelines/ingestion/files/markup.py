"""HTML and EPUB to blocks: lines of text in reading order, and tables."""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urldefrag

from docx.opc.exceptions import PackageNotFoundError
from lxml import etree
from lxml import html as lxml_html

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files.emphasis import (
    BOLD,
    COLOUR,
    END,
    without_marks,
)
from psyche_kedro.pipelines.ingestion.files.formulas import formula_text
from psyche_kedro.pipelines.ingestion.files.plain_text import (
    PICTURE,
    lowered,
    raised,
    struck,
)
from psyche_kedro.text.encodings import decode
from psyche_kedro.text.numerals import to_numeral

Cells = list[list[str]]
Block = str | Cells

HEADINGS = {f"h{level}": level for level in range(1, 7)}
LINES = {"p", "div", "li", "dt", "dd", "blockquote", "section", "article", "br", "tr"}
DROPPED = {
    "script",
    "style",
    "nav",
    "noscript",
    "template",
    "svg",
    "head",
    "rt",
    "rtc",
    "rp",
}
_NOTE_NUMBER = re.compile(r"\s*[\[（(〔]?[\d①-⑳*†‡↩↑^]{1,3}[\])）〕]?\s*")
_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
_COLOUR = re.compile(r"(?<![-a-z])color:[^;]+")
_BLACK = re.compile(r"(?:black|inherit|initial|#0{3,6}\b|rgb\(0,0,0\)|windowtext)")
_FONT = re.compile(r"\.(?:ttf|otf|woff2?|ttc)$", re.IGNORECASE)
_ENCRYPTION = "META-INF/encryption.xml"
_CONTAINER = "META-INF/container.xml"
DAMAGE = (
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

    Answers are often hidden until clicked; they are in the page all the same. The notes
    of a book stand behind its text, their numbers nowhere.

    Raises:
        UnreadableSource: If the page holds no element, or too many in one another.
    """
    blocks = emphasised_html_blocks(html)
    return [
        without_marks(block) if isinstance(block, str) else block for block in blocks
    ]


def emphasised_html_blocks(html: str) -> list[Block]:
    """Return the blocks with marks around the words that stand out (``emphasis``).

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
    return page.blocks + page.notes


class _Page:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.notes: list[Block] = []
        self._line: list[str] = []
        self._prefix = ""

    def walk(self, node: Any) -> None:
        tag = node.tag.rpartition(":")[2] if isinstance(node.tag, str) else None
        if tag == "table":
            self.flush()
            self.blocks.append(_html_cells(node))
        elif tag is not None and _is_note(node, tag):
            self.notes.append(" ".join(node.text_content().split()))
        elif tag is not None and tag not in DROPPED and not _is_reference(node, tag):
            self._read(node, tag)
        self._line.append(node.tail or "")

    def read_cell(self, cell: Any) -> None:
        """Read what stands in the cell of a table."""
        self._element(cell, "td")
        self.flush()

    def _read(self, node: Any, tag: str) -> None:
        """Read an element by what its words mean beside the others'."""
        if tag == "math":
            self._line.append(formula_text(node))
        elif tag == "img":
            self._line.append(PICTURE)
        elif tag in ("sup", "sub") and not len(node) and node.text:
            self._line.append(raised(node.text) if tag == "sup" else lowered(node.text))
        elif tag in ("s", "strike", "del") and not len(node) and node.text:
            self._line.append(struck(node.text))
        else:
            mark = _emphasis(node, tag)
            self._line.append(mark)
            self._element(node, tag)
            self._line.append(END if mark else "")

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


def _is_note(node: Any, tag: str) -> bool:
    is_block = tag in ("aside", "div", "p", "li", "section")
    return is_block and re.search(r"(?:foot|rear|end)note\b", _role(node)) is not None


def _role(node: Any) -> str:
    return " ".join(node.get(name, "") for name in (_EPUB_TYPE, "epub:type", "role"))


def _is_reference(node: Any, tag: str) -> bool:
    """Return whether an element is the number of a note: 记忆1 is no word."""
    if tag == "a" and "noteref" in _role(node):
        return True
    links = node.findall("a") if tag == "sup" else [node] if tag == "a" else []
    return any(
        link.get("href", "").partition("#")[2]
        for link in links
        if tag == "sup" or _NOTE_NUMBER.fullmatch(link.text_content())
    )


def _emphasis(node: Any, tag: str) -> str:
    style = node.get("style", "").lower().replace(" ", "")
    colour = node.get("color", "") or (_COLOUR.search(style) or [""])[0]
    if tag == "mark" or (colour and not _BLACK.search(colour)):
        return COLOUR
    return BOLD if tag in ("b", "strong") or "font-weight:bold" in style else ""


def _prefix(node: Any, tag: str) -> str:
    if tag in HEADINGS:
        return "#" * HEADINGS[tag] + " "
    parent = node.getparent()
    if tag == "li" and parent is not None and parent.tag == "ol":
        number = _start(parent) + parent.index(node)
        return f"{numeral(number, _html_format(parent.get('type', '1')))}. "
    return ""


def _start(numbered: Any) -> int:
    start = numbered.get("start", "").strip()
    return int(start) if re.fullmatch(r"-?\d{1,9}", start) else 1


def _html_format(kind: str) -> str:
    return {"A": "upperLetter", "a": "lowerLetter"}.get(kind, "decimal")


def _html_cells(table: Any) -> Cells:
    return [
        [text for cell in row.iterchildren("td", "th") for text in _spread(cell)]
        for part in (table, *table.iterchildren("thead", "tbody", "tfoot"))
        for row in part.iterchildren("tr")
    ]


def _spread(cell: Any) -> list[str]:
    """Return a cell's text, and '' for each further column that it spans."""
    span = cell.get("colspan", "").strip()
    columns = int(span) if re.fullmatch(r"\d{1,2}", span) else 1
    inside = _Page()
    inside.read_cell(cell)
    said = (_words_of(block) for block in inside.blocks + inside.notes)
    return ["\n".join(filter(None, said))] + [""] * (columns - 1)


def _words_of(block: Block) -> str:
    """Return a block as text; a table within a table stands row by row."""
    if isinstance(block, str):
        return without_marks(block)
    return "\n".join("  ".join(row) for row in block)


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
            if _is_protected(book):
                raise UnreadableSource(
                    "encrypted", "The EPUB is protected: get a copy without it."
                )
            # Named a second time, a document is no second one.
            pages = [_epub_page(book, path) for path in dict.fromkeys(_spine(book))]
    except (*DAMAGE, StopIteration) as error:
        what = str(error) or type(error).__name__
        raise UnreadableSource(
            "damaged_book", f"The EPUB lacks a part ({what}): fetch the file again."
        ) from error
    if not pages:
        raise UnreadableSource(
            "no_pages", "The EPUB names no document to read: convert it again."
        )
    return pages


def _is_protected(book: zipfile.ZipFile) -> bool:
    """Return whether more than fonts is encrypted; those are no part of the text."""
    if "META-INF/rights.xml" in book.namelist():
        return True
    if _ENCRYPTION not in book.namelist():
        return False
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    root = etree.fromstring(book.read(_ENCRYPTION), parser)
    covered = [e.get("URI", "") for e in root.iter("{*}CipherReference")]
    return not covered or not all(map(_FONT.search, covered))


def _epub_page(book: zipfile.ZipFile, path: str) -> str | None:
    try:
        return decode(book.read(path))
    except (*DAMAGE, UnreadableSource):
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


def numeral(number: int, kind: str) -> str:
    """Return a number of an automatic list as it is shown."""
    if kind == "upperLetter":
        return chr(ord("A") + (number - 1) % 26)
    if kind == "lowerLetter":
        return chr(ord("a") + (number - 1) % 26)
    if kind.startswith(("chinese", "japaneseCounting", "ideograph")):
        return to_numeral(number)
    return str(number)
