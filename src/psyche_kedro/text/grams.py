"""What texts are made of, in numbers that can be joined: runs of characters, of words.

Either function returns a row for each distinct run of a text: ``at`` (the text's index)
and ``gram`` (the run). Texts are taken slice by slice, so that no more is held than was
asked for with ``among``.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

_SLICE = 2_000
_BITS = np.uint64(21)
"""Of a character: three fit one number exactly."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_WORD = r"[\p{L}\p{M}&&[^\x{2e80}-\x{10ffff}]]+|[\p{L}\p{N}]"
"""A word of a script that has spaces; a digit, or a character of any other script."""


def character_trigrams(
    texts: pl.Series, among: pl.Series | None = None
) -> pl.DataFrame:
    """Return the distinct 3-grams of characters of each text, none of a shorter one.

    Args:
        texts: ``[n]`` texts.
        among: Only these 3-grams are returned.
    """
    return _grams(texts, _packed, among)


def word_grams(
    texts: pl.Series, length: int, among: pl.Series | None = None
) -> pl.DataFrame:
    """Return the distinct runs of ``length`` words of each text, none of a shorter one.

    Of Chinese a word is a character. Marks, spaces, case and width are no difference.

    Args:
        texts: ``[n]`` texts; null is empty.
        length: Of a run.
        among: Only these runs are returned.
    """
    return _grams(texts, lambda part, first: _hashed(part, first, length), among)


def _grams(
    texts: pl.Series,
    runs_of: Callable[[pl.Series, int], pl.DataFrame],
    among: pl.Series | None,
) -> pl.DataFrame:
    wanted = None if among is None else among.unique().implode()
    found = [pl.DataFrame(schema={"at": pl.UInt32, "gram": pl.UInt64})]
    for first in range(0, len(texts), _SLICE):
        runs = runs_of(texts.slice(first, _SLICE), first)
        if wanted is not None:
            runs = runs.filter(pl.col("gram").is_in(wanted))
        found.append(runs.unique())
    return pl.concat(found)


def _packed(texts: pl.Series, first: int) -> pl.DataFrame:
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32)
    at = _places(first, texts.str.len_chars())
    wide = codes.astype(np.uint64)
    grams = (wide[:-2] << _BITS | wide[1:-1]) << _BITS | wide[2:]
    return _whole(at, grams, 3)


def _hashed(texts: pl.Series, first: int, length: int) -> pl.DataFrame:
    plain = texts.fill_null("").str.normalize("NFKC").str.to_lowercase()
    words = plain.str.extract_all(_WORD)
    codes = words.explode(empty_as_null=False).hash().to_numpy()
    at = _places(first, words.list.len())
    n = max(0, len(codes) - length + 1)
    grams = np.zeros(n, dtype=np.uint64)
    for place in range(length):
        grams = grams * _ODD + codes[place : place + n]
    return _whole(at, grams, length)


def _places(first: int, lengths: pl.Series) -> np.ndarray:
    texts = np.arange(first, first + len(lengths), dtype=np.uint32)
    return np.repeat(texts, lengths.to_numpy())


def _whole(at: np.ndarray, grams: np.ndarray, length: int) -> pl.DataFrame:
    """Return the runs that lie in one text."""
    n = len(grams)
    whole = at[:n] == at[length - 1 : length - 1 + n]
    return pl.DataFrame({"at": at[:n][whole], "gram": grams[whole]})
