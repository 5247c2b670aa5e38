r"""Letters of options in a text: alone, listed in any way, and what is said of them.

A group is letters that belong together (``A、C``, ``A.B.D``, ``选项B和C``, ``A-D``).
What follows decides what is said of it: ``A、B都是正确的`` calls both right, ``A，B和C
错误`` only the last two wrong, ``A型`` names no option.

The text is NFKC, with ``plain_text``'s marks gone.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

LETTERS = "ABCDEFGH"

_RUN = "(?<![A-Za-z])[A-H]{1,8}(?![A-Za-z0-9])"
_ITEM = rf"(?:选?项|options?|choices?)?[ \t]*(?:{_RUN})(?:[ \t]*选?项)?"
# Before what ends a list only: in "A. B项错误" the stop ends a sentence.
_STOP = r"\.(?=[A-H](?![A-Za-z]))|\.[ \t](?=[A-H][ \t]*(?:\.[ \t]?(?:[A-H]\b|$)|$))"
_TIGHT = r"(?:[、/&+|·•・和与及跟]|以及|还有|\band\b)"
_LINE = r"[ \t]*+[,;]?[ \t]*+\n\s*+(?=[A-H]{1,8}[ \t]*+[.、。,;)]*+[ \t]*+(?:\n|$))"
LOOSE = re.compile(rf"[ \t]*(?:[,;]|{_STOP})")
# A(焦虑)、C(强迫)
_ASIDE = r"(?:[ \t]*\([^()\n]{1,40}\))?"
# No blank may be taken in two ways: each would double the time that a miss takes.
_JOINT = rf"{_LINE}|{_ASIDE}(?:[ \t]*+(?:[,;]|{_TIGHT}|{_STOP}))++[ \t]*+|[ \t]++"
_GROUP = re.compile(rf"{_ITEM}(?:(?:{_JOINT}){_ITEM}){{0,31}}", re.MULTILINE)
_LETTERS_OF = re.compile("[A-H]+")
_LETTERS_ALONE = re.compile(_RUN)
_RANGE = re.compile(
    r"(?<![A-Za-z-])([A-H])[ \t]*(?:[-~–—至到]|to)[ \t]*([A-H])(?![A-Za-z0-9]|[ \t]*-)"
)


class Group(NamedTuple):
    """Letters that belong together, and where they stand."""

    letters: str
    start: int
    end: int


def group_at(text: str, start: int) -> Group | None:
    """Return the group that begins at ``start``, if one does.

    >>> group_at("选项A、C和D都对", 0)
    Group(letters='ACD', start=0, end=7)
    >>> group_at("A-C", 0).letters
    'ABC'
    """
    spread = _RANGE.match(text, start)
    if spread:
        first, last = (LETTERS.index(letter) for letter in spread.groups())
        letters = LETTERS[first : last + 1]
        return Group(letters, start, spread.end()) if letters else None
    found = _GROUP.match(text, start)
    return _group(found) if found else None


def groups(text: str) -> Iterator[Group]:
    """Yield every group of a text."""
    return map(_group, _GROUP.finditer(text))


def names_letters(text: str) -> bool:
    """Return whether ``groups`` would yield any."""
    return _LETTERS_ALONE.search(text) is not None


def _group(found: re.Match[str]) -> Group:
    letters = "".join(_LETTERS_OF.findall(found[0]))
    return Group(letters, *found.span())


# ---- what is said of them --------------------------------------------------------

_SAME = (
    r"(?:[这那]?(?:[两二三四五六几各些]|\d)[ \t]*[个项种者]?)?(?:选?项|者)?"
    "(?:选项|说法|描述|表述|观点|内容|做法)?"
)
_QUANTIFIER = (
    "(?:都|均|皆|全都?|才|就|则|最|更|也|是|为|属于|显然|明显|完全|应当?|可以|说)*"
)
_POSITIVE = (
    "正确|准确|恰当|合适|合理|符合(?:题意|题干|要求|条件)?|成立|对"
    "|[入可应当]选|[√✓✔✅☑]"
)
_NEGATIVE = "错误?|有误|不妥|不当|排除|不选|不入选|[×✗✘❌]"
_VERDICT = re.compile(
    rf"[ \t]*+[.、:)]?[ \t]*+{_SAME}的?(?:说法|描述|表述)?{_QUANTIFIER}"
    rf"(?P<not>并?不(?:是|太|够|能|应|完全)?|并?非|没有?|未)?{_QUANTIFIER}"
    rf"(?:(?P<right>{_POSITIVE})|(?P<wrong>{_NEGATIVE}))"
    r"的?(?:选项|答案|说法|一项|描述|表述|选择)?了?(?![^\s,.;:!?()、。因故由而但与和])",
)
_LIKELY = re.compile(r"[ \t]*(?:项|选项)?的?可能性(?:最|更|较|比较)?[大高]")
_ENGLISH = re.compile(
    r"(?:[ \t]*\)|\.)?[ \t]+(?:is|are|seems?|would[ ]be|must[ ]be)"
    r"(?P<not>[ \t]+not|n'?t)?[ \t]+"
    r"(?:(?:the|both|all|clearly|most|a)[ \t]+)*"
    r"(?:(?P<right>correct|right|best|true|appropriate|answers?)"
    r"|(?P<wrong>wrong|incorrect|false|inappropriate))\b",
    re.IGNORECASE,
)
_NOT_ALL = re.compile(r"[ \t]*(?:并|也)?(?:不|没)(?:都|全|均|一定)")


def verdict_after(text: str, end: int) -> bool | None:
    """Return whether what ends at ``end`` is called right or wrong; None if neither.

    >>> [verdict_after(said, 1) for said in ("A都是正确的", "A项不符合题意", "A指的是")]
    [True, False, None]
    """
    if _NOT_ALL.match(text, end):
        return None
    if _LIKELY.match(text, end):
        return True
    found = _VERDICT.match(text, end) or _ENGLISH.match(text, end)
    if found is None:
        return None
    return bool(found["right"]) != bool(found["not"])


# After the letters: a term (A型人格), the options at large (ABCD四个选项), all others
# (A以外), a question.
_NO_OPTION = re.compile(
    r"[ \t]*(?:理论|型|类(?!似)|超|级|组|班|轴|式|法则|女士|先生|某|同学|量表|细胞|波"
    r"|-[ \t]*[A-Za-z0-9]|[以之除]外|吗|\?|还是"
    r"|[这共]?(?:[二三四五六几各两]|\d)+[个项种](?:选项)?(?:之?中|当中|里)"
    r"|(?:之|当)?中[选的,])"
)
_OR = re.compile(
    r"[ \t]*[,、]?[ \t]*(?:或者?是?|/或|or|还是|→)[ \t]*"
    r"(?:选项)?\(?[ \t]*[A-H]{1,8}(?![A-Za-z])"
)
_ARTICLE = re.compile(
    r"(?<![A-H])A[ \t]+(?!(?:is|are|because|and|or|as|since|for|with|which|but|not)\b)"
    "[a-z]{2,}"
)
_GOES_ON = re.compile(r"(?!等|这|[两二三四五六几]|\d|共|的?组合)[\w]")


def names_options(text: str, end: int) -> bool:
    """Return whether letters that end at ``end`` can be options and not a term's."""
    is_article = _ARTICLE.match(text, max(0, end - 1))
    return not (_NO_OPTION.match(text, end) or is_article)


def declared_in(text: str, group: Group) -> str | None:
    """Return the letters of a group that stands where an answer is declared.

    Returns:
        ``""`` where it leaves them open (A或B), ``None`` where it declares none.

    >>> [declared_in(t, group_at(t, 0)) for t in ("A，B和C错误", "A、B都正确", "A或C")]
    ['A', 'AB', '']
    """
    if not names_options(text, group.end):
        return None
    if _OR.match(text, group.end):
        return ""
    verdict = verdict_after(text, group.end)
    parts = LOOSE.split(text[group.start : group.end])
    if verdict is False:
        return _all_but_last(parts, group)
    if verdict is None and len(parts) > 1 and _GOES_ON.match(text, group.end):
        return "".join(re.findall("[A-H]", "".join(parts[:-1])))
    return group.letters


def _all_but_last(parts: list[str], group: Group) -> str | None:
    """Return what stands before the part that is called wrong."""
    if len(parts) == 1:
        return None
    before = "".join(re.findall("[A-H]", "".join(parts[:-1])))
    # A，B，C错误 does not tell where the wrong ones begin.
    return before if len(parts) == 2 else ""  # noqa: PLR2004 - right and wrong


_ITEM_MARK = re.compile(r"(?<![A-Za-z])([A-H])[ \t]*[.:、)]")


def lists_all(text: str, group: Group, labels: frozenset[str]) -> bool:
    """Return whether a group begins a list of all options, each with its text.

    That is how a question ends (…正确的是A:… B:… C:… D:…), and no answer.
    """
    if len(group.letters) > 1 or not begins_list(text, group):
        return False
    marks = _ITEM_MARK.finditer(text, group.start, group.start + 1_200)
    return [mark[1] for mark in islice(marks, len(labels))] == sorted(labels)


def begins_list(text: str, group: Group) -> bool:
    """Return whether a group is the mark of an option's text, or all that is left."""
    return bool(_ITEM_MARK.match(text, group.end - 1)) or group.end == len(text)
