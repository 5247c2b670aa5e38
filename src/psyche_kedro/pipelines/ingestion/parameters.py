"""Parameters of ingestion; every value stands in conf/base/parameters/ingestion.yml."""

from typing import Annotated, Literal

from pydantic import Field

from psyche_kedro.parameters import Parameters

Share = Annotated[float, Field(ge=0, le=1)]
LocalEngine = Literal["rapidocr", "tesseract"]


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


class TextbookParameters(Parameters):
    """How textbooks are read."""

    text_layer: TextLayerParameters
    olmocr: OlmocrParameters
    local_ocr: LocalOcrParameters
    blank_ink_share: Share
    """A page with fewer dark pixels is blank."""
