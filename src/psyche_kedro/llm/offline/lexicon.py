"""What the offline brain knows: a glossary, counselling moves, and words of a text.

The glossary and the moves ship with the package and are all its knowledge; their
digest, together with that of the rules, is part of every offline model's name.

Example row of ``glossary.csv``::

    term,subfield,definition
    组块,认知心理学,把若干小单位按意义联合成的较大的信息单位
"""

import csv
import hashlib
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

_PLACE = files("psyche_kedro.llm.offline")
_HAN = re.compile(r"[\u4e00-\u9fffA-Za-z0-9]+")
_STOP = frozenset(
    "一个 一种 一些 这种 这个 那个 自己 我们 他们 你们 它们 什么 怎么 怎样 如何 为了 因为 所以 "
    "但是 而且 以及 或者 如果 可以 可能 进行 具有 没有 不是 就是 还是 这样 那样 其他 其中 下列 "
    "以下 属于 正确 错误 说法 主要 关于 通过 由于 根据 需要 已经 之间 之后 之前 时候 认为 称为 "
    "是指 表现 包括 指的 这一 该项 不同 出现 产生 作用 求助者 来访者 咨询师 心理 心理学".split()
)

logging.getLogger("jieba").setLevel(logging.WARNING)


class Entry(NamedTuple):
    """A term of the glossary and what it is, in one clause."""

    term: str
    subfield: str
    definition: str


@cache
def digest() -> str:
    """Return the identity of data and rules: 12 hex digits over this package."""
    names = sorted(
        (p.name, p.read_bytes()) for p in _PLACE.iterdir() if p.name[-4:] != "ache"
    )
    whole = hashlib.sha256()
    for name, content in names:
        whole.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return whole.hexdigest()[:12]


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
        if len(word) > 1 and word not in _STOP and _HAN.fullmatch(word)
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


def nearness(text: str) -> Counter[str]:
    """Return the cosine of ``text`` with each term's definition, where not 0."""
    index, rarity = _index()
    weights = {pair: rarity.get(pair, _unseen()) for pair in bigrams(text)}
    length = math.sqrt(sum(w * w for w in weights.values())) or 1.0
    near: Counter[str] = Counter()
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
