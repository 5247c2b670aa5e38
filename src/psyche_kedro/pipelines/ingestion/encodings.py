"""Bytes to text for Chinese files of unknown encoding.

Detectors guess short Chinese texts wrongly (charset-normalizer gave up on a 323-byte
GBK file, tried), and nearly every Big5 text is also a valid GB18030 one. So: a byte
order mark, then strict UTF-8, then whichever of the two gives the more common
characters.
"""

import codecs

from psyche_kedro.pipelines.ingestion.sources import UnreadableSource

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LEGACY = ("gb18030", "big5")
COMMON = frozenset(
    "的一是不了在人有我他这这個们們中来來上大为為和国國地到以说說时時要就出会會可也"
    "你对對生能而子那得于於着著下自之年过過发發后後作里裡用道行所然家种種事成方多经"
    "經么麼去法学學如都同现現当當没沒动動面起看定天分还還进進好小部其些主样樣理心她"
    "本前开開但因只从從想实實题題选選项項答案解析下列属屬于心理情绪緒人格记憶忆"
    "，。、；：？！（）“”「」　"
)


def decode(data: bytes) -> str:
    r"""Return the text of ``data``, line ends as ``\n``.

    Raises:
        UnreadableSource: If no known encoding fits.
    """
    return _decode(data).replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes) -> str:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    readings = [text for text in (_strict(data, "utf-8"),) if text is not None]
    if not readings:
        readings = [t for e in LEGACY if (t := _strict(data, e)) is not None]
    if not readings:
        raise UnreadableSource(
            "unknown_encoding",
            "Neither UTF-8, GB18030 nor Big5 reads it: save it as UTF-8.",
        )
    return max(readings, key=_commonness)


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _commonness(text: str) -> float:
    wide = [c for c in text if ord(c) > 0x7F]  # noqa: PLR2004
    return sum(c in COMMON for c in wide) / max(len(wide), 1)
