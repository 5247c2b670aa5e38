"""Names by the likeliest reading of a clause, as words of the dictionary or as names.

A clause is read as the sequence of words and names whose probability is highest: a
word's is its share in jieba's dictionary, a name's that of its family name and of the
characters of its given name, counted in the names which the dictionary holds, times
what stands beside it. So 马上 and 安静 stay words, whatever they begin with, and 程野,
in no dictionary, is a name.

Example::

    我和程野认识十年了  ->  我 / 和 / [程野] / 认识 / 十年 / 了
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from math import log
from typing import NamedTuple

from psyche_kedro.pipelines.cleaning.deidentification.dictionary import (
    Word,
    character_shares,
    is_common,
    is_known,
    is_person,
    persons,
    share,
    words_from,
)
from psyche_kedro.pipelines.cleaning.deidentification.name_lists import (
    FULL_TITLES,
    KIN,
    MORE_KIN,
    NO_GIVEN_NAME,
    NO_NAME,
    NO_TITLED,
    surnames,
    word_list,
)

_CLAUSE = re.compile("[\u4e00-\u9fff]{2,}")
_LOG_NAME = -4.0
"""That a word is a full name: one in 55. Chosen, like the other figures, on the
sentences made with the rules and for few false names in public dialogues."""
_LOG_PET_NAME = -8.0
_LOG_TITLED = -5.0
_LOG_LISTED = -6.0
"""That it is 小明, the 王 of 王老师, a word of our own lists."""
_NOT_BESIDE = -1.0
_BEGINS = 0.7
_AFTER_VERB = 1.2
_AFTER_KIN = 3.5
_BEFORE_TITLE = 3.0
_BEFORE_VERB = 0.7
"""Added for what stands before and after a name, natural logarithms."""
_VERBS_BEFORE = frozenset("和跟与被把对叫给找问是像替帮让请爱恨追想骂见陪比看")
_VERBS_AFTER = frozenset(
    "说告问在是也和跟与的就把被对给让没不总又来去有还都却会要喝打走结"
)
_RARE = -17.9
"""Of a character that the dictionary lacks."""
_LONGEST_KIN = 4
_LONGEST_LISTED = 6
_LENGTHS = {1: 0.9, 2: 0.5}
"""Taken off for a given name of one character, of two."""
_PARENTS = ("爸爸", "妈妈")
_DOUBTFUL = 4
"""Counted of a rare family name, where the commonest counts 200."""
_MOST = 60
LISTED = 40
"""Counted of a character of given names at most, and added for each time it stands in
our list: the dictionary's persons are emperors and heroes of novels."""
_FULL_NAME = 3
_FAMOUS = -14.5
"""Of three characters the dictionary's persons are names where they are rare; those it
counts thirty times or more are emperors and 胡萝卜, and of two characters it calls 王子
and 范畴 persons, too."""


class Edge(NamedTuple):
    """A name that a clause may hold from some place on."""

    end: int
    score: float
    length: int


class Step(NamedTuple):
    """The first step of the best way from some place of a clause to its end."""

    score: float
    end: int
    is_name: bool


def find_names_by_model(text: str) -> Iterator[tuple[int, int]]:
    """Yield where names stand in the likeliest reading of each clause."""
    for clause in _CLAUSE.finditer(text):
        names = {
            first: edges
            for first in _beginnings(clause[0])
            if (edges := list(_edges(clause[0], first)))
        }
        if names:
            start = clause.start()
            for first, last in _read(clause[0], names):
                yield start + first, start + last


def _read(clause: str, names: Mapping[int, list[Edge]]) -> Iterator[tuple[int, int]]:
    """Yield the names on the way of the highest probability through a clause."""
    words = words_from(clause)
    for start, end in _listed(clause):
        words[start].append(Word(end, _LOG_LISTED))
    best = [0.0] * (len(clause) + 1)
    steps = [Step(0.0, 0, is_name=False)] * len(clause)
    for start in range(len(clause) - 1, -1, -1):
        edges = names.get(start, [])
        steps[start] = max(
            [Step(edge.score + best[edge.end], edge.end, True) for edge in edges]
            + [
                Step(word.share + best[word.end], word.end, False)
                for word in words[start]
                if not _is_name(clause[start : word.end], word.share, edges)
            ]
        )
        best[start] = steps[start].score
    start = 0
    while start < len(clause):
        if steps[start].is_name:
            yield start, steps[start].end
        start = steps[start].end


def _is_name(word: str, share: float, edges: Sequence[Edge]) -> bool:
    """Return whether what the dictionary has as a word is a rare full name."""
    is_full = any(len(word) == _FULL_NAME == edge.length for edge in edges)
    return is_full and share < _FAMOUS and is_person(word)


def _listed(clause: str) -> Iterator[tuple[int, int]]:
    """Yield where words and persons of our lists stand: 舍曲林, 奥苏伯尔."""
    lists = word_list("no_names.txt"), word_list("known_persons.txt")
    for start in range(len(clause) - 1):
        for end in range(start + 2, min(start + _LONGEST_LISTED, len(clause)) + 1):
            if any(clause[start:end] in words for words in lists):
                yield start, end


# ---- what may be a name ----------------------------------------------------------


def _beginnings(clause: str) -> Iterator[int]:
    yield from (match.start() for match in _first_character().finditer(clause))
    yield from (match.end() for match in _kin_pattern().finditer(clause))


def _edges(clause: str, start: int) -> Iterator[Edge]:
    """Yield the names from ``start`` on that may be likelier than words."""
    for end, own in _scored(clause, start):
        name = clause[start:end]
        score = own + _before(clause, start) + _after(clause, end)
        if _may_beat_words(name, score) and not _is_word(name):
            yield Edge(end, score, end - start)


def _may_beat_words(name: str, score: float) -> bool:
    """Return whether a name scores more than its characters as words of one or two.

    This alone settles nine candidates in ten, without reading the clause.
    """
    shares = character_shares()
    alone = [shares.get(character, _RARE) for character in name]
    total = sum(alone)
    if score <= total:
        return False
    for i in range(len(name) - 1):
        if is_known(name[i : i + 2]):
            pair = share(name[i : i + 2])
            if score <= total - alone[i] - alone[i + 1] + pair:
                return False
    return True


def _is_word(name: str) -> bool:
    return len(name) > 1 and (name in word_list("no_names.txt") or is_common(name))


def _scored(clause: str, start: int) -> Iterator[tuple[int, float]]:
    """Yield where names from ``start`` on end, and what they score by themselves."""
    if start < len(clause):
        yield from _full_names(clause, start)
        yield from _pet_names(clause, start)


def _full_names(clause: str, start: int) -> Iterator[tuple[int, float]]:
    """Yield 欧阳明月, 程野, and the 王 of 王老师."""
    shares = _shares()
    for length in (2, 1):
        family = shares.surnames.get(clause[start : start + length])
        first = start + length
        if family is None:
            continue
        title = _title().match(clause, first)
        if title and clause[start] not in NO_TITLED and title[0] not in _PARENTS:
            yield first, _LOG_TITLED + family
        score = _LOG_NAME + family
        for end in range(first + 1, min(first + 2, len(clause)) + 1):
            if clause[end - 1] not in shares.given:
                break
            score += shares.given[clause[end - 1]]
            yield end, score - _LENGTHS[end - first]


def _pet_names(clause: str, start: int) -> Iterator[tuple[int, float]]:
    """Yield 小明, 小王, 阿强, 老张, and after a word of kinship a given name alone."""
    shares, name = _shares(), clause[start : start + 2]
    parts = {"老": [shares.surnames], "小": [shares.surnames, shares.given]}
    own = [p[name[1]] for p in parts.get(name[0], [shares.given]) if name[1:] in p]
    if own and name[0] in "小阿老":
        yield start + 2, _LOG_PET_NAME + max(own)
    elif own and name[0] in shares.given and clause[:start].endswith(_kin()):
        yield start + 2, _LOG_PET_NAME + shares.given[name[0]] + max(own)


def _before(clause: str, start: int) -> float:
    if start == 0:
        return _BEGINS
    left = clause[max(0, start - _LONGEST_KIN) : start]
    if left.endswith(_kin()):
        return _AFTER_KIN
    return _AFTER_VERB if left[-1] in _VERBS_BEFORE else _NOT_BESIDE


def _after(clause: str, end: int) -> float:
    if end == len(clause) or clause[end] in _VERBS_AFTER:
        return _BEFORE_VERB
    return _BEFORE_TITLE if _title().match(clause, end) else _NOT_BESIDE


# ---- shares ----------------------------------------------------------------------


class _Shares(NamedTuple):
    """Log-probabilities of family names, and of characters of given names."""

    surnames: Mapping[str, float]
    given: Mapping[str, float]


@cache
def _shares() -> _Shares:
    listed = surnames()
    family = {name: 2000 // (rank + 10) for rank, name in enumerate(listed.sure)}
    family |= dict.fromkeys((*listed.doubtful, *listed.double), _DOUBTFUL)
    counted = Counter("".join(_given_names({*listed.sure}, {*listed.double})))
    given = Counter(
        {
            character: min(count, _MOST)
            for character, count in counted.items()
            if character not in NO_NAME + NO_GIVEN_NAME
        }
    )
    for character in "".join(word_list("given_names.txt")):
        given[character] += LISTED
    return _Shares(_logarithms(family), _logarithms(given))


def _given_names(single: Collection[str], double: Collection[str]) -> Iterator[str]:
    """Yield the given names of the dictionary's persons."""
    for name in persons():
        length = 2 if name[:2] in double else 1
        if name[:length] in {*single, *double} and len(name) - length in _LENGTHS:
            yield name[length:]


def _logarithms(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {key: log(count / total) for key, count in counts.items()}


@cache
def _first_character() -> re.Pattern[str]:
    first = {name[0] for name in _shares().surnames}
    return re.compile(f"[{''.join(first)}小阿老]")


@cache
def _title() -> re.Pattern[str]:
    return re.compile(
        f"(?:{FULL_TITLES}|咨询师|师傅|同学|院长|科长|主管|姐|哥|叔|姨|嫂|爸爸|妈妈"
        "|总(?![是会能要有在觉想算共结体之被让]))(?![生们资])"
    )


@cache
def _kin_pattern() -> re.Pattern[str]:
    return re.compile("|".join(sorted(_kin(), key=len, reverse=True)))


@cache
def _kin() -> tuple[str, ...]:
    return tuple(f"{KIN}|{MORE_KIN}".split("|"))
