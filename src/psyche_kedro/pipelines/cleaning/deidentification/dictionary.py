"""What jieba knows of words: is one common, and is one a person's name."""

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

_PROPER_TAGS = ("nr", "ns", "nt", "nz")
"""Persons, places, organisations, other proper nouns."""
_RARE = 100
"""Times that a word stands in the texts that jieba's dictionary was counted on."""


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


def is_noun(word: str) -> bool:
    """Return whether a dictionary has the word as a thing's, place's or person's."""
    return _tagger().dt.word_tag_tab.get(word) in ("n", "ns", "nz", "nr")


def is_quality(word: str) -> bool:
    """Return whether a dictionary has the word as one that says how a thing is."""
    return _tagger().dt.word_tag_tab.get(word) in ("a", "ad", "an", "z")


def is_rare(word: str) -> bool:
    """Return whether a word is met so seldom that it may be a name as well: 牛犇."""
    return int(_tagger().dt.FREQ.get(word, 0)) < _RARE


def is_known(word: str) -> bool:
    """Return whether a dictionary has the word at all."""
    return word in _tagger().dt.word_tag_tab


def tagged_words(text: str) -> Iterator[TaggedWord]:
    """Yield the words of ``text`` in order."""
    start = 0
    for word, tag in _tagger().lcut(text):
        yield TaggedWord(start, start + len(word), word, tag)
        start += len(word)


@cache
def _tagger() -> Any:
    import logging  # noqa: PLC0415

    import jieba  # noqa: PLC0415  0.5 s for its dictionary
    import jieba.posseg  # noqa: PLC0415

    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()
    jieba.posseg.dt.initialize()
    tags, words = jieba.posseg.dt.word_tag_tab, jieba.posseg.dt.FREQ
    # A word of both tables, and a tag, is one object: 35 MB.
    jieba.posseg.dt.word_tag_tab = {w: sys.intern(tags[w]) for w in words if w in tags}
    return jieba.posseg
