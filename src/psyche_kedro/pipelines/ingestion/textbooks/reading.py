"""Textbooks (Type I) of any format to one row per page.

Type I is the paper's first source: classic psychology books, read by olmOCR
(§2.1). Here the engine is chosen per page: a trusted text layer, else olmOCR where an
endpoint is configured, else the OCR engines of this machine. Every page gets a row,
whatever became of it, and one bad page never costs a book.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from PIL.Image import Image
from pypdfium2 import PdfiumError

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import OcrError, UnreadableSource
from psyche_kedro.llm.chat_model import ChatModel
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.pipelines.ingestion.files import markup
from psyche_kedro.pipelines.ingestion.files.file_types import IMAGE_TYPES, file_type
from psyche_kedro.pipelines.ingestion.files.sources import (
    Row,
    read_bytes,
    unreadable_row,
)
from psyche_kedro.pipelines.ingestion.parameters import (
    TextbookParameters,
    TextLayerParameters,
)
from psyche_kedro.pipelines.ingestion.textbooks import olmocr
from psyche_kedro.pipelines.ingestion.textbooks.kept_pages import keeping
from psyche_kedro.pipelines.ingestion.textbooks.ocr import (
    OcrEngine,
    installed_engines,
    missing_engines,
)
from psyche_kedro.pipelines.ingestion.textbooks.page_images import (
    PageRef,
    image_frames,
    ink_share,
    open_pdf,
    render,
)
from psyche_kedro.pipelines.ingestion.textbooks.text_layer import (
    distrust,
    read_text_layer,
)
from psyche_kedro.tables import content_id
from psyche_kedro.text.encodings import REPLACEMENT, decode

_LOG = logging.getLogger(__name__)
_NO_ENGINE = "no_ocr_engine"
_DAMAGED = "damaged_page"


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


def open_books(files: Sequence[SourceFile], params: TextbookParameters) -> OpenedBooks:
    """Return every file opened, its pages read as far as no picture is needed."""
    opened = OpenedBooks([], [], [])
    first: dict[str, str] = {}
    for file in files:
        data, pages, problem = b"", [], None
        try:
            data = read_bytes(file)
            digest = sha256(data).hexdigest()
            if digest in first:
                raise UnreadableSource(
                    "duplicate_file", f"The file equals {first[digest]}, which is read."
                )
            pages = list(_pages(file, file_type(file.name, data), data, params))
            opened.books.append(Book(file, content_id(digest), pages))
            first[digest] = file.name
        except UnreadableSource as error:
            problem = error.reason
            opened.unreadable.append(unreadable_row(file.name, "textbooks", error))
        what = _inventory(file, data, pages)
        opened.inventory.append(what | {"problem": problem})
    return opened


def _inventory(file: SourceFile, data: bytes, pages: Sequence[Page]) -> Row:
    trusted = sum(page.read is not None for page in pages)
    kind = pages[0].ref.kind if pages else None
    routes = {
        "none": not pages,
        "text": kind not in (None, "pdf", "image"),
        "text_layer": trusted == len(pages),
        "pictures": not trusted,
    }
    return {
        "source": file.name,
        "sha256": sha256(data).hexdigest(),
        "n_bytes": len(data),
        "kind": kind,
        "n_pages": len(pages),
        "n_text_layer": trusted if kind == "pdf" else 0,
        "route": next((route for route, holds in routes.items() if holds), "mixed"),
    }


def _pages(
    file: SourceFile, kind: str, data: bytes, params: TextbookParameters
) -> Iterator[Page]:
    if kind == "pdf":
        yield from _pdf_pages(file, data, params)
    elif kind in IMAGE_TYPES:
        frames = range(1, image_frames(data) + 1)
        yield from (Page(PageRef(file, "image", n), None) for n in frames)
    else:
        for number, text in enumerate(_texts(kind, data), 1):
            yield Page(PageRef(file, kind, number), _written(text, kind))


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
            return [markup.to_markdown(markup.docx_blocks(data))]
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


def _pdf_pages(
    file: SourceFile, data: bytes, params: TextbookParameters
) -> Iterator[Page]:
    with open_pdf(data) as document:
        for number in range(1, len(document) + 1):
            ref = PageRef(file, "pdf", number)
            try:
                yield _pdf_page(ref, document, params.text_layer)
            except PdfiumError:
                yield Page(ref, None)  # perhaps another program can draw it


def _pdf_page(ref: PageRef, document: Any, trust: TextLayerParameters) -> Page:
    page = document[ref.number - 1]
    text = read_text_layer(page)
    doubt = distrust(text, page, trust)
    page.close()
    if doubt:
        return Page(ref, None, text, doubt)
    return Page(ref, PageText(text, "ok", "text_layer"))


# ---- pictures --------------------------------------------------------------------


def read_pictures(
    pages: Sequence[Page],
    model: ChatModel | None,
    params: TextbookParameters,
    page_store: ReplyStore | None,
) -> dict[PageRef, PageText]:
    """Return what became of the pages that must be looked at.

    Args:
        pages: Pages without trusted text; those of one book stand together.
        model: olmOCR's endpoint, or None.
        params: Thresholds and engines.
        page_store: Keeps what this machine's engines read, or None.
    """
    refs = [page.ref for page in pages]
    by_olmocr = olmocr.read_pages(refs, model, params.olmocr) if model else {}
    rest = [page for page in pages if _needs_more(by_olmocr.get(page.ref))]
    pictures = render((p.ref for p in rest), params.local_ocr.longest_side)
    read = {ref: _from_olmocr(page) for ref, page in by_olmocr.items()}
    installed = _engines(params.local_ocr.engines, len(rest))
    with keeping(installed, page_store) as engines:
        for page, picture in zip(rest, pictures, strict=True):
            local = _read_locally(page, picture, engines, params)
            read[page.ref] = _after(by_olmocr.get(page.ref), local)
    return read


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
