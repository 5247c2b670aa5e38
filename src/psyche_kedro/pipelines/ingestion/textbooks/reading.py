"""Textbooks (Type I) of any format to one row per page.

Type I is the paper's first source: classic psychology books, read by olmOCR
(§2.1). Here the engine is chosen per page: a trusted text layer, else olmOCR where an
endpoint is configured, else the OCR engines of this machine. Every page gets a row,
whatever became of it, and one bad page never costs a book.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from PIL.Image import Image
from pypdfium2 import PdfiumError

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import OcrError, UnreadableSource
from psyche_kedro.llm.chat_model import ChatModel
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.pipelines.ingestion.files import markup, word
from psyche_kedro.pipelines.ingestion.files.file_types import IMAGE_TYPES, file_type
from psyche_kedro.pipelines.ingestion.files.sizes import refuse_many
from psyche_kedro.pipelines.ingestion.files.sources import (
    Bounded,
    Row,
    admitted,
    bounded,
    unreadable,
    unreadable_row,
)
from psyche_kedro.pipelines.ingestion.parameters import (
    UNLIMITED,
    FileLimits,
    TextbookParameters,
    TextLayerParameters,
)
from psyche_kedro.pipelines.ingestion.textbooks import olmocr
from psyche_kedro.pipelines.ingestion.textbooks.kept_pages import keeping
from psyche_kedro.pipelines.ingestion.textbooks.ocr import (
    HiredEngine,
    OcrEngine,
    installed_engines,
    missing_engines,
)
from psyche_kedro.pipelines.ingestion.textbooks.page_images import (
    OpenBook,
    PageRef,
    image_frames,
    ink_share,
    n_pdf_pages,
    render,
)
from psyche_kedro.pipelines.ingestion.textbooks.text_layer import (
    distrust,
    read_text_layer,
)
from psyche_kedro.tables import content_id
from psyche_kedro.text.encodings import REPLACEMENT, decode
from psyche_kedro.workers.progress import counted
from psyche_kedro.workers.tasks import Lost, Task
from psyche_kedro.workers.worker import Worker, hired

_LOG = logging.getLogger(__name__)
_OF_NOTHING = sha256(b"").hexdigest()
_NO_ENGINE = "no_ocr_engine"
_DAMAGED = "damaged_page"
_LEAST_SIDE = 8
"""Pixels; no character can be told in fewer, and engines blow such a strip up."""


class PageText(NamedTuple):
    """What became of one page; the columns of ``Documents`` that are not its place."""

    text: str
    status: str
    engine: str
    confidence: float | None = None
    detail: str | None = None


class Page(NamedTuple):
    """A page of a book.

    Attributes:
        ref: Where it is.
        read: Its text, where reading it needs no picture of it.
        layer: Text layer that is not trusted: better than nothing.
        distrust: Why it is not.
    """

    ref: PageRef
    read: PageText | None
    layer: str = ""
    distrust: str | None = None


class Book(NamedTuple):
    """A readable file and its pages."""

    file: SourceFile
    document_id: str
    pages: list[Page]


class OpenedBooks(NamedTuple):
    """The readable books, and rows of ``UnreadableSources`` and ``TextbookInventory``.

    A book that came twice is opened once; its copy is listed as ``duplicate_file``.
    """

    books: list[Book]
    unreadable: list[Row]
    inventory: list[Row]


def open_books(
    files: Sequence[SourceFile],
    params: TextbookParameters,
    limits: FileLimits = UNLIMITED,
) -> OpenedBooks:
    """Return every file opened, its pages read as far as no picture is needed."""
    opened = OpenedBooks([], [], [])
    first: dict[str, str] = {}
    with bounded(limits) as hand:
        # All are opened before a page is read: the worker does one thing at a time.
        for file, found in list(zip(files, _open_each(files, hand), strict=True)):
            pages: list[Page] = []
            problem = _copy_of(first.get(found.sha256)) or found.problem
            if problem:
                row = unreadable_row(file.name, "textbooks", problem)
                opened.unreadable.append(row)
            else:
                pages = list(_pages(file, found, params.text_layer, hand))
                first[found.sha256] = file.name
                opened.books.append(Book(file, content_id(found.sha256), pages))
            row = _inventory(file, found, pages)
            opened.inventory.append(row | {"problem": problem and problem.reason})
    return opened


def _copy_of(name: str | None) -> UnreadableSource | None:
    if name is None:
        return None
    return UnreadableSource("duplicate_file", f"The file equals {name}, which is read.")


def _inventory(file: SourceFile, found: "_Found", pages: Sequence[Page]) -> Row:
    trusted = sum(
        page.read is not None and page.read.status != "failed" for page in pages
    )
    kind = pages[0].ref.kind if pages else None
    routes = {
        "none": not pages,
        "text": kind not in (None, "pdf", "image"),
        "text_layer": trusted == len(pages),
        "pictures": not trusted,
    }
    return {
        "source": file.name,
        "sha256": found.sha256,
        "n_bytes": found.n_bytes,
        "kind": kind,
        "n_pages": len(pages),
        "n_text_layer": trusted if kind == "pdf" else 0,
        "route": next((route for route, holds in routes.items() if holds), "mixed"),
    }


# ---- a file ----------------------------------------------------------------------


class _Found(NamedTuple):
    """What one look at a file tells.

    Attributes:
        sha256: Of its bytes; of none where it could not be read.
        n_bytes: How many there are.
        kind: Its pages' kind.
        n_pages: How many pages there are to be looked at.
        written: Its pages, where they came as text.
        problem: Why it cannot be read.
    """

    sha256: str = _OF_NOTHING
    n_bytes: int = 0
    kind: str = ""
    n_pages: int = 0
    written: tuple[PageText, ...] = ()
    problem: UnreadableSource | None = None


def _open_each(files: Sequence[SourceFile], hand: Bounded) -> Iterator[_Found]:
    tasks = (Task(file, hand.limits.of(file.size)) for file in files)
    for found in hand.worker.map(partial(_open, hand.limits), tasks):
        yield _Found(problem=unreadable(found)) if isinstance(found, Lost) else found


def _open(limits: FileLimits, file: SourceFile) -> _Found:
    found = _Found()
    try:
        data = admitted(file, limits).read()
        found = _Found(sha256(data).hexdigest(), len(data))
        kind = file_type(file.name, data)
        if kind == "pdf" or kind in IMAGE_TYPES:
            return _pictured(found, kind, data, limits)
        texts = _texts(kind, data)
        refuse_many(len(texts), limits)
        written = tuple(_written(text, kind) for text in texts)
        return found._replace(kind=kind, written=written)
    except UnreadableSource as error:
        return found._replace(problem=error)


def _pictured(found: _Found, kind: str, data: bytes, limits: FileLimits) -> _Found:
    n_pages = n_pdf_pages(data) if kind == "pdf" else image_frames(data)
    refuse_many(n_pages, limits)
    return found._replace(kind="pdf" if kind == "pdf" else "image", n_pages=n_pages)


# ---- its pages -------------------------------------------------------------------


def _pages(
    file: SourceFile, found: _Found, trust: TextLayerParameters, hand: Bounded
) -> Iterator[Page]:
    if found.kind == "pdf":
        numbers = range(1, found.n_pages + 1)
        one = partial(_read_pdf_page, OpenBook(file), trust)
        for number, read in zip(numbers, hand.map(one, file, numbers), strict=True):
            yield _pdf_page(PageRef(file, "pdf", number), read)
    elif found.kind == "image":
        frames = range(1, found.n_pages + 1)
        yield from (Page(PageRef(file, "image", n), None) for n in frames)
    else:
        for number, text in enumerate(found.written, 1):
            yield Page(PageRef(file, found.kind, number), text)


class _Layer(NamedTuple):
    """A page's text layer, and why it is not trusted."""

    text: str
    distrust: str | None


def _read_pdf_page(
    book: OpenBook, trust: TextLayerParameters, number: int
) -> _Layer | None:
    try:
        page = book.document[number - 1]
        text = read_text_layer(page)
        doubt = distrust(text, page, trust)
        page.close()
    except PdfiumError:
        return None
    return _Layer(text, doubt)


def _pdf_page(ref: PageRef, read: _Layer | Lost | None) -> Page:
    if isinstance(read, Lost) and read.reason != "failed":
        # What would draw it is the same program.
        return Page(ref, PageText("", "failed", "none", detail=unreadable(read).reason))
    if read is None or isinstance(read, Lost):
        return Page(ref, None)  # perhaps another program can draw it
    if read.distrust:
        return Page(ref, None, read.text, read.distrust)
    return Page(ref, PageText(read.text, "ok", "text_layer"))


def _written(text: str | None, kind: str) -> PageText:
    """Return what became of a page that came as text; None is one that is damaged."""
    if text is None:
        return PageText("", "failed", kind, detail=_DAMAGED)
    status = "ok" if text.strip() else "blank"
    detail = "undecodable_bytes" if REPLACEMENT in text else None
    return PageText(text.strip(), status, kind, detail=detail)


def _texts(kind: str, data: bytes) -> list[str | None]:
    match kind:
        case "docx":
            return [markup.to_markdown(word.docx_blocks(data))]
        case "epub":
            return [_epub_text(page) for page in markup.epub_pages(data)]
        case "html":
            return [markup.to_markdown(markup.html_blocks(decode(data)))]
        case "markdown" | "text":
            return [decode(data)]
        case other:
            raise UnreadableSource(
                "unknown_type",
                f"A textbook was expected, a file of type '{other}' came: put question "
                "banks into question_banks/.",
            )


def _epub_text(page: str | None) -> str | None:
    if page is None or not page.strip():
        return page
    try:
        return markup.to_markdown(markup.html_blocks(page))
    except UnreadableSource:
        return None


# ---- pictures --------------------------------------------------------------------


def read_pictures(
    pages: Sequence[Page],
    model: ChatModel | None,
    params: TextbookParameters,
    page_store: ReplyStore | None,
    limits: FileLimits = UNLIMITED,
) -> dict[PageRef, PageText]:
    """Return what became of the pages that must be looked at.

    Args:
        pages: Pages without trusted text; those of one book stand together.
        model: olmOCR's endpoint, or None.
        params: Thresholds and engines.
        page_store: Keeps what this machine's engines read, or None.
        limits: What drawing one page may take.
    """
    with bounded(limits) as hand:
        refs = [page.ref for page in pages]
        by_olmocr = olmocr.read_pages(refs, model, params.olmocr, hand) if model else {}
        rest = [page for page in pages if _needs_more(by_olmocr.get(page.ref))]
        read = {ref: _from_olmocr(page) for ref, page in by_olmocr.items()}
        for page, local in _read_rest(rest, params, page_store, hand):
            read[page.ref] = _after(by_olmocr.get(page.ref), local)
    return read


def _read_rest(
    pages: Sequence[Page],
    params: TextbookParameters,
    page_store: ReplyStore | None,
    hand: Bounded,
) -> Iterator[tuple[Page, PageText]]:
    """Yield what this machine's engines read of each page.

    One worker draws the next page while another reads this one.
    """
    pictures = render((p.ref for p in pages), params.local_ocr.longest_side, hand)
    installed = _engines(params.local_ocr.engines, len(pages))
    with (
        hired(hand.limits.read_in) as reader,
        keeping(
            _engaged(installed, reader, params, hand.limits), page_store
        ) as engines,
    ):
        drawn = counted(zip(pages, pictures, strict=True), "OCR", len(pages), "pages")
        for page, picture in drawn:
            yield page, _read_locally(page, picture, engines, params)


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


def _engines(names: Sequence[str], n_pages: int) -> list[OcrEngine]:
    """Return this machine's engines; say what is missing where that costs pages."""
    engines = installed_engines(names)
    if n_pages and names and not engines:
        _LOG.warning(
            "%d pages are left without an OCR engine: %s; install one and run again.",
            n_pages,
            "; ".join(missing_engines(names)),
        )
    return engines


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
    picture: Image | None,
    engines: Sequence[OcrEngine],
    params: TextbookParameters,
) -> PageText:
    if picture is None:
        return _unread(page, _DAMAGED)
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


# ---- rows ------------------------------------------------------------------------


def page_rows(book: Book, pictures: Mapping[PageRef, PageText]) -> Iterator[Row]:
    """Yield the ``Documents`` rows of a book, every page of it."""
    for page in book.pages:
        read = page.read or pictures[page.ref]
        yield read._asdict() | {
            "page_id": content_id(book.document_id, str(page.ref.number)),
            "document_id": book.document_id,
            "source": book.file.name,
            "page": page.ref.number,
        }
