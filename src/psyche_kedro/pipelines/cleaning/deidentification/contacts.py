r"""Contacts by pattern: phone, ID card, e-mail, QQ, WeChat, handles, plates, cards.

``\b`` is no boundary between Han and ASCII in Python's ``re``: with it, known PII
patterns find nothing in 手机13812345678打给我 (tried). So a boundary here is "no letter
or digit beside". Crisis and emergency numbers are never masked: they are what a reply
must be able to say.
"""

import re
from collections.abc import Iterator

from psyche_kedro.pipelines.cleaning.deidentification.spans import Span
from psyche_kedro.text.numerals import SPOKEN
from psyche_kedro.text.urls import DOMAIN, REST, SCHEME

_NOT_AFTER = r"(?<![0-9A-Za-z])"
_NOT_BEFORE = r"(?![0-9A-Za-z])"
_DIGIT = f"0-9{SPOKEN}"
_AT = r"(?:@|#|艾特|[(（\[【](?:@|[Aa][Tt])[)）\]】])"
_DOT = r"(?:\.|点|[(（\[【](?:\.|[Dd][Oo][Tt])[)）\]】])"
_ACCOUNT = r"(?:账号|帐号|号码?|ID|id|昵称|用户名)?(?:是|为|叫|搜)?\s*[:：]?\s*"
_PLATFORMS = (
    "小红书|抖音|快手|微博|知乎|豆瓣|贴吧|[Bb]站|哔哩哔哩|陌陌|探探|[Ss]oul|钉钉|电报|[Tt]elegram"
    "|[Ii]ns(?:tagram)?|[Tt]witter|[Ss]kype|[Ss]team"
)
_DATE = r"(?:19|20)\d{2}[年./-]\d{1,2}[月./-]\d{1,2}[日号]?"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

_CONTACTS = {
    "证件<110101199003078515>丢了": (
        "id_card",
        _NOT_AFTER + r"[1-9]\d{5}[- ]?\d{8}[- ]?\d{3}[\dXx]" + _NOT_BEFORE,
    ),
    "写信到<li.ting@example.com>吧": (
        "email",
        r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
    ),
    "邮箱<liting艾特qq点com>": (
        "email",
        rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]*\s?{_AT}\s?[A-Za-z0-9-]+"
        rf"(?:\s?{_DOT}\s?(?:com|cn|net|org|edu)){{1,2}}{_NOT_BEFORE}",
    ),
    "打<138-1234-5678>找我": (
        "phone",
        _NOT_AFTER
        + r"(?:(?:\+|00)?86[-\s]?)?1[3-9]\d[-\s]?\d{4}[-\s]?\d{4}"
        + _NOT_BEFORE,
    ),
    "座机<(010)6234-5678转12>": (
        "phone",
        _NOT_AFTER
        + r"(?:[(（]?0\d{2,3}[)）]?[-\s]?[2-9]\d{2,3}[-\s]?\d{4}"
        + r"|[48]00[-\s]?\d{3,4}[-\s]?\d{3,4})"
        + r"(?:[-转]\d{1,4})?"
        + _NOT_BEFORE,
    ),
    "原来的<138****5678>": (
        "phone",
        rf"1[3-9]\d[-\s]?[*xX×]{{4}}[-\s]?\d{{4}}{_NOT_BEFORE}",
    ),
    "号码<138 12 34 56 78>": (
        "phone",
        _NOT_AFTER
        + r"(?=(?:\d[-. ]?){10}\d(?![0-9A-Za-z]|[-. ]\d))"
        + r"(?:1[3-9]\d(?:[-. ]\d{2,5}){2,4}|1[-. ][3-9](?:[-. ]\d){9})",
    ),
    "打<幺三八一二三四五六七八>": (
        "phone",
        rf"(?<![{_DIGIT}])(?=[\d， ,-]{{0,20}}[{SPOKEN}])[1一幺][3-9三四五六七八九]"
        rf"[{_DIGIT}](?:[， ,-]?[{_DIGIT}]){{8}}(?![{_DIGIT}])",
    ),
    "QQ：<123456789>": (
        "qq",
        r"(?:[Qq]{2}|[扣叩]扣|企鹅号?|蔻蔻|球球|[Qq]群|群号)(?:号码?|群|邮箱)?(?:是|为|加)?"
        r"\s*[:：]?\s*(?P<v>[1-9]\d{4,10})" + _NOT_BEFORE,
    ),
    "加微信<li_ting90>": (
        "wechat",
        r"(?:微信|威信|薇信|徽信|卫星|[vV][xX]|[wW][xX]|[vV]信|薇|[加+＋]\s?[vV]|[wW]e[cC]hat)"
        r"(?:号码?|同号|ID|id)?(?:是|为)?\s*[:：]?\s*"
        r"(?P<v>[A-Za-z][A-Za-z0-9_-]{4,19}|\d{6,11})" + _NOT_BEFORE,
    ),
    "卡号<6222 0212 3456 7890 123>": (
        "bank_card",
        _NOT_AFTER
        + r"(?:62|4\d|5[1-5])\d{2}[ -]?(?:\d{4}[ -]?){2,3}\d{3,7}"
        + _NOT_BEFORE,
    ),
    "车牌<京A12345>": (
        "plate",
        rf"[{_PROVINCES}][A-HJ-NP-Z][·\s]?[A-HJ-NP-Z0-9]{{5,6}}" + _NOT_BEFORE,
    ),
    "问@<小雨的日记>": ("handle", r"(?<![A-Za-z0-9])@(?P<v>[\w·-]{2,20})"),
    "抖音<xiaoyu_90>": (
        "handle",
        rf"(?:{_PLATFORMS}){_ACCOUNT}"
        + r"(?P<v>(?=[A-Za-z_.-]*[\d_])[A-Za-z][A-Za-z0-9_.-]{3,29})"
        + _NOT_BEFORE,
    ),
    "小红书号：<9876543210>": (
        "handle",
        rf"(?:{_PLATFORMS})(?:账号|帐号|号码?|ID|id)(?:是|为)?\s*[:：]?\s*(?P<v>[A-Za-z0-9_.-]{{5,30}})"
        + _NOT_BEFORE,
    ),
    "学号是<20190123>": (
        "handle",
        r"(?:学号|工号|员工编号|准考证号?|考生号|病历号|住院号|就诊卡号?|社保号|护照号?)(?:码)?(?:是|为)?"
        r"\s*[:：]?\s*(?P<v>[A-Za-z]{0,2}\d{5,18})" + _NOT_BEFORE,
    ),
    "<1995年3月8日>出生": ("birthday", rf"{_DATE}(?=.{{0,3}}(?:出生|生日|生的|生人))"),
    "生日是<3月8日>": (
        "birthday",
        rf"(?:生日|出生(?:日期|于|在)?|生于)(?:是|为)?\s*[:：]?\s*"
        rf"(?P<v>{_DATE}|\d{{1,2}}月\d{{1,2}}[日号])",
    ),
    "看<https://example.com/a?b=1>": (
        "url",
        rf"(?:{SCHEME}|www\.){REST}|(?<![@A-Za-z0-9.-]){DOMAIN}",
    ),
}
CONTACTS = {
    example: (kind, re.compile(pattern))
    for example, (kind, pattern) in _CONTACTS.items()
}
"""Kind and pattern by an example: its contact stands between ``<`` and ``>``.

A group ``v`` is the contact where only the words before it tell that it is one.
"""
ANY_MARK = re.compile(
    rf"[0-9](?:[0-9]{{2}}|[-. ][0-9][-. ]|月[0-9])|@|[{SPOKEN}]{{3}}|[vVwW]|薇|卫星"
    rf"|[微威徽]信|[.点][a-z]|[Tt][)）\]】]|[A-Za-z._-][0-9_]|[{_PROVINCES}][A-Z]"
)
"""In every contact, and in one text of a hundred: the others need no pattern."""
_BIRTHDAY = re.compile(
    r"\d{6}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def find_contacts(text: str, allowed: frozenset[str]) -> Iterator[Span]:
    """Yield the contacts in ``text``, the surest kind first.

    Args:
        text: Normalised text: wide digits are not found.
        allowed: Digits of crisis and emergency numbers, never masked.
    """
    if not ANY_MARK.search(text):
        return
    for kind, pattern in CONTACTS.values():
        group = "v" if "v" in pattern.groupindex else 0
        for match in pattern.finditer(text):
            start, end = match.span(group)
            if _is_contact(kind, text[start:end], allowed):
                yield Span(start, end, kind)


def _is_contact(kind: str, found: str, allowed: frozenset[str]) -> bool:
    if kind == "phone":
        return re.sub(r"\D", "", found) not in allowed
    if kind == "id_card":
        number = re.sub("[- ]", "", found)
        return bool(_BIRTHDAY.match(number)) or id_checksum_holds(number)
    return True


def id_checksum_holds(number: str) -> bool:
    """Return whether an ID card's last character follows from the others.

    Evidence beside the birthday in it, no gate: a mistyped number is a person's too.

    Source: GB 11643-1999, ISO 7064 MOD 11-2.
    """
    total = sum(int(d) * w for d, w in zip(number[:17], _ID_WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == number[17].upper()
