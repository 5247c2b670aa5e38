"""Pages as olmOCR is shown them: PNG, a PDF's drawn by olmOCR's own renderer.

It calls poppler's ``pdfinfo`` and ``pdftoppm``, 0.2 CPU seconds a page where pypdfium2
needs 0.02 (measured), so pages are drawn ahead on all cores. Without poppler's Chinese
data a font that is not embedded is left out and the exit code is 0 (tried): each
drawing is therefore held against pypdfium2's. An image file needs no renderer; olmOCR
would wrap it into a PDF first.
"""

import base64
import io
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from PIL import Image

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import ChatModelError
from psyche_kedro.pipelines.ingestion.files.sources import HERE, Bounded
from psyche_kedro.pipelines.ingestion.parameters import OlmocrParameters
from psyche_kedro.pipelines.ingestion.textbooks.page_images import (
    PageRef,
    ink_share,
    render,
)

_PROGRAMS = ("pdfinfo", "pdftoppm")
_PAGES_AHEAD = 32
_WHOLE_DRAWING = 0.5
"""Of pypdfium2's ink; on eight PDFs poppler's came to 0.85 to 1.27 of it."""


class Drawing(NamedTuple):
    """A page as PNG.

    Attributes:
        png: The file's bytes; empty where there is a problem.
        problem: ``not_drawn`` or ``drawn_without_its_text``; None for a good one.
    """

    png: bytes
    problem: str | None = None


_NOT_DRAWN = Drawing(b"", "not_drawn")


def require_renderer(refs: Iterable[PageRef], params: OlmocrParameters) -> None:
    """Refuse to begin where olmOCR's renderer has pages to draw but no poppler.

    Raises:
        ChatModelError: If a program of it is missing.
    """
    if params.renderer != "olmocr" or all(ref.kind != "pdf" for ref in refs):
        return
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        raise ChatModelError(
            f"olmOCR's renderer calls poppler's {' and '.join(missing)}, not found on "
            "the PATH: install poppler (`apt install poppler-utils poppler-data`, "
            "`brew install poppler` or `conda install -c conda-forge poppler`), or set "
            "`ingestion.textbooks.olmocr.renderer: pdfium`."
        )


def draw(
    refs: Iterable[PageRef], params: OlmocrParameters, hand: Bounded = HERE
) -> Iterator[Drawing]:
    """Yield one drawing per page.

    Args:
        refs: Pages; those of one book stand together.
        params: Renderer and size.
        hand: Who draws what poppler does not, within which limits.
    """
    side = params.longest_side
    for file, pages in groupby(refs, key=lambda ref: ref.file):
        refs_of_file = list(pages)
        if params.renderer == "olmocr" and refs_of_file[0].kind == "pdf":
            yield from _draw_with_poppler(file, refs_of_file, side, hand)
        else:
            pictures = render(refs_of_file, side, hand)
            yield from (_NOT_DRAWN if p is None else Drawing(_png(p)) for p in pictures)


def turn(png: bytes, degrees: int) -> bytes:
    """Return a picture turned as olmOCR's tool turns it: counter-clockwise."""
    if not degrees:
        return png
    with Image.open(io.BytesIO(png)) as picture:
        return _png(picture.rotate(degrees, expand=True))


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def _draw_with_poppler(
    file: SourceFile, refs: Sequence[PageRef], longest_side: int, hand: Bounded
) -> Iterator[Drawing]:
    with TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        path = Path(folder, "book.pdf")
        path.write_bytes(file.read())
        drawn = partial(_poppler_png, str(path), longest_side)
        ours = render(refs, longest_side, hand)
        for start in range(0, len(refs), _PAGES_AHEAD):
            numbers = [ref.number for ref in refs[start : start + _PAGES_AHEAD]]
            # Not strict: `ours` goes on with the next pages.
            for png, picture in zip(pool.map(drawn, numbers), ours, strict=False):
                yield _checked(png, picture)


def _poppler_png(path: str, longest_side: int, number: int) -> bytes:
    """Return one page as PNG; empty where poppler cannot draw it."""
    from olmocr.data.renderpdf import render_pdf_to_base64png  # noqa: PLC0415

    try:
        return base64.b64decode(render_pdf_to_base64png(path, number, longest_side))
    except (AssertionError, ValueError, subprocess.TimeoutExpired):
        return b""


def _checked(png: bytes, ours: Image.Image | None) -> Drawing:
    if not png:
        return _NOT_DRAWN
    with Image.open(io.BytesIO(png)) as picture:
        share = ink_share(picture)
    if ours is None:
        return Drawing(png) if share else _NOT_DRAWN
    if share < _WHOLE_DRAWING * ink_share(ours):
        return Drawing(b"", "drawn_without_its_text")
    return Drawing(png)
