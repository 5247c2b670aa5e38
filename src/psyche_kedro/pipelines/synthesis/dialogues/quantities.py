"""Numbers and durations that an account states, in whatever words it states them.

``半年`` is ``六个月``, ``俩月`` is ``两个月``, ``前年`` is two years ago: one fact.
``三年`` is no ``三次``, so a number is kept with what it counts. ``一个``, ``十分`` and
``三番五次`` count nothing.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from psyche_kedro.text.numerals import DIGITS

Fact = tuple[float | str, str | None]
"""A value and what it counts; ``几`` where the value is vague, ``None`` where bare."""

_VAGUE = "几"

_POWERS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}
_CHINESE = "[零〇一二三四五六七八九十百千万亿两俩仨]"
_DIGITS = r"\d{1,24}(?:\.\d{1,24})?(?:[百千万亿]\d?)?"
_EXACT = rf"{_DIGITS}|{_CHINESE}{{1,24}}"
"""A numeral; of a longer one its end, for a reply may run in a circle."""
_MORE = "(?:多|来|几|余)?"
_FROM = rf"(?:(?P<low>{_EXACT})[-~—至到、或])?"
"""The lower end of ``4-5个小时``, ``三到四次``."""


# ---- durations -------------------------------------------------------------------


class _Unit(NamedTuple):
    base: str
    size: int


# A month is 30 days here, so that 半个月 is 十五天 and 一年 is 十二个月.
_TIMES = {
    "年": _Unit("天", 360),
    "载": _Unit("天", 360),
    "月": _Unit("天", 30),
    "周": _Unit("天", 7),
    "星期": _Unit("天", 7),
    "礼拜": _Unit("天", 7),
    "天": _Unit("天", 1),
    "日": _Unit("天", 1),
    "小时": _Unit("分", 60),
    "钟头": _Unit("分", 60),
    "刻钟": _Unit("分", 15),
    "分钟": _Unit("分", 1),
    "学期": _Unit("学期", 1),
    "晚": _Unit("晚", 1),
    "夜": _Unit("晚", 1),
}
_SPAN = re.compile(
    rf"{_FROM}(?P<n>[几数][十百千]|{_EXACT}|半|好几|[几数]|多(?=[年月天])){_MORE}"
    rf"(?:个(?P<half>半)?[多来]?)?(?P<unit>{'|'.join(_TIMES)})(?P<and_half>半)?"
    r"(?<!半夜)(?<![年月]日)(?!级|代|纪)"
)
_AGO = {
    r"(?<!失)去年(?!轻)|上一年": ("1", "年"),
    r"(?<![以之目从大])前年(?!轻)": ("2", "年"),
    "大前年": ("3", "年"),
    "上个?月(?!亮)": ("1", "月"),
    r"(?<![晚早路])上个?(?:周(?!围)|星期|礼拜)": ("1", "周"),
    "昨[天日晚夜]": ("1", "天"),
    r"(?<![以之目从大])前天(?!天)": ("2", "天"),
}
# 两周 is 半个月 to most people, and 四周 一个月.
_ABOUT = {15.0: 14.0, 14.0: 15.0, 30.0: 28.0, 28.0: 30.0}
_LATELY = re.compile("最近|近来|近期|近日|这阵子?|这段")


class Duration(NamedTuple):
    """A span of time: what it comes to, and the unit it was said in."""

    facts: frozenset[Fact]
    unit: str


def durations(text: str) -> Iterator[Duration]:
    """Yield the spans of time of ``text``, how long ago something was included."""
    for match in _SPAN.finditer(text):
        unit, halves = match["unit"], match["half"] or match["and_half"]
        low = values(match["low"]) if match["low"] else frozenset()
        found = low | values(match["n"])
        more = 0.5 if halves else 0.0
        yield Duration(frozenset(_timed(value, unit, more) for value in found), unit)
    for pattern, (value, unit) in _AGO.items():
        if re.search(pattern, text):
            yield Duration(frozenset({_timed(float(value), unit, 0.0)}), unit)


def _timed(value: float | str, unit: str, more: float) -> Fact:
    if isinstance(value, str):
        return _VAGUE, unit
    base, size = _TIMES[unit]
    return (value + more) * size, base


def invented_durations(source: str, text: str) -> set[Fact]:
    """Return the durations of ``text`` that ``source`` does not state.

    To be vaguer than the source (几天 for 三天, or for 最近) adds nothing.
    """
    stated = list(durations(source))
    known = {fact for duration in stated for fact in duration.facts}
    known |= {(_ABOUT[n], unit) for n, unit in known if unit == "天" and n in _ABOUT}
    known |= {(_VAGUE, duration.unit) for duration in stated}
    if _LATELY.search(source):
        known.add((_VAGUE, "天"))
    return {f for d in durations(_IDIOMS.sub(" ", text)) for f in d.facts} - known


# ---- numbers ---------------------------------------------------------------------

_GROUPS = {
    "次": "次遍回趟顿场轮番",
    "个": "个人名位口只",
    "元": "元块圆",
    "点": "点",
}
_COUNT = (
    "号人|年级|公斤|毫克|公里|厘米|[岁点次遍回趟顿场轮番个人名位口只元块圆分斤级届楼层号针片粒颗种份门科"
    "封条杯瓶包支家所件本台节篇项间套辆米倍成胎科届]"
)
_GROUP_OF = {unit: name for name, units in _GROUPS.items() for unit in units} | {
    "号人": "个"
}
_QUANTITY = re.compile(
    rf"百分之(?P<percent>{_EXACT})"
    rf"|{_FROM}(?P<n>{_EXACT}){_MORE}(?P<unit>{_COUNT}|%)"
    rf"|(?P<bare>{_DIGITS}|[一二三四五六七八九两][十百千万]{_CHINESE}{{0,24}}|[俩仨])"
)
# 大二, 高三; not 大一点, and not 比我大三岁.
_GRADE = re.compile(
    rf"([大研初高])([一二三四1-4])(?!{_CHINESE}|[\d岁届线个点些号倍截头度步件声])"
)
_SCHOOL_YEAR = re.compile(
    r"(大|高|初)(?:学|中)(?:本科)?([一二三四])年级|(研)究生([一二三])年级"
)
# What sounds like a number and counts nothing, and 两个人, whom 我和他 are.
_IDIOMS = re.compile(
    r"(?<![零一二三四五六七八九百])十分(?!钟)|万分|千万(?!富)|万一|三番[五两]次|三天两头|半夜|半天"
    r"|五味杂陈|七上八下|乱七八糟|三心二意|一五一十|十有八九|接二连三|四面八方|四分五裂|五花八门"
    r"|千(?:言|方|辛|头|丝|篇)|百(?:般|感|思)|十[足全]|(?<![零一二三四五六七八九十百])一[天日晚夜]|一千次|一万次|[千百]百?次"
    r"|[二三四五六七八九十]{1,9}分之[一二三四五六七八九]|两(?:个?人|难|头|边|口子|方面?|者)|(?<=们)(?:两个?|俩)|(?<=爷)俩|(?<=娘)俩|(?<=口子)俩"
)


def numbers(text: str) -> Iterator[Fact]:
    """Yield what ``text`` counts, school years included, spans of time not."""
    text = _SPAN.sub(" ", _SCHOOL_YEAR.sub(r" \1\3\2\4 ", text))
    for match in _GRADE.finditer(text):
        yield DIGITS.get(match[2]) or float(match[2]), f"{match[1]}学"
    for match in _QUANTITY.finditer(_GRADE.sub(" ", text)):
        unit = "%" if match["percent"] else match["unit"]
        unit = "个" if match["bare"] in {"俩", "仨"} else _GROUP_OF.get(unit, unit)
        for part in (match["percent"], match["low"], match["n"], match["bare"]):
            yield from ((value, unit) for value in values(part or ""))


def invented_numbers(source: str, text: str) -> set[Fact]:
    """Return what ``text`` counts and ``source`` does not.

    A bare number is one with any unit: 今年24 and 24岁. Of 一 only 一岁 counts.
    """
    stated = set(numbers(source))
    known = {value for value, _ in stated}
    return {
        (value, unit)
        for value, unit in numbers(_IDIOMS.sub(" ", text))
        if (value, unit) not in stated
        and (value, None) not in stated
        and not (unit is None and value in known)
        and not (value == 1 and unit not in {"岁", "大学", "研学", "初学", "高学"})
    }


# ---- numerals --------------------------------------------------------------------


def values(numeral: str) -> frozenset[float | str]:
    """Return the value of a numeral, the two of ``四五``, or ``_VAGUE``."""
    if not numeral:
        return frozenset()
    if numeral == "半":
        return frozenset({0.5})
    if numeral[0] in "几数好多":
        return frozenset({_VAGUE})
    if re.fullmatch("[一二三四五六七八九两]{2}", numeral):
        low, high = (DIGITS[char] for char in numeral)
        if high == low + 1:
            return frozenset({float(low), float(high)})
    return frozenset({_value(numeral)})


def _value(numeral: str) -> float:
    digits = re.fullmatch(r"(\d+(?:\.\d+)?)([百千万亿]?)(\d?)", numeral)
    if digits:
        power = _POWERS.get(digits[2], 1)
        return float(digits[1]) * power + int(digits[3] or 0) * power / 10
    total, digit, power = 0, 0, 10
    for char in numeral:
        if char in DIGITS:
            digit = digit * 10 + DIGITS[char]
            power = 10 if char in "零〇" else power
        elif char in "万亿":
            total, digit, power = (total + digit) * _POWERS[char], 0, _POWERS[char]
        else:
            total, digit, power = total + (digit or 1) * _POWERS[char], 0, _POWERS[char]
    # 一千五 is 1,500, 三万二 32,000; 一千零五 is 1,005.
    return float(total + digit * power / 10)
