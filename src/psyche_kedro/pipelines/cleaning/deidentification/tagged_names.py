"""Names by a tagger, clause by clause; its false alarms are known words and persons.

In clauses it finds as many as in sentences, and a clause that many write is read once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from psyche_kedro.pipelines.cleaning.deidentification.dictionary import (
    is_common,
    is_known,
    is_noun,
    is_rare,
)
from psyche_kedro.pipelines.cleaning.deidentification.name_lists import (
    ACTS,
    DEEDS,
    GREETINGS,
    KIN,
    NO_NAME,
    PETS,
    ROLES,
    TITLES,
    is_listed,
    surnames,
)
from psyche_kedro.pipelines.cleaning.deidentification.names import (
    find_names_by_rule,
    given_characters,
    is_given,
    unlisted,
)
from psyche_kedro.pipelines.cleaning.deidentification.spans import Span
from psyche_kedro.text.taggers import Tagged, Tagger

Persons = Mapping[str, tuple[tuple[int, int], ...]]
"""Where a tagger sees persons, by clause; clauses without are left out."""
NOBODY: Persons = {}
_PERSON = frozenset({"PER", "PERSON", "NR"})
_CLAUSE = re.compile(r"[^，。！？；\n]*[\u4e00-\u9fff][^，。！？；\n]+")
_NAME = re.compile(
    rf"(?:{KIN})*(?P<v>[\u4e00-\u9fff]+?)(?:(?:{TITLES})说?|你好|您好|一[比起样直])*"
)
"""With a dot it is an author's, or one that a rule finds."""
_TELLING = (*ROLES, "我叫", "名叫")
_TITLE = re.compile(rf"(?!爷爷奶奶|叔叔阿姨|老师同学|哥哥?姐)(?:{TITLES})")
_PREDICATE = re.compile(rf"是[我他她]|{DEEDS}|{_TITLE.pattern}")
_ONLINE = ("网友", "网名", "微信名")
_H = "[\u4e00-\u9fff]"
_WEEKS = tuple("上下每本这两几")
_DOTS = frozenset("·•‧・")
_ASKING = "他叫"
_PIECE = 9
"""Characters enough to tell a name by what follows it."""
_LONGEST_WORD = 5
_FULL_NAME = 3


def tag_clauses(texts: Iterable[str], tagger: Tagger | None) -> Persons:
    """Return what a tagger calls persons in the clauses of the texts.

    Args:
        texts: Normalised.
        tagger: Or None, which finds nobody.
    """
    if tagger is None:
        return NOBODY
    clauses = list(dict.fromkeys(c for text in texts for c in _CLAUSE.findall(text)))
    seen = {
        clause: [*_persons(found)]
        for clause, found in zip(clauses, tagger.tag(clauses), strict=True)
    }
    for clause, place in _expected_names(clauses, tagger):
        seen[clause].append(place)
    return {clause: tuple(places) for clause, places in seen.items() if places}


def _persons(found: Iterable[Tagged]) -> Iterator[tuple[int, int]]:
    return ((t.start, t.end) for t in found if t.label.upper() in _PERSON)


def _expected_names(
    clauses: Iterable[str], tagger: Tagger
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the names that stand where one is expected, each with its clause.

    A tagger that overlooks it in 同桌黄河给我写信 is asked again: 他叫黄河给我写信.
    """
    start = len(_ASKING)
    asked = [(clause, *cue) for clause in clauses for cue in _cues(clause)]
    for expected_at in (start, None):
        cues = [(c, n, c[n : n + _PIECE]) for c, n, at in asked if at == expected_at]
        pieces = list(dict.fromkeys(piece for *_, piece in cues))
        tagged = tagger.tag([_ASKING + piece for piece in pieces], expected_at)
        ends = {
            p: dict(_persons(found)) for p, found in zip(pieces, tagged, strict=True)
        }
        for clause, n, piece in cues:
            if start in ends[piece]:
                yield clause, (n, n + ends[piece][start] - start)


def _cues(clause: str) -> Iterator[tuple[int, int | None]]:
    """Yield where a name may well begin: after a person's role, after 我和 or 被.

    With it, where a tagger is to expect one, or None where it must see it by itself: in
    对象严谨 that is a word, too. So may a clause begin: 石头是我儿子.
    """
    for cue in _cue().finditer(clause):
        n = cue.end()
        word, across = clause[n : n + 2], clause[n - 1 : n + 1]
        has_role = cue["role"] is not None
        if clause[n] in NO_NAME or (not has_role and is_known(across)):
            continue
        is_new = not is_known(word) or is_given(word) or cue["online"]
        if is_new or (has_role and is_noun(word)):
            yield n, len(_ASKING)
        elif has_role and word[0] in surnames().sure:
            yield n, None


def find_tagged_names(text: str, persons: Persons) -> Iterator[Span]:
    """Yield names where a tagger sees persons, without kin and titles beside them."""
    for start, end in _seen(text, persons):
        if _may_be_name(text, start, end):
            span = Span(start, end, "name")
            is_told = text[start] in surnames().sure and text[:start].endswith(ROLES)
            yield from [span] if is_told else unlisted(span, text)


def _seen(text: str, persons: Persons) -> Iterator[tuple[int, int]]:
    if not persons:
        return
    for clause in _CLAUSE.finditer(text):
        for start, end in persons.get(clause[0], ()):
            first, last = clause.start() + start, clause.start() + end
            first += text[max(0, first - 1) : first + 1] in ROLES  # 妹妹发 is no 妹发
            name = _NAME.fullmatch(text, first, last)
            if name and not _DOTS & {*text[max(0, name.start() - 1) : name.end() + 1]}:
                yield name.span("v")


def count_disputes(text: str, persons: Persons) -> int:
    """Return how many names rules see and the tagger does not, or lists deny it.

    Where the tagger alone sees one, rules have nothing to say.
    """
    by_rule = {span[:2] for span in find_names_by_rule(text)}
    seen = set(_seen(text, persons))
    denied = [
        place
        for place in seen - by_rule
        if not is_listed(text[slice(*place)]) and not _may_be_name(text, *place)
    ]
    return len(by_rule - seen) + len(denied)


def _may_be_name(clause: str, start: int, end: int) -> bool:
    name, before = clause[start:end], clause[:start]
    if len(name) == 1:
        return _is_titled(clause, start, end)
    if name in ROLES or _is_no_person(before, name):
        return False
    if before.endswith(_ONLINE) and len(name) >= _FULL_NAME:
        return True  # 一叶知秋
    is_told = _is_told(clause, start, end)
    if is_common(name) and not (is_told or _may_be_nickname(name)):
        return _is_seldom_a_word(name, clause[end:])
    if len(name) == _FULL_NAME and not _may_be_full_name(name, is_told, before):
        return False
    return not any(is_common(w) or is_listed(w) for w in _around(clause, start, end))


def _is_seldom_a_word(name: str, after: str) -> bool:
    """Return whether a word may well be a name: 牛犇, and 文静 but for 文静的."""
    if is_given(name):
        return not after.startswith("的")
    return len(name) <= _FULL_NAME and name[0] in surnames().sure and is_rare(name)


def _is_titled(clause: str, start: int, end: int) -> bool:
    """Return whether a character is a name before a title; 任 of 班主任老师 is none."""
    title = _TITLE.match(clause, end)
    if title is None or (start > 1 and is_common(clause[start - 2 : end])):
        return False
    return clause[start] in _surnames() or _is_nickname(clause[start], title[0])


def _is_no_person(before: str, name: str) -> bool:
    """Return whether it is a pet's name, or begins with a week: 上周割腕."""
    is_pets = re.search(f"(?:{PETS})叫?$", before) or re.match(f"{PETS}|.+狗", name)
    return bool(is_pets) or (name[0] == "周" and before.endswith(_WEEKS))


def _is_told(clause: str, start: int, end: int) -> bool:
    """Return whether words beside a short name say so: 网友夜猫, 石头是我儿子."""
    told = clause[:start].endswith(_TELLING) or _PREDICATE.match(clause, end)
    return end - start <= _FULL_NAME and bool(told)


def _may_be_full_name(name: str, is_told: bool, before: str) -> bool:
    """Return whether three characters may be a name, and not 日复日 or 小焦虑."""
    begins = name[0] in _surnames() or name[:2] in surnames().double
    is_announced = begins and before.endswith(_TELLING)  # 连平常喜欢的事 is not
    is_sure = name[0] in surnames().sure or is_announced
    if name[0] == name[2] or (not is_sure and is_common(name[1:])):
        return False
    return is_told or begins or name[0] in "小阿老大"


def _is_nickname(character: str, title: str) -> bool:
    """Return whether a character of given names makes one with a title: 婷姐."""
    is_short = character in given_characters() and len(title) == 1
    return is_short and not is_known(character + title)


def _may_be_nickname(word: str) -> bool:
    """Return whether a word is one that people go by, too: 豆豆, 小宝."""
    return len(set(word)) == 1 or word[0] in "小阿老"


@cache
def _cue() -> re.Pattern[str]:
    return re.compile(
        rf"(?:(?P<online>{'|'.join(_ONLINE)})|(?P<role>{KIN}(?:家的)?|[村班]里?的|认识的|(?:宿舍|寝室)的"
        rf"|^(?=..{{1,2}}(?:{ACTS}|是[我他她].{{0,8}}{KIN}$)))|^(?=..{{1,2}}{DEEDS})|(?<![^我他她你])[和跟]|[被找给让喊叫]"
        rf"|喜欢|羡慕|想念|念叨|暗恋|遇到|{GREETINGS}|(?<!{_H})好的)(?=[\u4e00-\u9fff]{{2}})"
    )


def _around(clause: str, start: int, end: int) -> Iterator[str]:
    """Yield what of a clause a supposed name is a part of: 小红书, 明目张胆."""
    for first in range(max(0, end - _LONGEST_WORD), start + 1):
        for last in range(end, min(first + _LONGEST_WORD, len(clause)) + 1):
            if last - first > end - start:
                yield clause[first:last]


@cache
def _surnames() -> frozenset[str]:
    listed = surnames()
    return frozenset((*listed.sure, *listed.doubtful))
