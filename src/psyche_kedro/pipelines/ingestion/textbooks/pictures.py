"""Pages that must be looked at: by olmOCR's endpoint, else by this machine's engines.

The engines' work is on parts of at most 16 neighbouring pages of one book. No picture
is drawn to find what is finished: a part is told by its book, its pages and their text
layers.
"""

import hashlib
import json
import logging
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from typing import NamedTuple

import polars as pl
from PIL.Image import Image

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import OcrError, UnreadableSource
from psyche_kedro.llm.chat_model import ChatModel
from psyche_kedro.partitions.engines import MapEngine
from psyche_kedro.partitions.parts import TablePart
from psyche_kedro.partitions.work import Done, Result, Tables
from psyche_kedro.pipelines.ingestion.files.sources import (
    Bounded,
    bounded,
    unreadable,
)
from psyche_kedro.pipelines.ingestion.parameters import FileLimits, TextbookParameters
from psyche_kedro.pipelines.ingestion.textbooks import olmocr
from psyche_kedro.pipelines.ingestion.textbooks.ocr import (
    HiredEngine,
    OcrEngine,
    installed_engines,
    missing_engines,
)
from psyche_kedro.pipelines.ingestion.textbooks.page_images import (
    PageRef,
    draw,
    ink_share,
)
from psyche_kedro.pipelines.ingestion.textbooks.reading import (
    DAMAGED,
    Book,
    Page,
    PageText,
)
from psyche_kedro.workers.progress import counted
from psyche_kedro.workers.tasks import Lost
from psyche_kedro.workers.worker import Worker, hired

_LOG = logging.getLogger(__name__)
_PART_PAGES = 16
_NO_ENGINE = "no_ocr_engine"
_GIVEN_UP = "given_up"
_LEAST_SIDE = 8
"""Pixels; no character can be told in fewer, and engines blow such a strip up."""
_ROW = {
    "text": pl.String,
    "status": pl.String,
    "engine": pl.String,
    "confidence": pl.Float64,
    "detail": pl.String,
    "is_costly": pl.Boolean,
}


class _Looked(NamedTuple):
    """What was read of a page, and whether drawing it took all it may."""

    read: PageText
    is_costly: bool


@dataclass(frozen=True)
class PagePart:
    """Neighbouring pages of one book; a ``Partition``."""

    document_id: str
    pages: tuple[Page, ...]

    @property
    def name(self) -> str:
        """The book's file and its pages."""
        first, last = self.pages[0].ref, self.pages[-1].ref
        return f"{first.file.name} p. {first.number}-{last.number}"

    def digest(self) -> str:
        """Return the SHA-256 of the book's digest, the pages and their text layers."""
        pages = [(p.ref.kind, p.ref.number, p.layer, p.distrust) for p in self.pages]
        said = json.dumps([self.document_id, pages])
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class ReadPages:
    """Reads pages with the OCR engines that a machine has."""

    params: TextbookParameters
    limits: FileLimits

    name = "read_textbooks"
    faults = (UnreadableSource,)

    @property
    def identity(self) -> str:
        """The settings, the engines, and what draws a page."""
        engines = installed_engines(self.params.local_ocr.engines)
        drawn_by = [version(library) for library in ("pypdfium2", "pillow")]
        settings = [self.params.model_dump_json(), self.limits.model_dump_json()]
        return json.dumps([*settings, *(e.identity for e in engines), *drawn_by])

    def start(self) -> None:
        """Nothing: an engine loads its models with the first page."""

    def __call__(self, part: PagePart, /) -> Tables:
        """Return ``pages``, a row for each."""
        with bounded(self.limits) as hand:
            looked = _read_here(part.pages, self.params, hand)
            rows = [(*read, is_costly) for read, is_costly in looked]
        return {"pages": pl.DataFrame(rows, schema=_ROW, orient="row")}


def read_pictures(
    books: Sequence[Book],
    model: ChatModel | None,
    params: TextbookParameters,
    engine: MapEngine | None,
    limits: FileLimits,
) -> dict[PageRef, PageText]:
    """Return what became of the pages that must be looked at.

    Args:
        books: With pages that are not read yet.
        model: olmOCR's endpoint, or None.
        params: Thresholds and engines.
        engine: Where OCR engines read, and whose store keeps what they read; None reads
            in this process and keeps nothing.
        limits: What drawing one page may take.
    """
    waiting = [page for book in books for page in book.pages if page.read is None]
    by_olmocr = {}
    if model:
        with bounded(limits) as hand:
            refs = [page.ref for page in waiting]
            by_olmocr = olmocr.read_pages(refs, model, params.olmocr, hand)
    rest = [page for page in waiting if _needs_more(by_olmocr.get(page.ref))]
    _tell_of_missing_engines(params.local_ocr.engines, len(rest))
    read = {ref: _from_olmocr(page) for ref, page in by_olmocr.items()}
    ids = {book.file: book.document_id for book in books}
    for page, local in _read_rest(page_parts(rest, ids), engine, params, limits):
        read[page.ref] = _after(by_olmocr.get(page.ref), local)
    return read


def page_parts(
    pages: Iterable[Page], ids: Mapping[SourceFile, str]
) -> Iterator[PagePart]:
    """Yield the pages in parts, each of one book.

    Args:
        pages: Those of one book stand together.
        ids: Of the books.
    """
    for file, of_book in groupby(pages, key=lambda page: page.ref.file):
        waiting = tuple(of_book)
        for start in range(0, len(waiting), _PART_PAGES):
            yield PagePart(ids[file], waiting[start : start + _PART_PAGES])


def _read_rest(
    parts: Iterable[PagePart],
    engine: MapEngine | None,
    params: TextbookParameters,
    limits: FileLimits,
) -> Iterator[tuple[Page, PageText]]:
    """Yield what became of each page; a book that ends its readers is given up."""
    if engine is None:
        pages = [page for part in parts for page in part.pages]
        with bounded(limits) as hand:
            here = (one.read for one in _read_here(pages, params, hand))
            yield from zip(pages, here, strict=True)
        return
    costly: Counter[str] = Counter()
    tried: deque[PagePart] = deque()
    given_up: list[PagePart] = []

    def trying() -> Iterator[PagePart]:
        for part in parts:
            is_over = costly[part.document_id] >= limits.lost_pages
            (given_up if is_over else tried).append(part)
            if not is_over:
                yield part

    for result in engine.map(ReadPages(params, limits), trying()):
        part = tried.popleft()
        looked = _looked_at(part, result, engine)
        costly[part.document_id] += sum(one.is_costly for one in looked)
        yield from zip(part.pages, (one.read for one in looked), strict=True)
    for part in given_up:
        yield from ((page, _unread(page, _GIVEN_UP)) for page in part.pages)


def _looked_at(part: PagePart, result: Result, engine: MapEngine) -> list[_Looked]:
    if not isinstance(result, Done):
        why = f"part_{result.reason}"
        return [_Looked(_unread(page, why), is_costly=True) for page in part.pages]
    pages = TablePart(result.files["pages"], engine.store.options).read()
    looked = [_Looked(PageText(*read), costly) for *read, costly in pages.rows()]
    if any(_may_read_better(one.read) for one in looked):
        engine.store.forget(result.address)
    return looked


def _may_read_better(text: PageText) -> bool:
    """Return whether another try may read a page: no failure of an engine is kept."""
    if text.status == "failed":
        return text.detail not in (DAMAGED, _NO_ENGINE)
    return text.status == "fallback"


def _read_here(
    pages: Sequence[Page], params: TextbookParameters, hand: Bounded
) -> Iterator[_Looked]:
    """Yield what this machine's engines read of each page.

    One worker draws the next page while another reads this one.
    """
    pictures = draw((p.ref for p in pages), params.local_ocr.longest_side, hand)
    installed = installed_engines(params.local_ocr.engines)
    with hired(hand.limits.read_in) as reader:
        engines = _engaged(installed, reader, params, hand.limits)
        drawn = counted(zip(pages, pictures, strict=True), "OCR", len(pages), "pages")
        for page, picture in drawn:
            is_costly = isinstance(picture, Lost) and picture.is_costly
            yield _Looked(_read_locally(page, picture, engines, params), is_costly)


def _engaged(
    engines: Sequence[OcrEngine],
    worker: Worker,
    params: TextbookParameters,
    limits: FileLimits,
) -> Sequence[OcrEngine]:
    """Return the engines as ones that a worker asks; as they are in this process."""
    if limits.read_in == "in_process":
        return engines
    page = params.local_ocr.limits(limits.depth)
    return [HiredEngine(engine, worker, page) for engine in engines]


def _tell_of_missing_engines(names: Sequence[str], n_pages: int) -> None:
    """Say what is missing where that costs pages."""
    if n_pages and names and not installed_engines(names):
        _LOG.warning(
            "%d pages are left without an OCR engine: %s; install one and run again.",
            n_pages,
            "; ".join(missing_engines(names)),
        )


def _needs_more(page: olmocr.OlmocrPage | None) -> bool:
    return page is None or (page.problem is not None and not page.text)


def _from_olmocr(page: olmocr.OlmocrPage) -> PageText:
    status = "ok" if page.text else "blank"
    return PageText(page.text, status, "olmocr", detail=page.problem)


def _after(first: olmocr.OlmocrPage | None, local: PageText) -> PageText:
    """Mark what a local engine read after olmOCR failed on the page."""
    if first is None:
        return local
    status = "fallback" if local.status == "ok" else local.status
    details = [d for d in (f"olmocr: {first.problem}", local.detail) if d]
    return local._replace(status=status, detail="; ".join(details))


def _read_locally(
    page: Page,
    picture: Image | Lost | None,
    engines: Sequence[OcrEngine],
    params: TextbookParameters,
) -> PageText:
    if not isinstance(picture, Image):
        return _unread(page, unreadable(picture).reason if picture else DAMAGED)
    if min(picture.size) < _LEAST_SIDE:
        return PageText("", "blank", "none", detail="too_thin")
    if ink_share(picture) < params.blank_ink_share:
        return PageText("", "blank", "none")
    faults = []
    for engine in engines:
        try:
            found = engine.read(picture)
        except OcrError as error:
            faults.append(f"{engine.name}: {error}")
            continue
        if found.text:
            least = getattr(params.local_ocr.min_confidence, engine.name)
            detail = "low_confidence" if _is_below(found.confidence, least) else None
            return PageText(found.text, "ok", engine.name, found.confidence, detail)
    if page.layer or faults or not engines:
        return _unread(page, "; ".join(faults) or _NO_ENGINE)
    return PageText("", "blank", engines[-1].name, detail="no_text_found")


def _is_below(confidence: float | None, least: float) -> bool:
    return confidence is not None and confidence < least


def _unread(page: Page, why: str) -> PageText:
    """Return the layer that is not trusted, better than nothing, where there is one."""
    if page.layer:
        return PageText(page.layer, "fallback", "text_layer", detail=page.distrust)
    return PageText("", "failed", "none", detail=why)
