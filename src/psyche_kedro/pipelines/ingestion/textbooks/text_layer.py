"""The text inside a PDF, and whether to trust it.

A layer is what some program wrote beside the picture of a page: its map from glyphs to
characters may be wrong or have holes, its lines may run across two columns, and a
watermark may lie among them.
"""

import re
from collections import Counter
from itertools import pairwise, starmap
from typing import Any

import pypdfium2.raw as pdfium

from psyche_kedro.pipelines.ingestion.parameters import TextLayerParameters
from psyche_kedro.pipelines.ingestion.textbooks.page_images import IMAGE_OBJECT
from psyche_kedro.pipelines.ingestion.textbooks.plausibility import is_language
from psyche_kedro.pipelines.ingestion.textbooks.reading_order import (
    TextBox,
    is_out_of_order,
    to_text,
)
from psyche_kedro.text.radicals import RADICALS

_HAN = frozenset(map(chr, range(0x4E00, 0xA000)))
_SOFT_HYPHEN = re.compile("[\x02\u00ad\ufffe](?:\r?\n)?")
"""pdfium puts U+0002 or U+FFFE where a word was divided at a line's end."""
_CID = re.compile(r"\(cid:\d+\)")
_LOST = re.compile(
    "[\ufffd〓]|(?<!^)[\ue000-\uf8ff\U000f0000-\U0010ffff]", re.MULTILINE
)
"""A glyph without a character; a private one at a line's start is its bullet."""
_MAX_LOST = 0.01
_SHOWN_LOST = re.compile(
    r"(?<=[\u4e00-\u9fff])(?![\w\s\u2e80-\u2fdf，。、；：！…“”‘’（）《》〈〉「」『』【】〔〕·•—～])"
    r"[^~–,.;:!()<>\[\]\"'/-](?=[\u4e00-\u9fff])"
)
"""A sign between ideographs, as programs write one for a glyph: □ ■ ○ ¤ ?; now and
then it is a box to tick."""
_MAX_SHOWN_LOST = 0.03
_NEARLY = 0.15
"""Of a glyph's width."""
_Place = tuple[float, float, float, float]
_NOWHERE: _Place = (0, 0, 0, 0)
"""Of the space that pdfium puts where it sees a hole."""
_READABLE = re.compile(
    r"[\s -~\u00a0-\u024f\u0370-\u03ff\u2000-\u22ff\u2460-\u27bf\u2e80-\u30ff"
    r"\u3200-\u9fff\uf900-\ufaff\ufe10-\ufe6f\uff00-\uffef\ufffd\ue000-\uf8ff\U0001f000-\U0003ffff]"
)
"""What Chinese and Western books are written in; the International Phonetic Alphabet,
which a wrong map likes to give, is not."""
_RADICAL = re.compile("[\u2e80-\u2fdf]")
_BEFORE_OWN = re.compile("([\u2e80-\u2fdf])(\\s*[\u4e00-\u9fff])")
_AFTER_OWN = re.compile("([\u4e00-\u9fff])([\u2e80-\u2fdf])")
_MAX_SINGLE = 0.2
"""Of a page's radicals, that stand alone though the others stand beside their own."""
_SLANT = 0.05
"""Radians off a right angle: text that slants is a watermark."""
_RIGHT_ANGLE = 1.5707963


def read_text_layer(page: Any) -> str:
    """Return the text of a pypdfium2 page, lines as the page has them."""
    textpage = page.get_textpage()
    text = _columns_in_turn(textpage) or _upright(textpage)
    text = _SOFT_HYPHEN.sub("", text).replace("\r\n", "\n").strip()
    return _without_doubles(text)


def _upright(textpage: Any) -> str:
    """Return the text without what slants across the page."""
    slanting = [n for n in range(textpage.count_chars()) if _slants(textpage, n)]
    if not slanting:
        return str(textpage.get_text_bounded())
    gone = frozenset(slanting)
    codes = (
        pdfium.FPDFText_GetUnicode(textpage, n)
        for n in range(textpage.count_chars())
        if n not in gone
    )
    return re.sub(r"(?:\r?\n){2,}", "\r\n", "".join(map(chr, codes)))


def _slants(textpage: Any, index: int) -> bool:
    angle = pdfium.FPDFText_GetCharAngle(textpage, index)
    if angle <= _SLANT:
        return False
    off = angle % _RIGHT_ANGLE
    return bool(_SLANT < off < _RIGHT_ANGLE - _SLANT)


def _columns_in_turn(textpage: Any) -> str | None:
    """Return the text column by column where the page draws it in another order."""
    places = [textpage.get_rect(n) for n in range(textpage.count_rects())]
    turns = _turns(textpage)
    boxes = [_turned(TextBox(x, -up, z, -y, ""), turns) for x, y, z, up in places]
    if not is_out_of_order(boxes):
        return None
    texts = (textpage.get_text_bounded(*place).strip() for place in places)
    return to_text([b._replace(text=t) for b, t in zip(boxes, texts, strict=True) if t])


def _turns(textpage: Any) -> int:
    """Return by how many right angles, clockwise, most of a page's text is turned."""
    glyphs = range(textpage.count_chars())
    angles = (pdfium.FPDFText_GetCharAngle(textpage, n) for n in glyphs)
    turns = Counter(round(angle / _RIGHT_ANGLE) % 4 for angle in angles)
    return turns.most_common(1)[0][0] if turns else 0


def _turned(box: TextBox, turns: int) -> TextBox:
    """Return where a box stands once its page is turned so that its text is upright."""
    for _ in range(turns):
        left, top, right, bottom, text = box
        box = TextBox(top, -right, bottom, -left, text)
    return box


def _without_doubles(text: str) -> str:
    """Return ``短时记忆与⼯工作`` with one character for one glyph.

    Only where nearly every radical stands beside its own ideograph: elsewhere it stands
    for it.
    """
    single = _AFTER_OWN.sub(_one_of_two, _BEFORE_OWN.sub(_one_of_two, text))
    n_radicals, left = len(_RADICAL.findall(text)), len(_RADICAL.findall(single))
    return single if left <= _MAX_SINGLE * n_radicals else text


def _one_of_two(pair: re.Match[str]) -> str:
    radical, ideograph = sorted((pair[1], pair[2]), key=lambda c: c.strip())
    is_double = RADICALS.get(ord(radical.strip())) == ideograph.strip()
    return ideograph if is_double else pair[0]


def distrust(text: str, page: Any, trust: TextLayerParameters) -> str | None:
    """Return why a text layer is not to be trusted, as a slug, or None.

    Args:
        text: The layer.
        page: The pypdfium2 page.
        trust: The thresholds.
    """
    if not text:
        return "no_text_layer"
    if doubt := _doubt_of_words(text, page, trust):
        return doubt
    image_share = largest_image_share(page)
    if image_share > trust.max_image_share:
        return "scan_with_text_layer"
    if len(text) < trust.min_chars and image_share > 0:
        return "short_text_layer"
    return None


def _doubt_of_words(text: str, page: Any, trust: TextLayerParameters) -> str | None:
    if _CID.search(text) or readable_share(text) < trust.min_readable_share:
        return "unreadable_text_layer"
    n_odd = len(text) - len(_READABLE.findall(text))
    textpage = page.get_textpage()
    n_lost = len(_LOST.findall(text)) + _unmapped(textpage) + n_odd
    if max(n_lost, _holes(textpage)) > _MAX_LOST * len(text):
        return "lost_characters"
    if len(_SHOWN_LOST.findall(text)) > _MAX_SHOWN_LOST * len(text):
        return "lost_characters"
    return None if is_language(text) else "unlikely_text_layer"


def _unmapped(textpage: Any) -> int:
    """Return how many glyphs of a page have no character."""
    glyphs = range(textpage.count_chars())
    return sum(pdfium.FPDFText_HasUnicodeMapError(textpage, n) == 1 for n in glyphs)


def _holes(textpage: Any) -> int:
    """Return between how many neighbouring Han of a line one or two are missing."""
    places = [_place_of_han(textpage, n) for n in range(textpage.count_chars())]
    shown = [place for place in places if place != _NOWHERE]
    return sum(starmap(_is_hole, pairwise(shown)))


def _place_of_han(textpage: Any, index: int) -> _Place | None:
    """Return where an ideograph stands, None of another character."""
    if pdfium.FPDFText_IsGenerated(textpage, index):
        return _NOWHERE
    if chr(pdfium.FPDFText_GetUnicode(textpage, index)) not in _HAN:
        return None
    place: _Place = textpage.get_charbox(index, loose=True)
    return place


def _is_hole(left: _Place | None, right: _Place | None) -> bool:
    if left is None or right is None or abs(left[1] - right[1]) > 1:
        return False
    width = left[2] - left[0]
    glyphs = (right[0] - left[2]) / width if width else 0
    return any(abs(glyphs - n) < _NEARLY for n in (1, 2))


def readable_share(text: str) -> float:
    """Return the share of characters that books are written in, lost ones aside."""
    return len(_READABLE.findall(text)) / len(text)


def largest_image_share(page: Any) -> float:
    """Return the share of the page that its largest image covers, in [0, 1]."""
    width, height = page.get_size()
    images = page.get_objects(filter=[IMAGE_OBJECT])
    areas = [_area(image.get_bounds()) / (width * height) for image in images]
    return min(max(areas, default=0.0), 1.0)


def _area(bounds: tuple[float, float, float, float]) -> float:
    left, bottom, right, top = bounds
    return max(right - left, 0) * max(top - bottom, 0)
