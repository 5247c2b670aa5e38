"""What jieba knows of words: is one common, and is one a person's name."""

from collections.abc import Iterator
from functools import cache
from math import log
from typing import Any, NamedTuple

_PROPER_TAGS = ("nr", "ns", "nt", "nz")
"""Persons, places, organisations, other proper nouns."""


class TaggedWord(NamedTuple):
    """A word of a text with its part of speech."""

    start: int
    end: int
    text: str
    tag: str


def is_common(word: str) -> bool:
    """Return whether a dictionary has the word, and not as a proper noun."""
    tag = _tagger().dt.word_tag_tab.get(word)
    return tag is not None and not tag.startswith(_PROPER_TAGS)


def is_known(word: str) -> bool:
    """Return whether a dictionary has the word at all."""
    return word in _tagger().dt.word_tag_tab


def tagged_words(text: str) -> Iterator[TaggedWord]:
    """Yield the words of ``text`` in order."""
    start = 0
    for word, tag in _tagger().lcut(text):
        yield TaggedWord(start, start + len(word), word, tag)
        start += len(word)


class Word(NamedTuple):
    """A word of the dictionary in a text.

    Attributes:
        end: Offset after it.
        share: Logarithm of its share in the dictionary's counts.
    """

    end: int
    share: float


def words_from(text: str) -> list[list[Word]]:
    """Return the dictionary's words that begin at each character of ``text``."""
    tokenizer = _tagger().dt.tokenizer
    counts, total = tokenizer.FREQ, log(tokenizer.total)
    return [
        [Word(e + 1, log(counts.get(text[start : e + 1]) or 1) - total) for e in ends]
        for start, ends in tokenizer.get_DAG(text).items()
    ]


def share(word: str) -> float:
    """Return the logarithm of a word's share in the dictionary's counts."""
    tokenizer = _tagger().dt.tokenizer
    return log(tokenizer.FREQ.get(word) or 1) - log(tokenizer.total)


@cache
def character_shares() -> dict[str, float]:
    """Return ``share`` of every character that is a word."""
    words = _tagger().dt.tokenizer.FREQ
    return {word: share(word) for word in words if len(word) == 1}


def persons() -> Iterator[str]:
    """Yield the dictionary's names of persons; a tenth of them is none."""
    tags = _tagger().dt.word_tag_tab.items()
    return (word for word, tag in tags if tag.startswith("nr"))


def is_person(word: str) -> bool:
    """Return whether the dictionary has the word as a person's name."""
    return str(_tagger().dt.word_tag_tab.get(word)).startswith("nr")


@cache
def _tagger() -> Any:
    import logging  # noqa: PLC0415

    import jieba  # noqa: PLC0415  0.5 s for its dictionary
    import jieba.posseg  # noqa: PLC0415

    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()
    jieba.posseg.dt.initialize()
    return jieba.posseg
