"""Pages as pictures: rendered from a PDF, or the frames of an image file.

pypdfium2 renders, not olmOCR's own pdftoppm: it needs no apt package, is three times as
fast, and renders non-embedded Chinese fonts where pdftoppm without poppler-data gives
an empty page and exit code 0 (tried).
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

import pypdfium2
from PIL import Image, ImageOps, UnidentifiedImageError

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.pipelines.ingestion.sources import UnreadableSource

DARK = 128
PDF_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD


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
    try:
        if not len(document):
            raise UnreadableSource("no_pages", "The PDF has no page: fetch it again.")
        yield document
    finally:
        document.close()


def _unreadable_pdf(error: Any) -> UnreadableSource:
    if getattr(error, "err_code", None) == PDF_PASSWORD_ERROR:
        return UnreadableSource(
            "encrypted", "The PDF has a password: save a copy without it."
        )
    return UnreadableSource(
        "damaged_pdf", "The PDF does not open, it may be truncated: fetch it again."
    )


def image_frames(data: bytes) -> int:
    """Return how many pages an image file holds (a TIFF may hold many).

    Raises:
        UnreadableSource: If the image is damaged.
    """
    with _open_image(data) as image:
        return int(getattr(image, "n_frames", 1))


def _open_image(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, OSError) as error:
        raise UnreadableSource(
            "damaged_image", "The image does not open: scan it again."
        ) from error


def render(refs: Iterable[PageRef], longest_side: int) -> Iterator[Image.Image]:
    """Yield one RGB picture per page; a book is opened once for neighbouring pages.

    Args:
        refs: Pages; those of one book stand together.
        longest_side: Pixels.
    """
    for file, pages in groupby(refs, key=lambda ref: ref.file):
        refs_of_file = list(pages)
        data = file.read()
        if refs_of_file[0].kind == "pdf":
            with open_pdf(data) as document:
                for ref in refs_of_file:
                    yield _render_page(document[ref.number - 1], longest_side)
        else:
            with _open_image(data) as image:
                for ref in refs_of_file:
                    image.seek(ref.number - 1)
                    yield _scaled(image, longest_side)


def _render_page(page: Any, longest_side: int) -> Image.Image:
    scale = longest_side / max(page.get_size())
    picture: Image.Image = page.render(scale=scale).to_pil().convert("RGB")
    page.close()
    return picture


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
    return sum(histogram[:DARK]) / sum(histogram)
