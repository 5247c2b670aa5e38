r"""Facts that a passage states in so many words: definitions, lists, sentences.

Chinese textbooks define in a handful of patterns (``X是指…``, ``…被称为X``,
``把…称为X``) and list in a few more (``X包括A、B和C``). What does not fit a pattern is
no fact: the brain says less rather than guess.

Example: ``组块是指由若干较小单位联合而成的较大信息单位。`` gives
``Definition("组块", "由若干较小单位联合而成的较大信息单位", "")``.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_HEADING = re.compile(
    r"^\s*(#|\||!\[|>|```|[-*_]{3,}\s*$|[图表]\s*\d).*$", re.MULTILINE
)
_FORMULA = re.compile(r"\$\$.*?\$\$", re.DOTALL)
_MARKS = re.compile(
    r"\*\*|__|`|(?<=[\u4e00-\u9fff，。；：])[ \t\u3000]+(?=[\u4e00-\u9fff])"
)
_SENTENCE = re.compile(r"[^。！？\n]+(?:[。！？]|(?=\n|$))")
_BULLET = re.compile(r"^\s*(?:[*+-]\s|[（(]?\d+[.、）)]|[①-⑩])\s*")
_HALF_COMMA = re.compile(r"(?<=[\u4e00-\u9fff]),\s*(?=[\u4e00-\u9fff])")
_BOLD_TERM = re.compile(r"\*\*([^*\n]{2,14}?)(?:（[^）\n]*）)?\*\*[：:]?\s*(?:是指|指)")
_TERM = r"[\u4e00-\u9fffA-Za-zα-ω·\-]{2,14}"
_IS = re.compile(
    rf"(?:^|[，：])(?P<term>{_TERM}?)(?:就)?是指(?P<what>(?:(?!是指)[^；]){{6,120}})"
)
_CALL = r"(?:称为|称作|叫作|叫做)"
_CALLED = re.compile(
    rf"(?P<what>(?:(?!{_CALL}).){{6,110}}?)，?(?:就?被|就)?{_CALL}(?P<term>{_TERM})"
    r"(?=$|，)"
)
_SCIENCE = re.compile(
    rf"^(?P<term>{_TERM})\s*(?:（[^）]*）)?\s*是(?P<what>[^，；]{{6,60}}的(?:科学|学科|过程|方法))$"
)
_NAMED = re.compile(
    rf"把(?P<what>[^；]{{6,80}}?)，?{_CALL}(?P<term>{_TERM})(?=$|[，；])"
)
_THIS = re.compile(
    r"，?(?:这(?:一|种|些|类)?|描述这一)[\u4e00-\u9fff]{0,6}$|，其[^，]{1,8}$"
)
_LIST = re.compile(
    r"^(?P<lead>.{0,24}?(?:包括|包含|含有|分为|分成|排列为|依次经历)着?)"
    r"(?P<items>[^，。；、]{2,16}(?:、[^，。；、]{2,16})*(?:和|与|以及|及)[^，。；、]{2,24})$"
)
_SUBJECT = re.compile(rf"^(?P<term>{_TERM}?)是指|{_CALL}(?P<named>{_TERM})(?=$|[，；])")
_TAIL = re.compile(
    r"(?:这|等)?(?:[一二三四五六七八两几多]+|若干)(?:个|种|类|项|方面).*$|等[\u4e00-\u9fff]*$"
)
_WHOLE = re.compile(
    r"^(.{3,}?(?:程度|过程|现象|分数|记忆|测验|能力|标准|状态|倾向|差距|认识|系统|情绪|相关|"
    r"百分比|方法|特性|特点|反应|材料|变化|技术|看法|概念|结构|关系|障碍|理论|作用|判断))，.*$"
)
_CUT = re.compile(
    r"，(?:其中|其|它|他|这|此|例如|比如|如|又称|又叫|也称|也叫|简称|常|但|而|因此|所以|即|"
    r"并且|往往|一般|通常|包括|具有|与|也就是).*$"
)
_EXAMPLE = re.compile(r"(?:例如|比如|譬如)[，：]?(?P<example>[^；。]{8,60})")
_LEAD = re.compile(
    r"^(?:因此|所以|由此|于是|然而|但是|但|而|同样|例如|其中|此外|另外|"
    r"(?:与|和)[^，]{2,14}(?:不同|相反|相对)|在[^，]{2,8}(?:理论|模型)中)，?"
)
_POINTS_BACK = re.compile(
    r"^(?:这|那|它|他|她|其|此|该|上述|前者|后者|二者|两者|以上|如图|如表)"
)
_NOT_TERM = re.compile(
    r"[的了们它他她这那其该]|所谓|^(?:主要|一[个种类些]|就|也|都|不|有|是|在|把|被|由)|是$"
)


class Definition(NamedTuple):
    """A term, what it is, and an example the same sentence gives (or ``""``)."""

    term: str
    what: str
    example: str


class Listing(NamedTuple):
    """Words that lead up to a list, e.g. ``记忆包括``, and the items listed."""

    lead: str
    items: tuple[str, ...]


class Facts(NamedTuple):
    """What a passage states."""

    definitions: tuple[Definition, ...]
    listings: tuple[Listing, ...]
    sentences: tuple[str, ...]


def read_facts(passage: str) -> Facts:
    """Return the facts of a passage, in its order, one definition per term."""
    sentences = tuple(_sentences(passage))
    definitions: dict[str, Definition] = {}
    for sentence in sentences:
        for found in _definitions(sentence):
            definitions.setdefault(found.term, found)
    listings = {each.lead: each for s in sentences for each in _listings(s)}
    return Facts(tuple(definitions.values()), tuple(listings.values()), sentences)


def _sentences(passage: str) -> Iterator[str]:
    prose = _BOLD_TERM.sub(r"\1是指", _FORMULA.sub("", _HEADING.sub("", passage)))
    prose = _HALF_COMMA.sub("，", _MARKS.sub("", prose))
    for match in _SENTENCE.finditer(prose):
        sentence = _BULLET.sub("", match.group()).strip()
        whole = sentence[-1:] in {"。", "！", "？"} or "是指" in sentence
        if whole and "$" not in sentence:
            yield sentence


def _definitions(sentence: str) -> Iterator[Definition]:
    example = _EXAMPLE.search(sentence)
    for clause in re.split(r"[；。！？]", sentence):
        for term, what in _pairs(_LEAD.sub("", clause.strip())):
            if _fits(term, what):
                yield Definition(term, what, example["example"] if example else "")


def _pairs(clause: str) -> Iterator[tuple[str, str]]:
    if match := _IS.search(clause) or _SCIENCE.search(clause):
        yield match["term"], _before_comment(match["what"])
        return
    if match := _NAMED.search(clause):
        yield match["term"], "把" + _tidy(_THIS.sub("", match["what"]))
        return
    for match in _CALLED.finditer(clause):
        yield match["term"], _tidy(_THIS.sub("", match["what"]))


def _before_comment(what: str) -> str:
    """Return a definition without what the sentence goes on to say about it."""
    return _tidy(_WHOLE.sub(r"\1", _CUT.sub("", what)))


def _tidy(what: str) -> str:
    return _LEAD.sub("", what.strip("，：— ")).removeprefix("若").strip("，： ")


_MIN_MEANING, _MIN_CLAUSE = 8, 2
"""Characters a definition has at least, and more than which its last clause has."""


def _fits(term: str, what: str) -> bool:
    return (
        len(what) >= _MIN_MEANING
        and term not in what
        and len(what.rpartition("，")[2]) > _MIN_CLAUSE
        and not _NOT_TERM.search(term)
        and not _POINTS_BACK.search(what)
    )


def _listings(sentence: str) -> Iterator[Listing]:
    subject = _SUBJECT.search(_LEAD.sub("", sentence))
    term = (subject["term"] or subject["named"]) if subject else ""
    for clause in re.split(r"[，；。！？]", sentence):
        if match := _LIST.search(clause):
            lead = _lead(match["lead"], term)
            items = _items(match["items"])
            if lead and len(items) > 1:
                yield Listing(lead, items)


def _items(text: str) -> tuple[str, ...]:
    """Return the items of a list; none where one of them cannot stand alone."""
    *first, last = _TAIL.sub("", text).split("、")
    joint = next((j for j in ("以及", "和", "与", "及") if j in last), "\0")
    items = tuple(item.strip() for item in (*first, *last.rsplit(joint, 1)) if item)
    good = all(len(item) in _ITEM and not _POINTS_BACK.search(item) for item in items)
    return items if good else ()


_ITEM = range(2, 15)
"""Characters of an item of a list."""


def _lead(lead: str, term: str) -> str:
    """Return the words before a list with their subject named; ``""`` if unknown."""
    if re.match(r"(?:一般|通常|主要|可以|可)?(?:也|还)?(?:包|含|分|依次)", lead):
        return term and term + lead
    if lead[0] in "它其":
        joint = "的" if lead[0] == "其" else ""
        return term and term + joint + lead[1:]
    return "" if _POINTS_BACK.search(lead) else lead
