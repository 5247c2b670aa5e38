"""Single characters that stand for others: radicals, wide letters, invisible ones.

PCEB alone holds 26,703 Kangxi and CJK-radical code points (⼼ for 心). NFKC misses most
of the supplement and ruins Chinese punctuation (， to a comma). So: NFC, and tables of
our own. A character that was lost, U+FFFD, is no invisible one: it stays.
"""

import re
import unicodedata

from psyche_kedro.text.radicals import RADICALS

_RADICAL = re.compile("[\u2e80-\u2fdf]")

_WIDE_RANGES = (("０", "９"), ("Ａ", "Ｚ"), ("ａ", "ｚ"))
_WIDE = {
    chr(point): chr(point - 0xFEE0)
    for first, last in _WIDE_RANGES
    for point in range(ord(first), ord(last) + 1)
}
_ODD = dict(
    zip(
        "％＋＝＠＃＆＿＄＊＜＞／＼｜＾｀\u3000\u00a0",
        "%+=@#&_$*<>/\\|^`  ",
        strict=True,
    )
)
_HALF = dict(zip("﹐﹑﹔﹖﹗｡､｢｣﹕", "，、；？！。、「」：", strict=True))
_INVISIBLE = dict.fromkeys(
    [
        0xAD,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2065),
        0xFEFF,
        *range(0xFFF9, 0xFFFD),
        *range(0x09),
        0x0B,
        0x0C,
        *range(0x0E, 0x20),
        *range(0x7F, 0xA0),
    ]
)
_FOLDED = str.maketrans(_WIDE | _ODD | _HALF) | _INVISIBLE
_FOLDABLE = re.compile(f"[{re.escape(''.join(map(chr, _FOLDED)))}]")


def replace_radicals(text: str) -> str:
    """Return ``text`` with radicals as the ideographs they stand for."""
    return text.translate(RADICALS) if _RADICAL.search(text) else text


def fold(text: str) -> str:
    """Return ``text`` in NFC, letters and digits narrow, nothing invisible."""
    text = unicodedata.normalize("NFC", text)
    return text.translate(_FOLDED) if _FOLDABLE.search(text) else text
