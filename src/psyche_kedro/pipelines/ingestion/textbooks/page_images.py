"""Pages as pictures: rendered from a PDF by pypdfium2, or the frames of an image file.

A page that cannot be drawn is None in its place, so that it costs no other page.
"""

import io
import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import groupby
from typing import Any, NamedTuple

import pypdfium2
from PIL import Image, ImageOps, UnidentifiedImageError

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files.sources import HERE, Bounded
from psyche_kedro.workers.tasks import Lost

_DARK = 128
IMAGE_OBJECT = 3  # FPDF_PAGEOBJ_IMAGE
_PDF_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_IMAGE_FAULTS = (
    EOFError,
    IndexError,
    KeyError,
    OSError,
    SyntaxError,
    TypeError,
    UnidentifiedImageError,
    ValueError,
    struct.error,
)
"""What Pillow raises for a damaged file, by format and place of the damage."""


class PageRef(NamedTuple):
    """One page of a file.

    Attributes:
        file: The book.
        kind: ``pdf`` or ``image``.
        number: 1-based.
    """

    file: SourceFile
    kind: str
    number: int


class OpenBook:
    """A book that is opened once, where its pages are asked for; it travels closed."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file

    def __reduce__(self) -> tuple[type["OpenBook"], tuple[SourceFile]]:
        return OpenBook, (self._file,)

    @cached_property
    def data(self) -> bytes:
        """The file's bytes."""
        return self._file.read()

    @cached_property
    def document(self) -> Any:
        """The pypdfium2 document of a PDF that opens."""
        return pypdfium2.PdfDocument(self.data)


@contextmanager
def open_pdf(data: bytes) -> Iterator[Any]:
    """Give the open document.

    Raises:
        UnreadableSource: If it needs a password, is damaged, or has no page.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise _unreadable_pdf(error) from error
    with document:
        if not len(document):
            raise UnreadableSource("no_pages", "The PDF has no page: fetch it again.")
        yield document


def n_pdf_pages(data: bytes) -> int:
    """Return how many pages a PDF says that it has; see ``open_pdf``."""
    with open_pdf(data) as document:
        return len(document)


def _unreadable_pdf(error: Any) -> UnreadableSource:
    if getattr(error, "err_code", None) == _PDF_PASSWORD_ERROR:
        return UnreadableSource(
            "encrypted", "The PDF has a password: save a copy without it."
        )
    return UnreadableSource(
        "damaged_pdf", "The PDF does not open, it may be truncated: fetch it again."
    )


def image_frames(data: bytes) -> int:
    """Return how many pages an image file holds (a TIFF may hold many).

    Raises:
        UnreadableSource: If the image is damaged or too large to be opened safely.
    """
    with _open_image(data) as image:
        return int(getattr(image, "n_frames", 1))


@contextmanager
def _open_image(data: bytes) -> Iterator[Image.Image]:
    try:
        with _bombs_refused(), Image.open(io.BytesIO(data)) as image:
            yield image
    except _BOMBS as error:
        raise UnreadableSource(
            "too_large",
            f"The image has more than {Image.MAX_IMAGE_PIXELS:,} pixels: scan it at a "
            "lower resolution.",
        ) from error
    except _IMAGE_FAULTS as error:
        raise UnreadableSource(
            "damaged_image", "The image does not open: scan it again."
        ) from error


@contextmanager
def _bombs_refused() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged metadata: no page is lost by it
        # Pillow itself only warns up to twice its limit.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def render(
    refs: Iterable[PageRef], longest_side: int, hand: Bounded = HERE
) -> Iterator[Image.Image | None]:
    """Yield pictures as ``draw`` does, None for any page without one."""
    for drawn in draw(refs, longest_side, hand):
        yield None if isinstance(drawn, Lost) else drawn


def draw(
    refs: Iterable[PageRef], longest_side: int, hand: Bounded
) -> Iterator[Image.Image | Lost | None]:
    """Yield one RGB picture per page, None for one that is damaged.

    A book is opened once for neighbouring pages.

    Args:
        refs: Pages; those of one book stand together.
        longest_side: Pixels.
        hand: Who draws, within which limits.
    """
    for file, pages in groupby(refs, key=lambda ref: ref.file):
        refs_of_file = list(pages)
        is_pdf = refs_of_file[0].kind == "pdf"
        one = partial(
            _pdf_page if is_pdf else _image_page, OpenBook(file), longest_side
        )
        yield from hand.map(one, file, [ref.number for ref in refs_of_file])


def _pdf_page(book: OpenBook, longest_side: int, number: int) -> Image.Image | None:
    try:
        page = book.document[number - 1]
        scale = longest_side / max(page.get_size())
        picture: Image.Image = page.render(scale=scale).to_pil().convert("RGB")
        if not ink_share(picture):
            _require_images(page)
    except pypdfium2.PdfiumError:
        return None
    page.close()
    return picture


def _require_images(page: Any) -> None:
    """Raise ``PdfiumError`` if an image of a page is damaged: it leaves no ink."""
    for image in page.get_objects(filter=[IMAGE_OBJECT]):
        image.get_bitmap()


def _image_page(book: OpenBook, longest_side: int, number: int) -> Image.Image | None:
    try:
        with _open_image(book.data) as image:
            image.seek(number - 1)
            return _scaled(image, longest_side)
    except UnreadableSource:
        return None


def _scaled(image: Image.Image, longest_side: int) -> Image.Image:
    """Return an image on white, no larger than asked (a small one is not blown up)."""
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    page = Image.new("RGBA", upright.size, "white")
    page.alpha_composite(upright)
    page.thumbnail((longest_side, longest_side))
    return page.convert("RGB")


def ink_share(image: Image.Image) -> float:
    """Return the share of dark pixels, in [0, 1]."""
    histogram = image.convert("L").histogram()
    return sum(histogram[:_DARK]) / sum(histogram)
