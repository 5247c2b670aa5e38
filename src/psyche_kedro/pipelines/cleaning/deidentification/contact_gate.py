"""The last look for contacts: coarse, and by other patterns than those that mask.

Digits are drawn together over whatever parts them, be it words or words that sound like
them, and too many of them are a number. A mixture of letters and digits is an account;
a plain word is one only behind what announces it. So it sees what the masks were not
made for, and now and then an innocent row: such a row is rejected and listed, for a
person to look at.
"""

import re

from psyche_kedro.pipelines.cleaning.deidentification.contacts import (
    PLATFORMS,
    is_hotline,
)
from psyche_kedro.pipelines.cleaning.deidentification.disguises import undisguised
from psyche_kedro.text.words import name_of_word, word_lists

_DIGIT_OF = name_of_word(word_lists(__package__, "words.yml")["sounds"])
_LATIN = "|".join(word for word in _DIGIT_OF if word.isascii())
_HAN = "".join(word for word in _DIGIT_OF if not word.isascii())
_SOUND = rf"[{_HAN}]|(?<![A-Za-z])(?:{_LATIN})(?![A-Za-z])"
_SOUNDED = re.compile(rf"(?:(?:\d|{_SOUND})[^\w\n]?){{8,}}")
"""A number by words that sound like its digits."""
_REPEATED = re.compile(r"([2-9])个(\d)(?!\d)")
"""187, 4个6, 4321."""
_LOOKALIKES = re.compile(
    r"(?<![A-Za-z\d])[\dBSZЗ](?:[ -]?[\dBSZЗOoIl]){8,18}(?![A-Za-z])"
)
_AS_DIGITS = str.maketrans("BSZЗOoIl", "85230011")
_DIGITS = re.compile(r"(?<![\d.])\d(?:[^\u4e00-\u9fff\n,;、，；A-Za-z]{0,4}\d){8,}")
_MOST_DIGITS = 8
"""A date and no more."""
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d{2}\D{0,3}(?:0?[1-9]|1[0-2])(?:\D{0,3}[0-3]?\d)?(?!\d)"
    r"|\d?\d:[0-5]\d[-~]\d?\d:[0-5]\d(?!\d)"
)
_BORN = re.compile("生日|出生")
_SENTENCE = re.compile(r"[^。!?;\n]+")
_PART = re.compile(r"(?<![\d.])\d{3,8}(?![\d%元块万千多分年月天米斤岁人次个])")
_TOLD = re.compile("[号扣薇]|微信|[Qq]{2}|电话|联系")
"""What tells that numbers are one in parts: 扣扣是12345，再加6789."""
_MOBILE_IN_PARTS = re.compile(r"(?<!\S)1[3-9](?: ?\d){9}(?!\S)")
_APPS = (
    rf"(?:{PLATFORMS}|微信|公[众主]?号|视频号|网易云|喜马拉雅|游戏|王者(?:荣耀)?|LOL"
    r"|(?<![A-Za-z])(?i:xhs|gzh|ig|wb|dy)(?![A-Za-z]))"
)
_ANNOUNCED = (
    rf"(?:{_APPS}|(?<![A-Za-z])(?:[WwVv][Xx]|[Vv]|[Qq]{{2}})(?![A-Za-z])|[薇威徽绿扣]"
    r"|邮箱|mail|联系|(?<![更增参])[加搜私滴](?![班上入油强到了过])我?|(?<![符口信记句])号[:：是]|[账帐]号|昵称|用户名|(?<![A-Za-z])(?:ID|id))"
)
_END = r"(?=$|[,，。!！?？;；、\s”\"」】)])"
_AMOUNT = "[月约前后共计费薪价年近超达到是为了有元]"
"""Before a number that is none of a name's: 工资:每月4500."""
_NAME = rf"(?!一下|什么|[我你他她这那都]|[了过的着到得])\w{{3,12}}{_END}"
_HAN_NAME = r"[^\w\n]?[\u4e00-\u9fff]{2,10}"
_NAMED = re.compile(
    rf"{_APPS}(?:(?<!公众号(?=[“\"]))(?:搜索?|关注我?|私信?|同名|主播|名字?|叫|up主|昵称|ID|id|[:：\s“\"「【(])+{_NAME}"
    rf"|\w{{3,12}}(?:就是我|[,，]?[互求][关粉])|[^,。!?;\n]{{0,4}}[搜叫名]{_HAN_NAME}\d{{2,}}|{_HAN_NAME}(?:0\d|1[012])\d\d{_END})"
    rf"|(?:(?:昵称|用户名|[账帐]号|(?<![A-Za-z])(?:ID|id))(?:[:：是为叫]+\s?|[\s“\"「【(])|关注公[众主]?号[“\"「]?|^[:：搜]){_NAME}"
    rf"|(?:^[搜叫名]|昵称|用户名|(?<![A-Za-z])(?:ID|id)){_HAN_NAME}\d{{2,}}|我的{_APPS}[是叫][“\"「]?{_NAME}|[:：]{_HAN_NAME}(?<!{_AMOUNT})\d{{3,}}{_END}"
    r"|(?<![A-Za-z])(?i:gzh)[\u4e00-\u9fff]{3}|(?:公众号|视频号|主播)某某"
)
"""小红书同名鲸落不落, 昵称：云朵下的小屋, 知乎云朵下的小屋就是我."""
_ASCII = r"[A-Za-z\d_.-]{0,20}"
_FEW = (
    r"(?=[A-Z .-]*\d)(?!\d{1,3}\.\d{1,2}(?!\d))"
    r"[A-Z\d](?:[ .-]?[A-Z\d]){4,17}(?![A-Za-z\d元块次多万人])"
)
_ANNOUNCED_NUMBER = re.compile(
    rf"(?:{_ANNOUNCED}|[号码证通室舍鹅群裙峮]|[座手]机|生日|出生|车牌)[^,。!?;\n]{{0,6}}?{_FEW}"
    r"|(?:生日|尾号|后\d位|中间)[^,。!?;\n\d]{0,3}(?!(?:19|20)\d\d)\d{4}|[:：]\s?\d{7,}(?![元块次多万人])"
    r"|\d(?:[ .-]?\d){4,17}[^\w\n]{0,3}(?:这?个?就?是)?我?[家妈爸]?的?"
    r"(?:[Qq扣薇微]|[Vv][Xx]?(?![A-Za-z])|电话|手机)"
)
"""学号 2019 0123 45, 身份证后六位062345, 车牌A12345, 宿舍28888999, 345678是我QQ."""
_SIGNS = (
    _NAMED,
    # nightowl_7, snowy-cat66, a1b2c3, AB12-CD34; no iPhone13, PHQ-9
    re.compile(
        r"(?<![A-Za-z\d])(?!iPhone|[A-Za-z]+\d\.\d|\d+(?:\.\d+)?[A-Za-z]{1,5}(?![A-Za-z\d_.-])|Windows|(?i:covid)|[A-Z]{2,5}-?\d{1,2}(?![A-Za-z\d-]))"
        rf"(?=[A-Za-z\d])(?={_ASCII}(?:[A-Za-z]{{2}}|\d[A-Za-z]\d))"
        rf"(?={_ASCII}\d{_ASCII}\d|[A-Za-z]{{5,20}}_\d)[A-Za-z\d_.-]{{7}}|(?<![A-Za-z\d])[A-Z]\d{{7}}"
    ),
    # 蓝鸟night_owl, 脸书 night.owl
    re.compile(
        r"(?:^|[^\w\s])(?:"
        r"(?:[\u4e00-\u9fff]{1,5}|[A-Za-z]{2,9}(?=[:： ]))[^\w\n]{0,3}[A-Za-z]{2,20}_"
        r"|[\u4e00-\u9fff]{0,5}[^\w\n]{0,3}[A-Za-z]{2,20}\.)[A-Za-z]{3}"
    ),
    # n i g h t o w l 7
    re.compile(r"[A-Za-z](?:[ .·|/*~-][A-Za-z\d]){5,}"),
    # 微信号是我名字拼音zhaoxiaomei, 搜sunny.day
    re.compile(
        rf"{_ANNOUNCED}[^。!?;\n]{{0,8}}?(?<![A-Za-z])"
        r"(?:[a-z]{6,}(?![\u4e00-\u9fff])|[A-Za-z]+[_.-]+[A-Za-z\d]+"
        r"|(?!mg|ml)[A-Za-z]{2,}[^。!?;\n\d]{0,6}\d(?: ?\d){2,})"
    ),
    # @qq, lonely#4421, weibo点com, [at]163[点]com, 邮箱后缀163
    re.compile(
        r"@\s?[A-Za-z\d]\s?[\w.-]|[A-Za-z]{3}#\d{4}"
        r"|[A-Za-z\d)\]】]\W?(?:[.。点]|dot)?\W?(?:com|cn|top|me(?=/))(?![a-z])"
        r"|[A-Za-z\d][(（]圈?a"
        r"|(?:qq|163|126|gmail|outlook|foxmail)\W?(?:邮箱|后缀|的$)"
    ),
)


def seems_to_hold_contact(text: str, allowed: frozenset[str]) -> bool:
    """Return whether a masked text looks as if a contact were left in it.

    Args:
        text: Without its placeholders.
        allowed: Digits of crisis and emergency numbers.
    """
    plain = undisguised(_SOUNDED.sub(_as_sounded, text))
    if plain is None:
        return _NAMED.search(text) is not None
    read = _LOOKALIKES.sub(_as_digits, _REPEATED.sub(_repeated, plain.text))
    return (
        any(sign.search(read) for sign in _SIGNS)
        or any(not _is_innocent(match, allowed) for match in _DIGITS.finditer(read))
        or any(not _is_helps(m, allowed) for m in _ANNOUNCED_NUMBER.finditer(read))
        or any(_is_told_in_parts(s[0], allowed) for s in _SENTENCE.finditer(read))
    )


def _as_sounded(match: re.Match[str]) -> str:
    return re.sub(_SOUND, lambda m: _DIGIT_OF[m[0]], match[0])


def _repeated(match: re.Match[str]) -> str:
    return match[2] * int(match[1])


def _as_digits(match: re.Match[str]) -> str:
    digits = match[0].translate(_AS_DIGITS)
    n_letters = sum(a != b for a, b in zip(match[0], digits, strict=True))
    return digits if n_letters < _MOST_DIGITS // 2 else match[0]


def _is_told_in_parts(sentence: str, allowed: frozenset[str]) -> bool:
    """Return whether the numbers of a sentence that tells one make it together."""
    told = _DIGITS.sub(lambda m: "" if _is_innocent(m, allowed) else m[0], sentence)
    parts = [m for m in _PART.finditer(told) if not is_hotline(m)]
    digits = [m[0] for m in parts if m[0] not in allowed]
    if _TOLD.search(told):
        return len(digits) > 1 and len("".join(digits)) > _MOST_DIGITS
    return _MOBILE_IN_PARTS.search(" ".join(digits)) is not None


def _is_innocent(match: re.Match[str], allowed: frozenset[str]) -> bool:
    rest = re.sub(r"\D", "", _DATE.sub("", match[0]))
    return len(rest) <= _MOST_DIGITS or rest in allowed or is_hotline(match)


def _is_helps(match: re.Match[str], allowed: frozenset[str]) -> bool:
    rest = re.sub(r"\D", "", match[0])
    is_date = not _BORN.search(match[0]) and not _DATE.sub("", rest)
    return is_date or rest in allowed or is_hotline(match)
