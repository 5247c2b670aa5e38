"""What the offline brain knows: a glossary, counselling moves, words as signs.

They ship with the package and are all its knowledge; ``identity`` pins them, with the
rules, in every offline model's name.

Example row of ``glossary.csv``::

    term,subfield,definition
    组块,认知心理学,把若干小单位按意义联合成的较大的信息单位
"""

import csv
import logging
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import jieba
import yaml

_PLACE = files("psyche_kedro.offline")
_HAN = re.compile(r"[\u4e00-\u9fffA-Za-z0-9]+")
logging.getLogger("jieba").setLevel(logging.WARNING)


class Entry(NamedTuple):
    """A term of the glossary and what it is, in one clause."""

    term: str
    subfield: str
    definition: str


@cache
def glossary() -> tuple[Entry, ...]:
    """Return the shipped glossary in file order."""
    text = (_PLACE / "glossary.csv").read_text("utf-8")
    return tuple(Entry(**row) for row in csv.DictReader(text.splitlines()))


@cache
def by_term() -> Mapping[str, Entry]:
    """Return the glossary by term."""
    return {entry.term: entry for entry in glossary()}


@cache
def moves() -> Mapping[str, Any]:
    """Return the counselling moves: themes, feelings, phrases."""
    content: dict[str, Any] = yaml.safe_load((_PLACE / "moves.yml").read_text("utf-8"))
    return content


@cache
def _signs() -> Mapping[str, Any]:
    content: dict[str, Any] = yaml.safe_load((_PLACE / "signs.yml").read_text("utf-8"))
    return content


@cache
def sign(name: str) -> re.Pattern[str]:
    """Return the pattern of a sign; ``harm.blame`` names one of a group."""
    found: Any = _signs()
    for part in name.split("."):
        found = found[part]
    return re.compile("|".join(found))


def has(name: str, text: str) -> bool:
    """Whether a text has the sign ``name``."""
    return bool(sign(name).search(text))


def count(name: str, text: str) -> int:
    """Return how many different forms of the sign ``name`` a text has."""
    return len(set(sign(name).findall(text)))


def harms() -> list[str]:
    """Return the names of the harms, the gravest first."""
    return list(_signs()["harm"])


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(_signs()["stop_words"].split())


def terms_in(text: str) -> list[Entry]:
    """Return the glossary's terms that ``text`` names, longest first.

    A term inside a longer one (``焦虑`` in ``状态焦虑``) counts only where it also
    stands alone.
    """
    found: list[Entry] = []
    for entry in _longest_first():
        if entry.term in text:
            found.append(entry)
            text = text.replace(entry.term, "\0")
    return found


@cache
def _longest_first() -> tuple[Entry, ...]:
    return tuple(sorted(glossary(), key=lambda e: (-len(e.term), e.term)))


@cache
def _tokenizer() -> jieba.Tokenizer:
    # An own instance: whoever adds words to jieba's global one must not change replies.
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    return tokenizer


def words(text: str) -> list[str]:
    """Return the content words of ``text``, two characters or more, in order."""
    return [
        word
        for word in _tokenizer().cut(text)
        if len(word) > 1 and word not in _stop_words() and _HAN.fullmatch(word)
    ]


def bigrams(text: str) -> frozenset[str]:
    """Return the pairs of neighbouring characters, none across punctuation."""
    return frozenset(
        run[i : i + 2] for run in _HAN.findall(text) for i in range(len(run) - 1)
    )


def contained(part: Iterable[str], whole: Iterable[str]) -> float:
    """Return the share of ``part`` that ``whole`` has, in [0, 1]."""
    part = frozenset(part)
    return len(part & frozenset(whole)) / len(part) if part else 0.0


def nearness(text: str) -> dict[str, float]:
    """Return the cosine of ``text`` with each term's definition, where not 0."""
    index, rarity = _index()
    weights = {pair: rarity.get(pair, _unseen()) for pair in bigrams(text)}
    length = math.sqrt(sum(w * w for w in weights.values())) or 1.0
    near: dict[str, float] = defaultdict(float)
    # Sorted, because the order of a sum of floats must not depend on string hashing.
    for pair in sorted(weights):
        for term, weight in index.get(pair, ()):
            near[term] += weights[pair] * weight / length
    return near


@cache
def _unseen() -> float:
    return math.log(1 + len(glossary()))


@cache
def _index() -> tuple[Mapping[str, list[tuple[str, float]]], Mapping[str, float]]:
    pairs = {entry.term: bigrams(entry.definition) for entry in glossary()}
    counts = Counter(pair for each in pairs.values() for pair in each)
    rarity = {pair: math.log(1 + len(pairs) / n) for pair, n in counts.items()}
    index: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for term, each in pairs.items():
        length = math.sqrt(sum(rarity[pair] ** 2 for pair in sorted(each)))
        for pair in each:
            index[pair].append((term, rarity[pair] / length))
    return index, rarity
