"""Names by their context, and by lists; what a tagger sees comes beside them.

Alone these rules find a quarter of the names, so output without a tagger is
`rules_only` and says it. Of 王老师 only 王 is masked: the title says what the person is
to the writer.
Psychologists and theories are allowed: 弗洛伊德 is no one's neighbour.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import NamedTuple

from psyche_kedro.pipelines.cleaning.deidentification.dictionary import (
    is_common,
    is_known,
    is_noun,
    is_quality,
    is_rare,
)
from psyche_kedro.pipelines.cleaning.deidentification.name_lists import (
    DEEDS,
    GREETINGS,
    KIN,
    NO_NAME,
    NO_TITLED,
    TITLES,
    is_listed,
    surnames,
    word_list,
)
from psyche_kedro.pipelines.cleaning.deidentification.spans import Span

_H = "[\u4e00-\u9fff]"
_FULL_NAME_CHARS = 3
_ENGLISH = re.compile(
    r"(?:(?<![A-Za-z.·])|(?<=[A-Z]{2}))[A-Z][a-z]{1,11}(?![A-Za-z.·])"
)
_DOT = "[·•‧・]"
_DOTTED = re.compile(
    rf"(?:{KIN}|我叫|名叫|叫做|名字叫|我是)(?P<v>{_H}{{1,8}}(?:{_DOT}{_H}{{1,12}})+)"
)
_LONGEST_PART = 6
_AFTER_PART = "的是在和跟被对把叫给也又就了说有来去让"
"""Said after a name with a dot; 不 and 都 are parts of such names."""
_SEASONS = "春夏秋冬"
_BOOK = re.compile("(?:老师|先生|女士|教授|博士)?(?:写|著)?的?《")

_END = r"(?=[，。,.!！?？、；;：:\s（(）)…\[”\"]|$)"


class _Surnames(NamedTuple):
    """Family names as alternatives of a regular expression."""

    sure: str
    any: str


@cache
def _surnames() -> _Surnames:
    listed = surnames()
    doubles = "|".join(listed.double)
    sure, doubtful = map("".join, (listed.sure, listed.doubtful))
    return _Surnames(f"(?:{doubles}|[{sure}])", f"(?:{doubles}|[{sure}{doubtful}])")


@cache
def name_rules() -> dict[str, re.Pattern[str]]:
    """Return what gives a name away, its group ``v``, by an example of it.

    What a group ``named`` says to be a name is one, whatever it means.
    """
    sure, surname = _surnames()
    characters = "".join(word_list("given_names.txt"))
    given = f"(?:(?![{NO_NAME}]){_H})"
    rules = {
        "大家都叫我<阿依古丽>，": rf"(?:我叫|名叫|名字叫|[叫喊][我他她])(?P<v>"
        rf"(?![{NO_NAME}])[\u4e00-\u9fff·]{{2,6}}|[A-Z][a-z]{{1,12}}){_END}",
        "外号叫<竹竿>，": r"(?P<named>[外绰]号|[小乳网化真全]名"
        rf"|(?:微信|[Qq]{{2}}|游戏)名|昵称|笔名)[叫是为][“‘]?(?!什么)(?P<v>{_H}{{2,8}}?)(?:{_END}|的(?:那|人))",
        "好友<Coco>": rf"(?:{KIN})(?P<v>[A-Z][a-z]{{1,11}})(?![A-Za-z])",
        "网友“<季风>”": rf"(?P<named>{KIN})[\"“‘「](?P<v>{_H}{{2,4}})[\"”’」]",
        "邻居<陈素芬>阿姨来过": rf"(?:(?<!{_H})|"
        rf"(?<=[找跟和问被叫是喊给对让向请由与等的位谢])|领导|医生|老师|师傅|上司|邻居|班主任|今天|昨天"
        rf"|刚才|今早|后来|我们|他们|那个)(?!谢谢|祝|(?<=谢)谢|[{NO_TITLED}])(?P<v>{sure}{given}{{0,2}}?)(?:{TITLES})(?![生们资])",
        "新来的<任>主任": r"(?:(?<=[的个])(?![和有那从于])"
        rf"|(?:(?<=[是里])|{KIN})(?![{NO_TITLED}都应]|{KIN}))(?P<v>{surname})(?={TITLES})",
        "儿子叫<图图>，": rf"(?:{KIN})叫(?P<v>(?![{NO_NAME}]){_H}{{2,4}}){_END}",
        "有个同事叫<高兴>，": rf"(?P<named>[有个位](?:{KIN})叫|[你们家]可以叫我)"
        rf"(?P<v>(?![{NO_NAME}一出回外停起]){_H}{{2,4}})(?<![了着过吗]){_END}",
        "有个叫<晚风>的人": rf"(?P<named>[有个位]叫)"
        rf"(?P<v>(?![{NO_NAME}]){_H}{{2,6}}?)的(?:[男女人]|{KIN})",
        "我女儿<朵朵>": rf"(?:{KIN}|{GREETINGS})(?P<v>(?P<c>[{characters}])(?P=c))",
        "“<雯雯>，快起床”": rf"(?:[“‘]|{GREETINGS})(?P<v>(?P<c>[{characters}])(?P=c)"
        rf"|[小阿][{characters}])(?=[，,！!])",
        "<阿May>说": r"(?P<v>阿[A-Za-z][a-z]{1,8})(?![A-Za-z])",
        "老师姓<李>，": rf"(?<![百同老尊贵复])姓(?P<v>{surname})(?:(?![名氏])"
        rf"(?<=[师生他她我人都]姓.)|{_END})",
    }
    return {example: re.compile(pattern) for example, pattern in rules.items()}


def find_names_by_rule(text: str) -> Iterator[Span]:
    """Yield names that their context gives away: 我叫李婷, 王老师, 男友叫陈浩然."""
    for pattern in name_rules().values():
        for match in pattern.finditer(text):
            span = Span(*match.span("v"), "name")
            if "named" in pattern.groupindex:
                yield span
            elif not _is_phrase(match["v"]):
                yield from unlisted(span, text)


def find_names_that_are_words(text: str) -> Iterator[Span]:
    """Yield words that a role before and a deed after make names: 同桌长江总抄我."""
    for match in _named_by_deed().finditer(text):
        word = match["v"]
        is_thing = is_noun(word) or is_quality(word) or not is_common(word)
        if is_thing or word[0] in _SEASONS:
            yield from unlisted(Span(*match.span("v"), "name"), text)


@cache
def _named_by_deed() -> re.Pattern[str]:
    given = "".join(word_list("given_names.txt"))
    family = "".join((*surnames().sure, *surnames().doubtful))
    return re.compile(
        rf"(?:{KIN})(?P<v>[{family}{given}长太点星月][{given}天点]|[{_SEASONS}]天)(?={DEEDS})"
    )


def find_english_names(text: str) -> Iterator[Span]:
    """Yield English given names: Emma, Tony."""
    for match in _ENGLISH.finditer(text):
        if match[0] in word_list("english_names.txt"):
            yield Span(*match.span(), "name")


def find_dotted_names(text: str) -> Iterator[Span]:
    """Yield 艾力江·买买提 where a word of kinship or 我叫 stands before it.

    Elsewhere such a name is nearly always an author's. Its end is told by the
    dictionary's words after it.
    """
    for match in _DOTTED.finditer(text):
        last = re.split(_DOT, match["v"])[-1]
        end = match.end() - len(last) + _name_length(last)
        parts = re.split(_DOT, text[match.start("v") : end])
        if not any(map(is_listed, parts)):
            yield from unlisted(Span(match.start("v"), end, "name"), text)


def _name_length(text: str) -> int:
    """Return how many characters of a clause belong to the name that it begins with."""
    ends = (n for n in range(2, len(text)) if _begins_with_any_word(text[n:]))
    return min(next(ends, len(text)), _LONGEST_PART)


def _begins_with_any_word(text: str) -> bool:
    pairs = (text[:n] for n in (2, 3) if len(text) >= n)
    return text[0] in _AFTER_PART or any(map(is_common, pairs))


def unlisted(span: Span, text: str) -> Iterator[Span]:
    """Yield a name that is in no list and bears no book: 余华的《活着》."""
    if not is_listed(text[span.start : span.end]) and not _BOOK.match(text, span.end):
        yield span


def is_given(word: str) -> bool:
    """Return whether a word is rarer than the given name that it makes: 国强."""
    return (
        len(word) < _FULL_NAME_CHARS and given_characters() >= {*word} and is_rare(word)
    )


@cache
def given_characters() -> frozenset[str]:
    """Return the characters of given names."""
    return frozenset("".join(word_list("given_names.txt")))


def _is_phrase(name: str) -> bool:
    """Return whether a supposed name is none: 温柔御姐, 放松一点, 别想太多.

    乐乐 and 小雪 are words, and where rules find them they are names.
    """
    is_nickname = name[0] in "小阿" and len(name) <= _FULL_NAME_CHARS
    if len({*name}) == 1 or is_nickname or is_given(name) or name in surnames().double:
        return False
    if is_common(name) or (len(name) == _FULL_NAME_CHARS and is_common(name[:2])):
        return True
    if len(name) <= _FULL_NAME_CHARS and name[0] in surnames().sure:
        return False
    return not set(name).isdisjoint(NO_NAME) or any(
        is_common(name[n : n + 2]) for n in range(len(name) - 1)
    )


def find_known_names(text: str, names: Collection[str]) -> Iterator[Span]:
    """Yield what ``text`` says of persons whose full name was found elsewhere.

    罗一帆 of one message is 一帆 in the next, 欧阳思远 is 思远; a given name that is a
    word, too, is left.
    """
    given = {name[1:] for name in names if len(name) == _FULL_NAME_CHARS}
    given |= {name[2:] for name in names if name[:2] in surnames().double}
    for name in {*names, *filter(_is_no_word, given)}:
        if len(name) > 1:
            yield from (Span(*m.span(), "name") for m in re.finditer(name, text))


def _is_no_word(word: str) -> bool:
    return not is_known(word) and _may_be_name(word)


def _may_be_name(word: str) -> bool:
    return not is_listed(word) and not is_common(word)
