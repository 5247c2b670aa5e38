"""Word documents to blocks: all that Word shows, and nothing that was deleted.

A paragraph's runs are not its text: insertions of tracked changes, smart tags, content
controls, fields, formulas, symbols and text boxes hold some of it. Word numbers
paragraphs itself: ``1.`` is not in a paragraph's text, and a question bank without its
numbers runs together. The numbering is counted here, by list and level.
"""

import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import docx
from docx.oxml.parser import parse_xml
from docx.table import Table
from docx.text.paragraph import Paragraph

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files.emphasis import (
    BOLD,
    COLOUR,
    emphasised,
    without_marks,
)
from psyche_kedro.pipelines.ingestion.files.formulas import formula_text
from psyche_kedro.pipelines.ingestion.files.markup import DAMAGE, Block, numeral
from psyche_kedro.pipelines.ingestion.files.plain_text import (
    PICTURE,
    lowered,
    raised,
    struck,
)

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_DELETED_ROW = f"{WORD}trPr/{WORD}del"
_PICTURES = frozenset(["blip", "imagedata", "chart", "OLEObject"])
"""An OLE object is most often a formula of an old editor."""
_GONE = frozenset(["del", "moveFrom", "instrText", "delText", "rt", "pPr", "sdtPr"])
"""What is no text of its paragraph; what any other element holds is."""
_NOTES = ("/footnotes", "/endnotes")
_PLAIN = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
_UNSURE = (f"{WORD}strike", f"{WORD}dstrike")
_HIDDEN = f"{WORD}vanish"
_FORMULA_FIELD = re.compile(r"\s*EQ\s", re.IGNORECASE)
_NOT_COLOURED = ("auto", "000000")
_SYMBOLS = {
    "wingdings": {0xFC: "√", 0xFB: "×", 0xFE: "☑", 0xFD: "☒", 0xA8: "□", 0x6F: "□"}
    | {0x81 + n: chr(0x2460 + n) for n in range(9)}
    | {0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓"},
    "wingdings 2": {0x50: "√", 0x4F: "×", 0x52: "☑", 0x51: "☒"},
    "symbol": dict(
        zip(
            b"ABGDEZHQIKLMNXOPRSTUFCYWabgdezhqiklmnxoprstufcyw",
            "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω",
            strict=True,
        )
    )
    | dict(
        zip(
            b"\xb1\xa3\xb3\xb4\xb8\xb9\xbb\xa5\xae\xac\xb0\xd6",
            "±≤≥×÷≠≈∞→←°√",
            strict=True,
        )
    ),
}
"""Characters of fonts that are tables of pictures, by their code."""


def docx_blocks(data: bytes) -> list[Block]:
    """Return the blocks of a Word document, automatic numbers written out.

    Raises:
        UnreadableSource: If the document is damaged.
    """
    return [_plain(block) for block in emphasised_docx_blocks(data)]


def _plain(block: Block) -> Block:
    if isinstance(block, str):
        return without_marks(block)
    return [[without_marks(cell) for cell in row] for row in block]


def emphasised_docx_blocks(data: bytes) -> list[Block]:
    """Return the blocks with marks around the words that stand out (``emphasis``).

    Raises:
        UnreadableSource: If the document is damaged.
    """
    return _read(data, _docx_blocks)


def docx_notes(data: bytes) -> list[str]:
    """Return the footnotes and endnotes of a Word document.

    Raises:
        UnreadableSource: If the document is damaged.
    """
    return _read(data, _notes)


def _read(data: bytes, reader: Callable[[Any], Iterator[Any]]) -> list[Any]:
    try:
        return list(reader(docx.Document(io.BytesIO(data))))
    except DAMAGE as error:
        raise UnreadableSource(
            "damaged_document", "Word's file does not open: save it again as .docx."
        ) from error


def _notes(document: Any) -> Iterator[str]:
    for relation in document.part.rels.values():
        if relation.reltype.endswith(_NOTES) and not relation.is_external:
            for note in parse_xml(relation.target_part.blob):
                text = "\n".join(_Text().read(p) for p in note.iter(f"{WORD}p"))
                yield from [without_marks(text.strip())] if text.strip() else []


def _docx_blocks(document: Any) -> Iterator[Block]:
    numbering, styles = _Numbering(document), _Styles()
    for element in _block_elements(document.element.body):
        if element.tag == f"{WORD}tbl":
            rows = Table(element, document).rows
            shown = (row for row in rows if row._tr.find(_DELETED_ROW) is None)
            yield [[_cell_text(cell) for cell in row.cells] for row in shown]
        else:
            paragraph = Paragraph(element, document._body)
            yield from _paragraph_lines(element, styles.of(paragraph), numbering)


def _block_elements(parent: Any) -> Iterator[Any]:
    """Yield paragraphs and tables in order, those inside content controls too."""
    for child in parent:
        name = _name(child)
        if name in ("p", "tbl"):
            yield child
        elif name not in _GONE:
            yield from _block_elements(child)


def _cell_text(cell: Any) -> str:
    paragraphs = cell._tc.iter(f"{WORD}p")
    texts = (_Text().read(p) for p in paragraphs)
    return "\n".join(text for text in texts if text.strip()).strip()


class _Styles:
    """Looks a style up once: python-docx goes through all of them each time."""

    def __init__(self) -> None:
        self._by_id: dict[str | None, Any] = {}

    def of(self, paragraph: Paragraph) -> Any:
        style_id = paragraph._p.style
        if style_id not in self._by_id:
            self._by_id[style_id] = paragraph.style
        return self._by_id[style_id]


def _paragraph_lines(
    paragraph: Any, style: Any, numbering: "_Numbering"
) -> Iterator[str]:
    reader = _Text()
    text = reader.read(paragraph)
    prefix = _heading_mark(style) or numbering.next(paragraph, style, text)
    for index, line in enumerate(text.split("\n")):
        if line.strip():
            yield (prefix if index == 0 else "") + line.strip()
    for box in reader.boxes:
        yield from (line.strip() for line in box.split("\n") if line.strip())


class _Text:
    """Reads the text of a paragraph; what stands in boxes beside it, apart."""

    def __init__(self) -> None:
        self.boxes: list[str] = []

    def read(self, node: Any) -> str:
        return "".join(self._part(child) for child in node)

    def _part(self, node: Any) -> str:
        name = _name(node)
        if node.tag == f"{WORD}r":
            return self._run(node)
        if name in ("oMath", "oMathPara"):
            return formula_text(node)
        if name in _GONE:
            return ""
        if node.tag == f"{_COMPATIBILITY}AlternateContent":
            choices = node.findall(f"{_COMPATIBILITY}Choice") or list(node)
            return self.read(choices[0]) if choices else ""
        if name in ("drawing", "pict", "object"):
            return self._drawn(node)
        return self.read(node)

    def _run(self, run: Any) -> str:
        parts = []
        for child in run:
            name = _name(child)
            if name == "t":
                parts.append(child.text or "")
            elif name == "sym":
                parts.append(_symbol(child))
            elif name == "instrText" and _FORMULA_FIELD.match(child.text or ""):
                parts.append(PICTURE)
            else:
                parts.append(_PLAIN[name] if name in _PLAIN else self._part(child))
        return _styled("".join(parts), run)

    def _drawn(self, node: Any) -> str:
        """Read a drawing: the words of its boxes stand beside the paragraph."""
        boxes = [n for n in node.iter() if _name(n) == "txbxContent"]
        for box in boxes:
            lines = [self.read(p) for p in box.iter(f"{WORD}p")]
            self.boxes.append("\n".join(lines))
        shows = any(_name(n) in _PICTURES for n in node.iter())
        return PICTURE if shows and not boxes else ""


def _name(node: Any) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _symbol(node: Any) -> str:
    """Return what a symbol of a picture font means; a picture where that is unknown."""
    font = (node.get(f"{WORD}font") or "").lower()
    code = int(node.get(f"{WORD}char") or "0", 16)
    if font in _SYMBOLS:
        return _SYMBOLS[font].get(code & 0xFF, PICTURE)
    return PICTURE if 0xE000 <= code < 0xF900 else chr(code)  # noqa: PLR2004


def _styled(text: str, run: Any) -> str:
    style = run.find(f"{WORD}rPr")
    if style is None or not text:
        return text
    height = style.find(f"{WORD}vertAlign")
    where = None if height is None else height.get(f"{WORD}val")
    if where in ("superscript", "subscript"):
        shifted = raised(text) if where == "superscript" else lowered(text)
        text = shifted if shifted[0] not in "^_" else text
    if any(map(_is_on, map(style.find, _UNSURE))) or _is_hidden_part(style, run):
        text = struck(text)
    return emphasised(text, _emphasis(style))


def _is_hidden_part(style: Any, run: Any) -> bool:
    """Return whether a run is hidden among others that show: 不 in a stem."""
    if not _is_on(style.find(_HIDDEN)):
        return False
    others = run.getparent().iterchildren(f"{WORD}r")
    return not all(_is_on(other.find(f"{WORD}rPr/{_HIDDEN}")) for other in others)


def _is_on(switch: Any) -> bool:
    return switch is not None and switch.get(f"{WORD}val") not in ("0", "false")


def _emphasis(style: Any) -> str:
    colour, shade = style.find(f"{WORD}color"), style.find(f"{WORD}highlight")
    value = "auto" if colour is None else (colour.get(f"{WORD}val") or "auto")
    if value not in _NOT_COLOURED or shade is not None:
        return COLOUR
    return BOLD if _is_on(style.find(f"{WORD}b")) else ""


def _heading_mark(style: Any) -> str:
    name = style.name.lower() if style is not None else ""
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

    def next(self, paragraph: Any, style: Any, text: str) -> str:
        """Return the number that Word shows before ``paragraph``, or ''."""
        place = _list_place(paragraph, style)
        if place is None or not text.strip():
            return ""
        list_id, level = place
        kind, shown, start = self._formats.get(place, ("decimal", f"%{level + 1}.", 1))
        counts = self._counts[list_id]
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [key for key in counts if key > level]:
            del counts[deeper]
        if kind == "bullet":
            return ""
        return shown.replace(f"%{level + 1}", numeral(counts[level], kind)) + " "


def _list_place(paragraph: Any, style: Any) -> tuple[str, int] | None:
    """Return ``(list id, level)`` of a numbered paragraph: its own, or its style's."""
    for element in (paragraph, style.element if style is not None else None):
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
