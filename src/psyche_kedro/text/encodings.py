"""Bytes to text for Chinese files of unknown encoding.

Detectors guess short Chinese texts wrongly (charset-normalizer gave up on a 323-byte
GBK file, tried), and nearly every Big5 text is also a valid GB18030 one. So: a byte
order mark, then strict UTF-8, then whichever of the two gives the more common
characters. A mark may be wrong, a reading without common characters is none, and a
lost byte in a thousand costs its character, not the book.
"""

import codecs

from psyche_kedro.errors import UnreadableSource

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESSES = ("gb18030", "big5", "utf-16-le", "utf-16-be")
_MIN_COMMON = 0.1
"""Share of common characters below which a guessed encoding is a wrong one."""
_MAX_LOST = 0.001
REPLACEMENT = "\ufffd"
_COMMON = frozenset(
    "的一是不了在人有我他这这個们們中来來上大为為和国國地到以说說时時要就出会會可也"
    "你对對生能而子那得于於着著下自之年过過发發后後作里裡用道行所然家种種事成方多经"
    "經么麼去法学學如都同现現当當没沒动動面起看定天分还還进進好小部其些主样樣理心她"
    "本前开開但因只从從想实實题題选選项項答案解析下列属屬于心理情绪緒人格记憶忆"
    "，。、；：？！（）“”「」　"
)


def decode(data: bytes) -> str:
    r"""Return the text of ``data``, line ends as ``\n``, without NUL characters.

    Characters that some stray bytes have cost are U+FFFD.

    Raises:
        UnreadableSource: If no known encoding fits.
    """
    text = _decode(data).replace("\x00", "")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes) -> str:
    mark, encoding = next((m for m in MARKS if data.startswith(m[0])), (b"", "utf-8"))
    declared = _strict(data, encoding)
    if declared is not None and encoding.startswith("utf-8"):
        return declared
    guessed = _guess(data[len(mark) :])
    if declared is not None:
        return max(declared, guessed, key=_commonness)
    return guessed or _lossy(data, encoding)


def _guess(data: bytes) -> str:
    """Return the reading with the most common characters, or ''."""
    readings = [text for e in _GUESSES if (text := _strict(data, e)) is not None]
    best = max(readings, key=_commonness, default="")
    return best if _commonness(best) >= _MIN_COMMON else ""


def _lossy(data: bytes, encoding: str) -> str:
    readings = [data.decode(e, "replace") for e in (encoding, "gb18030")]
    best = min(readings, key=lambda text: text.count(REPLACEMENT))
    if best.count(REPLACEMENT) > max(1, _MAX_LOST * len(best)):
        raise UnreadableSource(
            "unknown_encoding",
            "Neither UTF-8, GB18030, Big5 nor UTF-16 reads it: save it as UTF-8.",
        )
    return best


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _commonness(text: str) -> float:
    wide = [c for c in text if ord(c) > 0x7F]  # noqa: PLR2004
    return sum(c in _COMMON for c in wide) / max(len(wide), 1)
