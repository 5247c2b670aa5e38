"""§2.2: books into passages, each with as much of the domain as fits.

"The source material is first segmented into multiple textual chunks, with each chunk
designed to encapsulate the maximum amount of domain-specific content." What we make of
the sentence: content only (contents pages, references, exercises go to the ledger), as
many whole paragraphs of one section as the budget holds, never across chapters, never
cut inside a sentence, a table or a formula, no overlap (two questions from one sentence
would meet again as near-duplicates). No chunk is longer than ``max_length``, what
stands between its parts included, but for one that is a single table, formula or code
block with its caption: that is never cut.

A chunk is a span of its document, so the book is conserved: its characters, white space
aside, are those of the chunks plus those of the ledger (``dropped_text``, whose
``detail`` is the dropped text).

Example row::

    {"chunk_id": "9b1c…", "heading_path": ["第二章 记忆", "第一节 工作记忆"],
     "text": "工作记忆是……", "n_chars": 1312, …}
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from psyche_kedro.pipelines.synthesis.parameters import ChunkParameters
from psyche_kedro.pipelines.synthesis.questions.blocks import (
    Block,
    Heading,
    chapter_level,
    read_blocks,
)

Measure = Callable[[str], int]

CAPTION = 60  # ours: an unfinished line this short belongs to the table below it
_CLOSERS = r"[”’」』）)】》\"']*"
_ENDS = re.compile(rf"(?:[。！？；!?;…]|(?<=[A-Za-z\d])\.){_CLOSERS}\s*$")
_SENTENCE = re.compile(
    rf"[^。！？；!?;…]*(?:[。！？；!?;…]+{_CLOSERS}|$)\s*", re.DOTALL
)
_CLAUSE = re.compile(r"[，、,：:\n]")


class Document(NamedTuple):
    """A book's pages as one text."""

    document_id: str
    source: str
    text: str
    page_ids: list[str]
    page_starts: list[int]

    def pages_of(self, start: int, end: int) -> list[str]:
        """Return the ids of the pages that ``[start, end)`` stands on."""
        first = bisect_right(self.page_starts, start) - 1
        last = bisect_right(self.page_starts, max(start, end - 1)) - 1
        return self.page_ids[first : last + 1]


class Span(NamedTuple):
    """A stretch ``[start, end)`` of a document."""

    start: int
    end: int


class Passage(NamedTuple):
    """What is to become a chunk."""

    spans: tuple[Span, ...]
    """In order; touching ones are one text, others stand apart by a blank line."""
    path: tuple[Heading, ...]
    chapter: str
    """Headings of its chapter, joined."""

    def read(self, text: str) -> str:
        """Return the passage's words."""
        return "\n\n".join(text[s:e].strip() for s, e in self.spans)


class Dropped(NamedTuple):
    """A span of a document that goes to the ledger."""

    start: int
    end: int
    reason: str


class _Unit(NamedTuple):
    """What is never cut: a paragraph, or a piece of a long one."""

    span: Span
    length: int
    path: tuple[Heading, ...]
    chapter: tuple[Heading, ...]
    headings: tuple[Span, ...]
    """Headings right above it."""


def join_pages(
    document_id: str, source: str, pages: Iterable[tuple[str, str]]
) -> Document:
    """Return pages ``(page_id, text)`` as one text, broken sentences made whole."""
    text, ids, starts = "", [], []
    for page_id, raw in pages:
        page = raw.strip()
        text += _seam(text, page)
        ids.append(page_id)
        starts.append(len(text))
        text += page
    return Document(document_id, source, text, ids, starts)


def ends_sentence(text: str) -> bool:
    """Return whether ``text`` ends where a sentence does."""
    return _ENDS.search(text[-12:]) is not None


def split_document(
    text: str, params: ChunkParameters, measure: Measure
) -> tuple[list[Passage], list[Dropped]]:
    """Return the passages of a book, and every span that is in none of them.

    Args:
        text: The book.
        params: Lengths in the unit of ``measure``.
        measure: Length of a text.
    """
    blocks = list(read_blocks(text))
    dropped = [
        Dropped(b.start, b.end, b.section.drop or b.kind)
        for b in blocks
        if _is_dropped(b)
    ]

    def fits(units: list[_Unit]) -> bool:
        return measure(_passage(units).read(text)) <= params.max_length

    units = _units(text, blocks, params.max_length, measure)
    chunks = [
        chunk
        for _, chapter in groupby(units, key=lambda unit: unit.chapter)
        for chunk in _pack(list(chapter), params.min_length, fits)
    ]
    passages = [_passage(chunk) for chunk in chunks]
    return passages, dropped + _headings_outside(blocks, passages)


def chapter_texts(text: str) -> dict[str, str]:
    """Return the content of each chapter of a book, by its headings, in order."""
    blocks = list(read_blocks(text))
    level = chapter_level(blocks)
    parts: dict[str, list[str]] = {}
    for block in blocks:
        if block.kind != "heading" and not _is_dropped(block):
            name = _name(_chapter_of(block, level))
            parts.setdefault(name, []).append(text[block.start : block.end])
    return {name: "\n\n".join(texts) for name, texts in parts.items()}


def _chapter_of(block: Block, level: int) -> tuple[Heading, ...]:
    return tuple(h for h in block.section.path if h.level <= level)


def _name(chapter: tuple[Heading, ...]) -> str:
    return " > ".join(heading.title for heading in chapter)


def _is_dropped(block: Block) -> bool:
    return block.section.drop is not None or block.kind in {"figure", "rule"}


def _seam(before: str, after: str) -> str:
    """Return what stands between two pages: nothing inside a sentence."""
    if not before or not after:
        return ""
    if ends_sentence(before) or after[0] in "#|<$`!\\" or before[-1] in "|>$`":
        return "\n\n"
    last_line = before[before.rfind("\n") + 1 :]
    if last_line.startswith(("#", "第")) and len(last_line) < CAPTION:
        return "\n\n"
    return "" if not (before[-1].isascii() and after[0].isascii()) else " "


def _units(
    text: str, blocks: list[Block], limit: int, measure: Measure
) -> Iterator[_Unit]:
    """Yield what packing may not cut, in order."""
    level = chapter_level(blocks)
    headings: tuple[Span, ...] = ()
    for block in _glue(text, blocks):
        if block.kind == "heading":
            headings += (Span(block.start, block.end),)
            continue
        path, chapter = block.section.path, _chapter_of(block, level)
        for start, end in _cut(text, block, limit, measure):
            length = measure(text[start:end])
            yield _Unit(Span(start, end), length, path, chapter, headings)
            headings = ()


def _glue(text: str, blocks: list[Block]) -> Iterator[Block]:
    """Yield the content, a paragraph that stops mid-sentence with what follows it.

    A page break or a list leaves such paragraphs; a caption goes with its table.
    """
    pending: Block | None = None
    for read in blocks:
        block = read
        if pending and _continues(pending, read):
            block = read._replace(start=pending.start)
        elif pending:
            yield pending
        pending = None
        if _is_dropped(block):
            continue
        if block.kind == "prose" and not ends_sentence(text[block.start : block.end]):
            pending = block
        else:
            yield block
    if pending:
        yield pending


def _continues(pending: Block, block: Block) -> bool:
    if block.section is not pending.section or _is_dropped(block):
        return False
    is_caption = pending.end - pending.start <= CAPTION
    return block.kind == "prose" or (block.kind == "atom" and is_caption)


def _cut(
    text: str, block: Block, limit: int, measure: Measure
) -> Iterator[tuple[int, int]]:
    """Yield the spans of a block, none longer than ``limit`` where it can be cut."""
    span = text[block.start : block.end]
    if block.kind == "atom" or measure(span) <= limit:
        yield block.start, block.end
        return
    start = block.start
    for s, e in _sentences(text, block, limit, measure):
        if s > start and measure(text[start:e]) > limit:
            yield start, s
            start = s
    yield start, block.end


def _sentences(
    text: str, block: Block, limit: int, measure: Measure
) -> Iterator[tuple[int, int]]:
    for match in _SENTENCE.finditer(text, block.start, block.end):
        if match.end() > match.start():
            yield from _halves(text, match.start(), match.end(), limit, measure)


def _halves(
    text: str, start: int, end: int, limit: int, measure: Measure
) -> Iterator[tuple[int, int]]:
    """Yield a sentence whole, or cut at clauses where it alone breaks the limit."""
    if measure(text[start:end]) <= limit or end - start < 2:  # noqa: PLR2004
        yield start, end
        return
    middle = (start + end) // 2
    clauses = [m.end() for m in _CLAUSE.finditer(text, start + 1, end - 1)]
    cut = min(clauses, key=lambda at: abs(at - middle), default=middle)
    yield from _halves(text, start, cut, limit, measure)
    yield from _halves(text, cut, end, limit, measure)


def _pack(
    units: list[_Unit], min_length: int, fits: Callable[[list[_Unit]], bool]
) -> list[list[_Unit]]:
    """Return the units of one chapter as chunks.

    A chunk closes when it is full, or when a section ends and it is long enough; a
    short rest joins the chunk before it where both fit.
    """
    chunks: list[list[_Unit]] = []
    length = 0
    for unit in units:
        is_new_section = chunks and unit.path != chunks[-1][-1].path
        is_long = is_new_section and length >= min_length
        if not chunks or is_long or not fits([*chunks[-1], unit]):
            chunks.append([])
            length = 0
        chunks[-1].append(unit)
        length += unit.length
    if len(chunks) > 1 and length < min_length and fits(chunks[-2] + chunks[-1]):
        chunks[-2:] = [chunks[-2] + chunks[-1]]
    return chunks


def _passage(units: list[_Unit]) -> Passage:
    """Return units as one passage; the first one's headings live in its path."""
    spans: list[Span] = []
    for unit in units:
        above = unit.headings if spans else ()
        for span in (*above, unit.span):
            if spans and spans[-1].end == span.start:
                spans[-1] = Span(spans[-1].start, span.end)
            else:
                spans.append(span)
    return Passage(tuple(spans), units[0].path, _name(units[0].chapter))


def _headings_outside(blocks: list[Block], passages: list[Passage]) -> list[Dropped]:
    """Return the headings of content that stand in no passage's text."""
    inside = {span.start for passage in passages for span in passage.spans}
    return [
        Dropped(b.start, b.end, "heading")
        for b in blocks
        if b.kind == "heading" and not b.section.drop and b.start not in inside
    ]
