"""The text inside a PDF, and whether to trust it."""

import re
import unicodedata
from typing import Any

from psyche_kedro.pipelines.ingestion.parameters import TextLayerParameters
from psyche_kedro.pipelines.ingestion.textbooks.page_images import IMAGE_OBJECT

_SOFT_HYPHEN = re.compile("[\x02\u00ad\ufffe](?:\r?\n)?")
"""pdfium puts U+0002 or U+FFFE where a word was divided at a line's end."""
_CID = re.compile(r"\(cid:\d+\)")
_ODD_CATEGORIES = frozenset({"Cc", "Cn", "Co", "Cs"})


def read_text_layer(page: Any) -> str:
    """Return the text of a pypdfium2 page, lines as the page has them."""
    text = page.get_textpage().get_text_bounded()
    return _SOFT_HYPHEN.sub("", text).replace("\r\n", "\n").strip()


def distrust(text: str, page: Any, trust: TextLayerParameters) -> str | None:
    """Return why a text layer is not to be trusted, as a slug, or None.

    Args:
        text: The layer.
        page: The pypdfium2 page.
        trust: The thresholds.
    """
    if not text:
        return "no_text_layer"
    if _CID.search(text) or readable_share(text) < trust.min_readable_share:
        return "unreadable_text_layer"
    image_share = largest_image_share(page)
    if image_share > trust.max_image_share:
        return "scan_with_text_layer"
    if len(text) < trust.min_chars and image_share > 0:
        return "short_text_layer"
    return None


def readable_share(text: str) -> float:
    """Return the share of characters that a font without a map would not give."""
    odd = sum(
        c == "\ufffd"
        or (unicodedata.category(c) in _ODD_CATEGORIES and not c.isspace())
        for c in text
    )
    return 1 - odd / len(text)


def largest_image_share(page: Any) -> float:
    """Return the share of the page that its largest image covers, in [0, 1]."""
    width, height = page.get_size()
    images = page.get_objects(filter=[IMAGE_OBJECT])
    areas = [_area(image.get_bounds()) / (width * height) for image in images]
    return min(max(areas, default=0.0), 1.0)


def _area(bounds: tuple[float, float, float, float]) -> float:
    left, bottom, right, top = bounds
    return max(right - left, 0) * max(top - bottom, 0)
