"""Textbooks (Type I) of any format to one row per page.

Type I is the paper's first source: classic psychology books, read by olmOCR
(§2.1). Here the engine is chosen per page: a trusted text layer, else olmOCR where an
endpoint is configured, else the OCR engines of this machine. Every page gets a row,
whatever became of it, and one bad page never costs a book.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from pypdfium2 import PdfiumError

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
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
from psyche_kedro.pipelines.ingestion.textbooks.page_images import (
    OpenBook,
    PageRef,
    image_frames,
    n_pdf_pages,
)
from psyche_kedro.pipelines.ingestion.textbooks.text_layer import (
    distrust,
    read_text_layer,
)
from psyche_kedro.tables import content_id
from psyche_kedro.text.encodings import REPLACEMENT, decode
from psyche_kedro.workers.tasks import Lost, Task

_OF_NOTHING = sha256(b"").hexdigest()
DAMAGED = "damaged_page"
_NOTE_NUMBER = re.compile(r"^\[\^[^\]\s]+\]:[ \t]*|\[\^[^\]\s]+\]", re.MULTILINE)
"""Of Markdown: as in other books, a note stands behind the text, its number nowhere."""


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
        return PageText("", "failed", kind, detail=DAMAGED)
    status = "ok" if text.strip() else "blank"
    detail = "undecodable_bytes" if REPLACEMENT in text else None
    return PageText(text.strip(), status, kind, detail=detail)


def _texts(kind: str, data: bytes) -> list[str | None]:
    match kind:
        case "docx":
            blocks = [*word.docx_blocks(data), *word.docx_notes(data)]
            return [markup.to_markdown(blocks)]
        case "epub":
            return [_epub_text(page) for page in markup.epub_pages(data)]
        case "html":
            return [markup.to_markdown(markup.html_blocks(decode(data)))]
        case "markdown":
            return [_NOTE_NUMBER.sub("", decode(data))]
        case "text":
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
