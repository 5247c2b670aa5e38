r"""Contacts by pattern: phone, ID card, e-mail, QQ, WeChat, handles, plates, cards.

They are looked for in a text whose disguises are undone (``disguises.py``). ``\b`` is
no boundary between Han and ASCII in Python's ``re``: with it, known PII patterns find
nothing in 手机13812345678打给我 (tried). So a boundary here is "no letter or digit
beside". Crisis and emergency numbers are never masked: they are what a reply must be
able to say.
"""

import re
from collections.abc import Iterator

from psyche_kedro.pipelines.cleaning.deidentification.disguises import undisguised
from psyche_kedro.pipelines.cleaning.deidentification.spans import Span
from psyche_kedro.text.urls import DOMAIN, REST, SCHEME

_NOT_AFTER = r"(?<![0-9A-Za-z])"
_NOT_BEFORE = r"(?![0-9A-Za-z])"
_BETWEEN = r"(?:[^\w\n]|_){0,3}"
"""What stands between the digits of a number."""
_JOINT = rf"(?:{_BETWEEN}|[加减杠])"
_NUMBER = rf"[1-9](?:{_BETWEEN}\d){{4,10}}"
_AT = r"(?:[@#]|[艾爱]特|\sat\s|[(\[【]\s?(?:@|[Aa][Tt])\s?[)\]】])"
_DOT = r"(?:[.。]|[点點]|\sdot\s|[(\[【](?:[.。]|[Dd][Oo][Tt])[)\]】])"
_HOST = "(?:[A-Za-z0-9-]+|扣扣|企鹅|网易|新浪)"
_FILLER = r"(?:号码?|[账帐]号|同号|ID|id|昵称|用户名|搜索?|就|是|为|叫|[^\w,。!?;\n])"
_GAP = rf"{_FILLER}{{0,8}}"
"""What stands between the name of a platform and an account."""
_WITH_DIGIT = r"(?=[A-Za-z_.-]*[\d_])[A-Za-z][A-Za-z0-9_.-]{3,29}(?:#\d{4})?"
_SPELT = r"[A-Za-z](?: [A-Za-z0-9_]){5,19}"
_QQ = (
    rf"(?:(?<![A-Za-z])[Qq]{_BETWEEN}[Qq]|[扣抠叩寇蔻]{_BETWEEN}[扣抠叩寇蔻]|企鹅|球球|秋秋|丘丘|[Qq]群|群号)"
    rf"(?:群|邮箱|加|{_FILLER})*+"
)
_WECHAT = (
    rf"(?:[微威薇徽嶶溦维魏卫]{_BETWEEN}丨?[信芯星言亻]言?|微号|绿泡泡"
    r"|[微薇威徽卫](?=[^\w,。]*[A-Za-z])"
    rf"|微{_BETWEEN}[Xx]|[Vv]信|薇|加我?\s?[vV微薇威卫]|\+\s?[vV](?![A-Za-z])"
    rf"|(?<![A-Za-z])(?:[VvWw]{_BETWEEN}[Xx]|[Ww]e[Ii]?\s?(?:[Xx]in|[Cc]hat)))"
)
PLATFORMS = (
    "小红书|小红薯|(?:抖|[Dd]ou)(?:音|yin)|快手|微博|围脖|知乎|豆瓣|贴吧|[Bb]站|哔哩哔哩|陌陌|探探|钉钉|电报|推特"
    "|(?<![A-Za-z])(?:[Ff]acebook|[Ll]ine|LINE|[Ww]hatsapp|[Dd]iscord|[Ss]oul|[Tt]elegram|[Ii]ns(?:tagram)?|[Tt]witter|[Ss]kype|[Ss]team"
    "|[Tt][Gg]|[Vv][Bb])(?![A-Za-z])"
)
_DATE = r"(?:(?:19|20)\d{2}|\d{2}(?=年))[年./-]\d{1,2}[月./-]\d{1,2}[日号]?"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

_CONTACTS = {
    "证件<110101 1990 0307 8515>丢了": (
        "id_card",
        _NOT_AFTER + r"[1-9](?:[- ]?\d){16}[- ]?[\dXx]" + _NOT_BEFORE,
    ),
    "卡号<6222 0212 3456 7890 123>": (
        "bank_card",
        _NOT_AFTER
        + r"(?=(?:\d[ -]?){15,18}\d(?![ -]?\d))(?:62|4\d|5[1-5])\d{1,17}"
        + r"(?:[ -]\d{3,14})*(?:[ -]\d{1,2})?"
        + _NOT_BEFORE,
    ),
    "邮箱<liting艾特qq点com>": (
        "email",
        rf"(?<![A-Za-z0-9._%+-])(?:[A-Za-z]+\s){{0,2}}[A-Za-z0-9][A-Za-z0-9._%+-]*\s?{_AT}\s?"
        rf"{_HOST}(?:\s?{_DOT}\s?(?:com|cn|net|org|edu)){{1,2}}{_NOT_BEFORE}",
    ),
    "写信到<li.ting@example.com>吧": (
        "email",
        r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
    ),
    "<123456789 扣扣邮箱>": (
        "email",
        rf"{_NOT_AFTER}[1-9]\d{{4,10}}\s?(?:@\s?)?(?:扣扣|[Qq]{{2}})邮箱",
    ),
    "打<139—1234—5678>找我": (
        "phone",
        rf"(?<!\d)(?:(?:\+|00)?86{_BETWEEN})?\(?1[3-9]\d{_JOINT}\d{{4}}{_JOINT}\d{{4}}(?!\d)",
    ),
    "座机<(010)6234-5678转12>": (
        "phone",
        rf"(?<![\d.])(?:\(?0\d{{2,3}}\)?{_BETWEEN}[2-9]\d{{2,3}}{_BETWEEN}\d{{4}}"
        rf"|[48]00{_BETWEEN}\d{{3,4}}{_BETWEEN}\d{{3,4}})(?:[-转]\d{{1,4}})?(?!\d)",
    ),
    "宿舍电话<6275-1234>": (
        "phone",
        rf"(?:座机|固话|电话|打[到我他她]?(?:家里|宿舍|单位|办公室)){_GAP}"
        r"(?P<v>[2-8]\d{2,3}[- ]?\d{4})(?!\d)",
    ),
    "原来的<138****5678>": (
        "phone",
        rf"1[3-9]\d[-\s]?[*xX×]{{4}}[-\s]?\d{{4}}{_NOT_BEFORE}",
    ),
    "号码<138 12 34 56 78>": (
        "phone",
        _NOT_AFTER
        + r"(?=(?:\d[-. ]?){10}\d(?![0-9A-Za-z]|[-. ]\d))"
        + r"1[3-9]\d(?:[-. ]\d{2,5}){2,4}",
    ),
    "打<1.3.9.1.2.3.4.5.6.7.8>": (
        "phone",
        r"(?<!\d)1[^\w\n]{1,3}[3-9](?:[^\w\n]{1,3}\d){9}(?![^\w\n]{0,3}\d)",
    ),
    "手机号：<139123 45678>": (
        "phone",
        rf"(?:手机|电话|致电|号码|联系方式|[Tt]el){_GAP}"
        rf"(?P<v>1{_BETWEEN}[3-9](?:{_BETWEEN}\d){{9}})(?!\d)",
    ),
    "打<1 391 2345678>": (
        "phone_by_words",
        rf"(?<!\d)1{_BETWEEN}[3-9](?:{_BETWEEN}\d){{9}}(?![^\w\n]{{0,3}}\d)",
    ),
    "QQ：<12 34 56 78 9>": ("qq", rf"{_QQ}(?P<v>{_NUMBER})(?![0-9A-Za-z])"),
    "我的Q是<123456789>": (
        "qq",
        rf"(?:(?<![A-Za-z0-9])[Qq]|[扣抠叩]){_GAP}(?P<v>[1-9](?:[^\w\n]?\d){{5,10}})(?![0-9A-Za-z元块])",
    ),
    "加微信<li_ting90>": (
        "wechat",
        rf"{_WECHAT}{_GAP}(?P<v>[A-Za-z][A-Za-z0-9_.-]{{4,19}}|{_SPELT}|\d{{6,11}}){_NOT_BEFORE}",
    ),
    "V：<moon_light7>": (
        "wechat",
        rf"(?:(?<![A-Za-z0-9])[Vv](?![A-Za-z])|卫){_GAP}(?P<v>{_WITH_DIGIT}){_NOT_BEFORE}",
    ),
    "车牌<京A12345>": (
        "plate",
        rf"[{_PROVINCES}][A-HJ-NP-Z][·\s]?[A-HJ-NP-Z0-9]{{5,6}}" + _NOT_BEFORE,
    ),
    "问@<小雨的日记>": (
        "handle",
        r"(?<![A-Za-z0-9])@(?!所有人|全体)(?P<v>[\w·-]{2,20}(?:\.[A-Za-z\d_]+)*|\s[A-Za-z][\w-]{3,20})",
    ),
    "抖音<xiaoyu_90>": (
        "handle",
        rf"(?:{PLATFORMS}){_GAP}(?:live:)?(?P<v>{_WITH_DIGIT}|[\u4e00-\u9fff]{{1,8}}_[A-Za-z0-9]{{2,12}})"
        + _NOT_BEFORE,
    ),
    "都叫<wanwan_0607>我很难过": (
        "handle",
        _NOT_AFTER + r"(?:[a-z][A-Za-z0-9.-]*_(?=[A-Za-z_]{0,20}\d)"
        r"|[\u4e00-\u9fff]{2,8}_(?=[a-z]*\d))" + r"[A-Za-z0-9_]{2,20}",
    ),
    "唯心：<mimosa1990>": (
        "handle",
        rf"{_NOT_AFTER}[a-z]{{2}}[a-z._-]*\d{{3,}}[a-z0-9]*{_NOT_BEFORE}",
    ),
    "<ff8282>（wx）": (
        "wechat",
        rf"{_NOT_AFTER}(?P<v>[A-Za-z]+[_.-]?\d{{2,}}[A-Za-z0-9_]{{0,12}})(?:[(（\s]+|(?:这个?)?是?我的?)"
        r"(?:[Ww][Xx]|[Vv][Xx]|微信|[Vv]|[Qq]{2})(?![A-Za-z])",
    ),
    "王者ID<76543210>": (
        "handle",
        rf"(?:U?ID|[Uu]?id|代码|好友码){_GAP}(?P<v>\d{{6,12}})(?!\d)",
    ),
    "小红书号：<9876543210>": (
        "handle",
        rf"(?:{PLATFORMS})(?:[账帐]号|号码?|U?ID|u?id){_GAP}(?P<v>[A-Za-z0-9_.-]{{5,30}})"
        + _NOT_BEFORE,
    ),
    "学号是<20190123>": (
        "handle",
        r"(?:学号|学生证号?|工号|员工编?号|门诊号|准考证号?|考生号|病历号|住院号|就诊卡号?|社保号|护照号?)"
        rf"{_GAP}(?P<v>[A-Za-z]{{0,2}}\d{{5,18}})" + _NOT_BEFORE,
    ),
    "<1995年3月8日>出生": ("birthday", rf"{_DATE}(?=.{{0,3}}(?:出生|生日|生的|生人))"),
    "生日是<3月8日>": (
        "birthday",
        rf"(?:生日|出生(?:日期|于|在)?|生于)(?:是|为)?\s*:?\s*"
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
    rf"\d(?:(?:[^\w\n]|_){{0,3}}[\d*xX×]){{3}}|[A-Za-z](?:[\W_]?[A-Za-z0-9_]){{4}}|@|_|\d月\d"
    rf"|[{_PROVINCES}][A-Z]"
)
"""In every contact, and in few texts: the others need no pattern."""
_HOTLINE = re.compile("热线|援助|危机.{0,4}干预|求助电话|救助|报警")
_FAR = 24
_BESIDE = re.compile(r"[^,。!?;\n]*\Z"), re.compile(r"[^,。!?;\n]{0,12}")
"""What may say before and after a number whose it is."""
_MOBILE = re.compile(r"\D*(?:(?:00)?86)?\D*1[3-9](?:\D*\d){9}\Z")
_BIRTHDAY = re.compile(
    r"\d{6}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def find_contacts(text: str, allowed: frozenset[str]) -> Iterator[Span]:
    """Yield the contacts in ``text``, the surest kind first.

    Args:
        text: Normalised or not.
        allowed: Digits of crisis and emergency numbers, never masked.
    """
    plain = undisguised(text)
    if plain is None or not ANY_MARK.search(plain.text):
        return
    for kind, pattern in CONTACTS.values():
        for match in pattern.finditer(plain.text):
            group = "v" if "v" in pattern.groupindex else 0
            first, last = match.span(group)
            start, end = plain.places[first], plain.places[last - 1] + 1
            if kind == "phone_by_words" and text[start:end].isascii():
                continue
            if not _is_spared(kind, match, group, allowed):
                yield Span(start, end, kind.removesuffix("_by_words"))


def _is_spared(
    kind: str, match: re.Match[str], group: str | int, allowed: frozenset[str]
) -> bool:
    found = match[group]
    if kind.startswith("phone"):
        digits = re.sub(r"\D", "", found)
        return digits in allowed or (not _MOBILE.match(found) and is_hotline(match))
    if kind == "id_card":
        number = re.sub("[- ]", "", found)
        return not (_BIRTHDAY.match(number) or id_checksum_holds(number))
    return False


def is_hotline(match: re.Match[str]) -> bool:
    """Return whether the words beside a number say that it is a hotline's."""
    before, after = _BESIDE
    beside = (
        before.search(match.string, max(0, match.start() - _FAR), match.start()),
        after.match(match.string, match.end()),
    )
    return any(_HOTLINE.search(words[0]) for words in (*beside, match) if words)


def id_checksum_holds(number: str) -> bool:
    """Return whether an ID card's last character follows from the others.

    Evidence beside the birthday in it, no gate: a mistyped number is a person's too.

    Source: GB 11643-1999, ISO 7064 MOD 11-2.
    """
    total = sum(int(d) * w for d, w in zip(number[:17], _ID_WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == number[17].upper()
