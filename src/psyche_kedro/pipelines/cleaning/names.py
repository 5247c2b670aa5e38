"""Names of persons, by rules and by jieba; recall first, never enough.

On held-out sentences these layers found 59 % of the names: no method without weights is
adequate, so a model pass follows where an endpoint is, and output without it is marked
``rules_only``. Of 王老师 only 王 is masked: the title says what the person is to the
writer. Psychologists and theories are allowed: 弗洛伊德 is no one's neighbour.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from psyche_kedro.pipelines.cleaning.spans import Span
from psyche_kedro.pipelines.cleaning.words import is_common, is_known, tagged_words

_H = "[\u4e00-\u9fff]"
TITLES = (
    "老师|医生|大夫|主任|教授|护士|律师|警官|总监|总|经理|老板|校长|院长|班长|同学|学长|学姐|学弟|学妹"
    "|师傅|阿姨|叔叔|叔|大哥|大姐|大爷|大妈|奶奶|爷爷|哥|姐|姨|女士|先生|小姐|咨询师|某某?|科长|局长|处长"
    "|书记|导师"
)
FULL_TITLES = (
    "老师|医生|大夫|主任|教授|护士|警官|经理|校长|女士|先生|阿姨|叔叔|奶奶|爷爷"
)
KIN = (
    "男朋友|女朋友|前?男友|前?女友|老公|老婆|丈夫|妻子|前夫|前妻|前任|对象|闺蜜|室友|同桌|同事|同学|我妈"
    "|我爸|妈妈|爸爸|母亲|父亲|婆婆|公公|儿子|女儿|弟弟|妹妹|哥哥|姐姐|表哥|表姐|表弟|表妹|堂哥|堂妹|导师"
    "|班主任|来访者|朋友|邻居|领导|上司|老板"
)
FULL_NAME_CHARS = 3
CLAUSE = re.compile(r"[\u4e00-\u9fff]+")
NO_NAME = (
    "的了在是有和也就都很不我你您他她它们这那什么怎么吗呢吧啊把被让给跟与到"
    "说想要会能可没去来从对"
)


@cache
def word_list(name: str) -> frozenset[str]:
    """Return the words of a list that stands beside this module.

    Args:
        name: ``no_names.txt``, ``known_persons.txt``; lines of ``#`` are notes.
    """
    text = (files(__package__) / name).read_text("utf-8")
    lines = (line for line in text.split("\n") if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


class _Surnames(NamedTuple):
    """Family names as alternatives of a regular expression."""

    sure: str
    any: str


@cache
def _surnames() -> _Surnames:
    text = (files(__package__) / "surnames.txt").read_text("utf-8")
    sure, doubtful, double = [x for x in text.split("\n") if x[:1] not in ("#", "")]
    doubles = "|".join(double.split())
    return _Surnames(f"(?:{doubles}|[{sure}])", f"(?:{doubles}|[{sure}{doubtful}])")


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    sure, surname = _surnames()
    characters = "".join(word_list("given_names.txt"))
    given = f"(?:(?![{NO_NAME}]){_H})"
    end = r"(?=[，。,.!！?？、；;：:\s（(）)…\[”\"]|$)"
    clause = (
        "[^\u4e00-\u9fff]"
        "|[上今昨前说是在也和跟有总就都不很把被对要会又每为天最得住去从给已经]"
    )
    patterns = (
        # 我叫李婷，
        rf"(?:我叫|名叫|叫做|名字是|名字叫|本名|真名|我是|全名|署名)"
        rf"(?P<v>{surname}{given}{{1,2}}){end}",
        # 我前夫叫欧阳建国, 他叫周启明
        rf"(?:{KIN}|[他她我人]|名字)叫(?P<v>{sure}{given}{{1,2}})",
        # 我叫阿依古丽，
        rf"(?:我叫|名叫|名字叫|叫我)(?P<v>(?![{NO_NAME}])[\u4e00-\u9fff·]{{2,6}}|[A-Z][a-z]{{1,12}}){end}",
        # 王老师, 邻居陈素芬阿姨
        rf"(?:(?<!{_H})|(?<=[找跟和问被叫是喊给对让向请由与等的位谢])|领导|医生|老师|上司|邻居|班主任|今天|昨天"
        rf"|刚才|今早|后来|我们|他们|那个)(?!谢谢|祝|(?<=谢)谢)(?P<v>{sure}{given}{{0,2}}?)(?:{TITLES})(?![生们资])",
        # 班主任方老师: a doubtful family name, but a full title
        rf"(?:(?<!{_H})|班主任|领导|[找跟和问被给对向请由的])(?!谢谢|祝)(?P<v>{surname})"
        rf"(?:{FULL_TITLES})(?![生们资])",
        # 我妈赵秀兰有, 男友陈浩然, 老板丁国栋拖
        rf"(?:{KIN})(?P<v>{sure}[{characters}]{{2}})",
        # 我女儿朵朵
        rf"(?:女儿|儿子|孩子|宝宝|闺女|侄女|侄子|外甥)(?P<v>(?P<c>[{characters}])(?P=c))",
        rf"(?:{KIN})(?P<v>{sure}{given}{{1,2}}?)(?={clause})",
        rf"(?:医生|老师|导师|师|他|她|我|人|先生|都)姓(?P<v>{surname})(?![名氏])",
        rf"(?<!{_H})(?P<v>{sure}{given}{{1,2}})(?=（化名）|\(化名\)|同学|这个人|说[他她])",
        # 小雅说, 我女儿小朵
        rf"(?:(?<!{_H})|闺蜜|室友|女儿|儿子|同事|朋友|男友|女友|前任|对象|妹妹|弟弟|同桌)"
        rf"(?P<v>[小阿](?![{NO_NAME}时心学孩伙姐妹哥弟区型组事姨爸妈三年月镇声])"
        rf"{_H})(?=[说是在也和跟他她总，对把又没])",
    )
    return tuple(re.compile(pattern) for pattern in patterns)


def find_names_by_rule(text: str) -> Iterator[Span]:
    """Yield names that their context gives away: 我叫李婷, 王老师, 男友陈浩然."""
    for pattern in _patterns():
        for match in pattern.finditer(text):
            name = match["v"]
            # 乐乐 and 小雪 are words, and where these rules find them they are names.
            is_pet_name = len(set(name)) == 1 or name[0] in "小阿"
            if not _is_listed(name) and (is_pet_name or not is_common(name)):
                yield Span(*match.span("v"), "name")


def find_names_by_jieba(text: str) -> Iterator[Span]:
    """Yield words that jieba tags as persons and that are made like a name.

    Only clauses that hold something like a name are tagged: tagging is nine tenths of
    the time.
    """
    full_name = _full_name()
    for clause in CLAUSE.finditer(text):
        if not any(_may_be_name(m[0]) for m in full_name.finditer(clause[0])):
            continue
        for word in tagged_words(clause[0]):
            is_person = word.tag in ("nr", "nrfg") and full_name.fullmatch(word.text)
            if is_person and _may_be_name(word.text):
                start = clause.start()
                yield Span(start + word.start, start + word.end, "name")


def find_known_names(text: str, names: Collection[str]) -> Iterator[Span]:
    """Yield what ``text`` says of persons whose full name was found elsewhere.

    罗一帆 of one message is 一帆 in the next; a given name that is also a word is left.
    """
    given = {name[1:] for name in names if len(name) == FULL_NAME_CHARS}
    for name in {*names, *filter(_is_no_word, given)}:
        if len(name) > 1:
            yield from (Span(*m.span(), "name") for m in re.finditer(name, text))


def _is_no_word(word: str) -> bool:
    return not is_known(word) and _may_be_name(word)


def _may_be_name(word: str) -> bool:
    return not _is_listed(word) and not is_common(word)


def _is_listed(word: str) -> bool:
    return word in word_list("no_names.txt") or word in word_list("known_persons.txt")


@cache
def _full_name() -> re.Pattern[str]:
    characters = "".join(word_list("given_names.txt"))
    return re.compile(f"{_surnames().sure}[{characters}]{{1,2}}")
