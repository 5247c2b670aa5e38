"""The last look for contacts: coarse, and by other means than what masks them.

It reads no pattern of a contact. Digits are drawn together over whatever parts them,
be it words, and too many of them are a number; what looks like an account is one soon
after a word such as 加 or 号. So it sees what the patterns were not made for, and now
and then an innocent row: such a row is rejected and listed, for a person to look at.
"""

import re

from psyche_kedro.pipelines.cleaning.deidentification.contacts import is_hotline
from psyche_kedro.pipelines.cleaning.deidentification.disguises import undisguised

_WORDS = "zero|one|two|three|four|five|six|seven|eight|nine"
_WORD = re.compile(rf"\s?(?<![A-Za-z])({_WORDS})(?![A-Za-z])")
_SOUNDS = (
    "零灵令洞一衣医依妖腰幺二耳儿两三伞散叁四寺似思"
    "五舞午武六柳留流七棋期妻拐八疤巴爸九酒久勾"
)
_AS_SOUNDED = str.maketrans(_SOUNDS, "00001111111222233334444555566667777788889999")
_SOUNDED = re.compile(rf"[{_SOUNDS}\d](?:[^\w\n]?[{_SOUNDS}\d]){{8,}}")
"""A number by words that sound like its digits."""
_SAID_GAP = re.compile(r"(?<=\d)\s?(?:空格|横?杠|点|横|减|加|星|逗号)\s?(?=\d)")
_LOOKALIKES = re.compile(
    r"(?<![A-Za-z\d])[\dBSZЗ](?:[ -]?[\dBSZЗOoIl]){8,18}(?![A-Za-z])"
)
_AS_DIGITS = str.maketrans("BSZЗOoIl", "85230011")
_DIGITS = re.compile(r"(?<![\d.])\d(?:[^\u4e00-\u9fff\n,;、，；A-Za-z]{0,4}\d){8,}")
_MOST_DIGITS = 8
"""A date and no more."""
_DATE = re.compile(r"(?:19|20)\d{2}\D{0,3}(?:0?[1-9]|1[0-2])(?:\D{0,3}[0-3]?\d)?(?!\d)")
_PARTS = re.compile(
    r"(?:手机|电话|号码?|微信|[Qq]{2})[^。!?;\n]{0,12}?1[3-9]\d(?:[^\d。!?;\n]{1,8}\d{3,5}){2,3}(?!\d)"
    r"|1[3-9]\d{1,4}(?:[^\d。!?;\n]{0,2}(?:后|再|然后|接着|中间|结尾)[^\d。!?;\n]{0,4}\d{3,5}){1,3}"
)
"""A mobile number in three parts: 前三位是139，中间1234，最后5678."""
_ACCOUNT = re.compile(
    r"(?:[微薇威扣抠绿]|(?<![A-Za-z])[VvWwQq]{1,2}[Xx]?(?![A-Za-z])|企鹅|联系|[加私找搜扫]我?|[号名店]"
    r"|邮箱|mail|ID|id)[^,。!?;\n]{0,12}?(?<![A-Za-z0-9])"
    r"(?:(?=[A-Za-z_.-]*\d)[A-Za-z][\w.-]{4,}|[1-9](?:[^\w\n]?\d){6,10}(?![\d元块万步]))"
)
_BARE_ACCOUNT = re.compile(
    r"(?!iPhone|Windows|Covid|COVID)(?<![A-Za-z])(?:[A-Za-z]{5,}\d{2,}|[A-Za-z]{4,}\d{3,}"
    r"|[A-Za-z]{2,}(?!(?:19|20)\d\d(?!\d))\d{4,}|[A-Za-z]{3,}(?:[._]|-[A-Za-z]+)\d{2}"
    r"|[A-Za-z]{5,}_\d|(?:[a-z] ){5,}[a-z\d])"
)
_SPELT_NAME = re.compile(
    r"(?:微信|[Ww][Xx]|[Vv]信|[Qq]{2}|邮箱|mail|联系我|加我)号?[^,。!?;\n]{0,8}?"
    r"(?<![A-Za-z])(?:[a-z]{8,}|[A-Za-z]+[_.-][A-Za-z]+)"
)
_NAMED = re.compile(
    r"(?:(?:[账帐]号|昵称|用户名|ID|id)[是叫为:]\s?|(?:书|音|博|站)同名)"
    r"[\w\u4e00-\u9fff]{3,12}(?=$|[,。!?;、\s])"
)
_FEW_DIGITS = re.compile(
    r"(?:身份证|卡|手机|电话)号?码?[^,。!?;\n\d]{0,3}[后尾][^,。!?;\n]{0,4}?\d{4,6}"
    r"|(?:办公室|单位|家里)[^,。!?;\n\d]{0,4}[2-8]\d{6,7}(?!\d)"
)
_ADDRESS = re.compile(
    r"@\s?[A-Za-z0-9]\s?[\w.-]|[A-Za-z]{3,}#\d{4}|[A-Za-z0-9]\s?(?:[.。点]|dot)\s?(?:com|cn|net|me/)"
    r"|(?:qq|163|126|139|gmail|outlook|hotmail|foxmail|sina|icloud)\W?(?:com\b|邮箱|后缀)"
    r"|后缀(?:是|为)?\s?(?:qq|163|126|gmail)"
)
_SIGNS = (
    _ADDRESS,
    _ACCOUNT,
    _BARE_ACCOUNT,
    _SPELT_NAME,
    _NAMED,
    _PARTS,
    _FEW_DIGITS,
)


def seems_to_hold_contact(text: str, allowed: frozenset[str]) -> bool:
    """Return whether a masked text looks as if a contact were left in it.

    Args:
        text: Without its placeholders.
        allowed: Digits of crisis and emergency numbers.
    """
    said = _WORD.sub(lambda m: str(_WORDS.split("|").index(m[1])), text)
    said = _SOUNDED.sub(lambda m: m[0].translate(_AS_SOUNDED), said)
    plain = undisguised(said)
    if plain is None:
        return _NAMED.search(text) is not None
    read = _LOOKALIKES.sub(_as_digits, _SAID_GAP.sub("", plain.text))
    if any(sign.search(read) for sign in _SIGNS):
        return True
    return any(not _is_innocent(match, allowed) for match in _DIGITS.finditer(read))


def _as_digits(match: re.Match[str]) -> str:
    digits = match[0].translate(_AS_DIGITS)
    n_letters = sum(a != b for a, b in zip(match[0], digits, strict=True))
    return digits if n_letters < _MOST_DIGITS // 2 else match[0]


def _is_innocent(match: re.Match[str], allowed: frozenset[str]) -> bool:
    rest = re.sub(r"\D", "", _DATE.sub("", match[0]))
    return len(rest) <= _MOST_DIGITS or rest in allowed or is_hotline(match)
