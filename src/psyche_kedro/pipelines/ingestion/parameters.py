"""Parameters of ingestion; every value stands in conf/base/parameters/ingestion.yml."""

from typing import Annotated, Literal

from pydantic import Field

from psyche_kedro.parameters import Parameters
from psyche_kedro.workers.tasks import Limits
from psyche_kedro.workers.worker import WorkerKind

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
LocalEngine = Literal["rapidocr", "tesseract"]


_MB = 1_000_000


class FileLimits(Parameters):
    """What reading one file may take; one that takes more is listed as unreadable.

    A book is opened, and each page of it read and drawn, within these limits anew.
    """

    read_in: WorkerKind
    """``in_process`` is for a debugger: files can then take all there is."""
    seconds: Positive
    seconds_per_mb: Positive
    """For each megabyte of the file, beside ``seconds``."""
    memory_mb: Positive
    """Beyond what the reading process takes when idle."""
    memory_per_mb: Positive
    """For each megabyte of the file, beside ``memory_mb``."""
    file_mb: Positive
    unpacked_mb: Positive
    """Of all parts of an archive, as XLSX, DOCX and EPUB are."""
    pages: Count
    """Of a PDF, an EPUB or a TIFF."""
    cells: Count
    """Of one sheet, from its first cell to its farthest."""
    lost_pages: Count
    """Pages of one book that end the reader; those after them are not tried."""
    depth: Count
    """Calls in one another: how deep what a file holds may nest."""

    def of(self, n_bytes: int) -> Limits:
        """Return what reading a file of ``n_bytes`` may take."""
        n_mb = min(n_bytes / _MB, self.file_mb)  # a larger one is not read
        return Limits(
            self.seconds + self.seconds_per_mb * n_mb,
            int(_MB * (self.memory_mb + self.memory_per_mb * n_mb)),
            self.depth,
        )


_NEVER_REACHED = 10**12
UNLIMITED = FileLimits.model_validate(
    dict.fromkeys(FileLimits.model_fields, _NEVER_REACHED) | {"read_in": "in_process"}
)
"""For files that are trusted, as those of tests are."""


class TextLayerParameters(Parameters):
    """When the text inside a PDF is trusted."""

    min_chars: Annotated[int, Field(ge=0)]
    min_readable_share: Share
    """Share of Han, printable ASCII and common punctuation among its characters."""
    max_image_share: Share
    """An image above this share of the page means a scan: its text is someone's OCR."""


class OlmocrParameters(Parameters):
    """How olmOCR is asked."""

    renderer: Literal["olmocr", "pdfium"]
    """``olmocr`` draws as olmOCR's tool does and needs poppler; ``pdfium`` does not."""
    longest_side: Annotated[int, Field(ge=64)]
    """Pixels of the rendered page's longest side."""
    max_tokens: Annotated[int, Field(ge=1)]
    temperatures: Annotated[tuple[float, ...], Field(min_length=1)]
    """One per attempt at a page."""


class LineConfidence(Parameters):
    """Lowest line score that needs no second look, by engine."""

    rapidocr: Share
    tesseract: Share


class LocalOcrParameters(Parameters):
    """How pages are read without an endpoint."""

    engines: tuple[LocalEngine, ...]
    """In order of preference; one that is not installed is passed over."""
    longest_side: Annotated[int, Field(ge=64)]
    min_confidence: LineConfidence
    """A page with a line below it is flagged ``low_confidence``."""
    seconds: Positive
    """For one page; an engine that takes longer has failed on it."""
    memory_mb: Positive
    """For an engine with its models and a page's picture."""

    def limits(self, depth: int) -> Limits:
        """Return what reading one page may take."""
        return Limits(self.seconds, int(_MB * self.memory_mb), depth)


class TextbookParameters(Parameters):
    """How textbooks are read."""

    text_layer: TextLayerParameters
    olmocr: OlmocrParameters
    local_ocr: LocalOcrParameters
    blank_ink_share: Share
    """A page with fewer dark pixels is blank."""
