"""Text as it is compared: NFKC, and letters and digits alone.

>>> bare("A．Ⅲ型（WISC-R）")
'aiii型wiscr'
"""

import re
import unicodedata
from string import ascii_lowercase, ascii_uppercase

import polars as pl

_MARKS = {
    mark: unicodedata.normalize("NFKC", mark) for mark in "，：；？！（）…～\u3000"
}
_ACCENTS = re.compile(
    r"([^\w\s\0-\u02ff\u2000-\u206f\u20f1-\u3029\u3030-\ua66e\ua6f2-\ua801\uac00-\ufb1d"
    r"\ufb1f-\ufe1f\ufe30-\U000101fc\U0001f000-\U0001ffff]{30})[^\w\s]+"
)
"""More than thirty marks on one letter, which Unicode's stream-safe form (UAX #15) cuts
as well: putting n of them in order takes n² steps."""
_WORDS_IN_ONE = re.compile("[\u3300-\u3357\u33ae\u33af\ufdf0-\ufdfc]")
"""Signs that NFKC spells out in up to eighteen characters; no other makes five."""
_MOST_WORDS_IN_ONE = 100
_NOT_TEXT = re.compile(r"[\W_]+")
_SLICE = 16_384


def nfkc(text: str) -> str:
    """Return ``text`` in NFKC.

    Chinese punctuation is replaced first: most text is then in NFKC, which Python sees
    at once; else it takes every character apart, twenty times as long. Of signs for
    whole words a text with more than a hundred loses all: it would be up to eighteen
    times as long.
    """
    for mark, plain in _MARKS.items():
        text = text.replace(mark, plain)
    if unicodedata.is_normalized("NFKC", text):
        return text
    if len(_WORDS_IN_ONE.findall(text)) > _MOST_WORDS_IN_ONE:
        text = _WORDS_IN_ONE.sub(" ", text)
    return unicodedata.normalize("NFKC", _ACCENTS.sub(r"\1", text))


def bare(text: str) -> str:
    """Return letters and digits only, NFKC, lower case."""
    return _NOT_TEXT.sub("", nfkc(text).lower())


def bare_texts(texts: pl.Series) -> pl.Series:
    """Return what ``bare`` does of each text, all at once; null becomes empty.

    No punctuation mark and no CJK ideograph holds a letter under NFKC (checked over all
    of Unicode), so full NFKC is spent on the few texts with anything else in them.
    """
    # Slice by slice: the intermediate copies of a million texts are half a gigabyte.
    slices = texts.fill_null("").cast(pl.String).to_frame().iter_slices(_SLICE)
    return pl.concat([_bare_texts(part.to_series()) for part in slices] or [texts])


def _bare_texts(texts: pl.Series) -> pl.Series:
    plain = texts.str.replace_all(r"[\p{P}\s]+", "")
    rare = plain.str.contains(r"[^\x{4e00}-\x{9fff}0-9A-Za-z]")
    lower = plain.str.replace_many(list(ascii_uppercase), list(ascii_lowercase))
    spelt = plain.filter(rare).str.normalize("NFKC").str.to_lowercase()
    letters = spelt.str.replace_all(r"[^\p{L}\p{N}]+", "")
    return lower.scatter(rare.arg_true(), letters)
