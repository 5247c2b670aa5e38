"""Pages of a book to its text: what the printer added is taken off, nothing is lost.

Running heads, page numbers, watermarks, margin numbers, figure placeholders, and front
and back matter (contents, copyright, references, exercises …) go into a ledger with
their reason; lines become paragraphs, and a sentence that a page break cuts stands
whole on the page it begins on. Characters in = characters kept + characters in the
ledger.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from rapidfuzz import fuzz

from psyche_kedro.pipelines.cleaning.pages.page_lines import (
    continues,
    first_sentence,
    heading,
    join,
    last_of_body,
    paragraphs,
)
from psyche_kedro.pipelines.cleaning.parameters import PageParameters

_PRINTED_ENGINES = frozenset({"text_layer", "rapidocr", "tesseract"})
"""Engines whose lines are the printed page's; the others give paragraphs."""
_EDGE_LINES = 2
_MAX_HEAD_CHARS = 40
_WATERMARKED = 0.6
"""Of a book's pages, on which a line is no text of any of them."""
_MIN_WATERMARK = 4
_PAGE_NUMBER = re.compile(
    r"^[\s·•—–\-~～|]*(?:第\s*)?(?:\d{1,4}|[ivxlcIVXLC]{1,6})\s*(?:页)?"
    r"(?:\s*[/／]\s*\d{1,4}|\s*共\s*\d{1,4}\s*页)?[\s·•—–\-~～|]*$"
)
_MARGIN_NUMBER = re.compile(r"^\d{1,4}\s*[(（][\dIVXⅠ-Ⅻ]{1,4}[)）]$")
_BESIDE_MARGIN_NUMBER = re.compile(
    r"(?<=[\u4e00-\u9fff，。；])\s*\d{1,4}\s*[(（][\dIVXⅠ-Ⅻ]{1,4}[)）]$"
    r"|^\d{1,4}\s*[(（][IVXⅠ-Ⅻ]{1,4}[)）](?=\S)"
)
_FIGURE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_CONTENTS_LINE = re.compile(r"(?:[.．…·•]\s*){3,}[(（]?\d{1,4}[)）]?\s*$")
_COPYRIGHT_MARKS = re.compile(
    r"ISBN|图书在版编目|版权所有|定价[:：]|责任编辑|开本[:：]|印张|CIP\s*数据|侵权必究"
)
_MIN_COPYRIGHT_MARKS = 2
_MAX_IMPRINT_CHARS = 800
NUMBERING = re.compile(r"^(?:第?[一二三四五六七八九十\d]+[章节、.．]?\s*)?(?:本章)?\s*")


class Removed(NamedTuple):
    """A piece of a page that is no teaching text."""

    page_id: str
    reason: str
    text: str


@dataclass
class BookPage:
    """A page on its way: its blocks, and what was taken off it."""

    page_id: str
    engine: str
    lines: list[str]
    blocks: list[str] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)

    def remove(self, reason: str, text: str) -> None:
        """Put ``text`` into the ledger."""
        self.removed.append(Removed(self.page_id, reason, text))

    @property
    def is_printed(self) -> bool:
        """Whether its lines are those of a printed page."""
        return self.engine in _PRINTED_ENGINES


def clean_book(pages: Sequence[BookPage], params: PageParameters) -> list[BookPage]:
    """Return the pages of one book with their blocks and their ledger filled.

    Args:
        pages: In page order; this call owns them.
        params: Thresholds and the headings of front and back matter.
    """
    _remove_running_heads([p for p in pages if len(pages) > 1], params)
    _remove_watermarks(pages, params.min_repeats)
    has_margin = any(_MARGIN_NUMBER.match(x.strip()) for p in pages for x in p.lines)
    titles = {_bare(title) for names in params.matter.values() for title in names}
    for page in pages:
        _remove_figures(page)
        _remove_contents_lines(page)
        page.lines = [
            f"## {x.strip()}" if _bare(x) in titles else x for x in page.lines
        ]
        if has_margin and page.is_printed:
            _remove_margin_numbers(page)
        page.blocks = _blocks(page)
    _remove_matter(pages, params.matter)
    _join_across_pages(pages)
    return list(pages)


def _blocks(page: BookPage) -> list[str]:
    if page.is_printed:
        return paragraphs(page.lines)
    parts = re.split(r"\n\s*\n", "\n".join(page.lines))
    return [part.strip("\n") for part in parts if part.strip()]


# ---- heads, numbers, figures -----------------------------------------------------


def _remove_running_heads(pages: Sequence[BookPage], params: PageParameters) -> None:
    keys = [{_key(line) for line in _edge_lines(page)} - {""} for page in pages]
    for page in pages:
        edges = _edge_lines(page)
        for line in edges:
            if _PAGE_NUMBER.match(line):
                _take_line(page, line, "page_number")
            elif _is_running_head(line, keys, params):
                _take_line(page, line, "running_head")


def _remove_watermarks(pages: Sequence[BookPage], min_repeats: int) -> None:
    """Take off the line that stands on most pages, wherever on them it stands."""
    printed = [page for page in pages if page.is_printed]
    keys = [{_key(line) for line in page.lines if _may_mark(line)} for page in printed]
    counts = Counter(key for found in keys for key in found)
    least = max(min_repeats, _WATERMARKED * len(printed))
    marks = {key for key, n in counts.items() if n >= least}
    for page in printed if marks else ():
        for line in [x for x in page.lines if _may_mark(x) and _key(x) in marks]:
            _take_line(page, line, "watermark")


def _may_mark(line: str) -> bool:
    is_sentence = line.rstrip().endswith(("。", "！", "？"))
    return _MIN_WATERMARK <= len(_key(line)) <= _MAX_HEAD_CHARS and not is_sentence


def _edge_lines(page: BookPage) -> list[str]:
    filled = [line for line in page.lines if line.strip()]
    edges = filled[:_EDGE_LINES] + filled[max(_EDGE_LINES, len(filled) - _EDGE_LINES) :]
    return [line for line in edges if len(line.strip()) <= _MAX_HEAD_CHARS]


def _key(line: str) -> str:
    """Return what a running head keeps from page to page: no digits, no spaces."""
    return re.sub(r"[\d\s\W_]", "", line)


def _is_running_head(
    line: str, keys: Sequence[set[str]], params: PageParameters
) -> bool:
    key = _key(line)
    alike = sum(
        any(fuzz.ratio(key, other) >= params.similarity for other in others)
        for others in keys
    )
    is_sentence = line.rstrip().endswith(("。", "！", "？"))
    return bool(key) and not is_sentence and alike >= params.min_repeats


def _take_line(page: BookPage, line: str, reason: str) -> None:
    page.lines.remove(line)
    page.remove(reason, line.strip())


def _remove_figures(page: BookPage) -> None:
    for index, line in enumerate(page.lines):
        for placeholder in _FIGURE.findall(line):
            page.remove("figure", placeholder)
        page.lines[index] = _FIGURE.sub("", line)


def _remove_contents_lines(page: BookPage) -> None:
    for line in [line for line in page.lines if _CONTENTS_LINE.search(line)]:
        _take_line(page, line, "contents")


def _remove_margin_numbers(page: BookPage) -> None:
    """Take off ``14(1)``: pages of an earlier edition, alone or beside a line."""
    lines = []
    for line in page.lines:
        if _MARGIN_NUMBER.match(line.strip()):
            page.remove("margin_number", line.strip())
        elif match := _BESIDE_MARGIN_NUMBER.search(line):
            page.remove("margin_number", match[0].strip())
            lines.append(line[: match.start()] + line[match.end() :])
        else:
            lines.append(line)
    page.lines = lines


# ---- page breaks -----------------------------------------------------------------


def _join_across_pages(pages: Sequence[BookPage]) -> None:
    for before, after in pairwise(pages):
        if not before.blocks or not after.blocks:
            continue
        last = last_of_body(before.blocks)
        if not continues(before.blocks[last], after.blocks[0]):
            continue
        sentence, rest = first_sentence(after.blocks[0])
        before.blocks[last] = join(before.blocks[last], sentence)
        after.blocks[:1] = [rest] if rest else []


# ---- front and back matter -------------------------------------------------------


def _remove_matter(
    pages: Sequence[BookPage], matter: Mapping[str, tuple[str, ...]]
) -> None:
    state = _Matter(matter)
    for page in pages:
        imprint = _is_imprint("\n".join(page.blocks))
        reasons = [
            "copyright" if imprint or _is_imprint(block) else state.reason(block)
            for block in page.blocks
        ]
        for block, reason in zip(page.blocks, reasons, strict=True):
            if reason:
                page.remove(reason, block)
        page.blocks = [b for b, r in zip(page.blocks, reasons, strict=True) if not r]


def _is_imprint(text: str) -> bool:
    """Return whether a page or block is the imprint: short, with its usual words."""
    marks = len(_COPYRIGHT_MARKS.findall(text))
    return len(text) <= _MAX_IMPRINT_CHARS and marks >= _MIN_COPYRIGHT_MARKS


class _Matter:
    """Knows, block by block, whether one stands in front or back matter."""

    def __init__(self, matter: Mapping[str, tuple[str, ...]]) -> None:
        self._reasons = {_bare(t): r for r, titles in matter.items() for t in titles}
        self._level = 0
        self._reason: str | None = None

    def reason(self, block: str) -> str | None:
        """Return why a block is dropped, as a slug, or None."""
        first = block.split("\n", 1)[0]
        found = heading(first)
        if found and (self._reason is None or found[0] <= self._level):
            self._level, self._reason = found[0], self._reasons.get(_bare(found[1]))
        return self._reason


def _bare(title: str) -> str:
    return re.sub(r"[\s：:*（）()]", "", NUMBERING.sub("", title, count=1))
