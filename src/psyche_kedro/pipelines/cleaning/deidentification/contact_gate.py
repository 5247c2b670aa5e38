"""The last look for contacts: coarse, and by other patterns than those that mask.

Digits are drawn together over whatever parts them, be it words or words that sound like
them, and too many of them are a number. What looks like an account is one by its form,
or soon after a word such as 加 or 号, or an app's name. So it sees what the masks were
not made for, and now and then an innocent row: such a row is rejected and listed, for a
person to look at.
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
_SAID_GAP = re.compile(
    r"(?<=\d)\s?(?:空格|横?杠|点|横|减|加|星|逗号)\s?(?=\d)|(?<=\d{3})\n(?=\d{3})"
)
_LOOKALIKES = re.compile(
    r"(?<![A-Za-z\d])[\dBSZЗ](?:[ -]?[\dBSZЗOoIl]){8,18}(?![A-Za-z])"
)
_AS_DIGITS = str.maketrans("BSZЗOoIl", "85230011")
_DIGITS = re.compile(r"(?<![\d.])\d(?:[^\u4e00-\u9fff\n,;、，；A-Za-z]{0,4}\d){8,}")
_MOST_DIGITS = 8
"""A date and no more."""
_DATE = re.compile(r"(?:19|20)\d{2}\D{0,3}(?:0?[1-9]|1[0-2])(?:\D{0,3}[0-3]?\d)?(?!\d)")
_PART = re.compile(r"(?<![\d.])\d{3,8}(?![\d%元块万千多分年月天米斤岁人次个])")
_TOLD = re.compile(
    r"(?:手机|电话|号|微信|[Qq]{2}|扣扣|企鹅|联系|前[三四五六\d]|先|(?=1[3-9]\d{1,5}(?:\s?\d{4})?[^\d]))"
    r"[^。!?;\n]{0,60}"
)
"""Words before a number told in parts: 前三位是139，中间1234，最后5678."""
_SPOKEN = re.compile(
    r"(?:[2-9]个\d[^\w\n]?){3,}|\d{3,}[^\w\n]{0,3}[2-9]个\d(?!\d)"
    r"|\d百\d十\d?[^\w\n]{0,3}\d千(?:\d百|\d?零)"
    r"|\d{3,}(?![\d年])[^。!?;\n\d]{0,4}(?:开头|打头|结尾|收尾|居中|尾号)|(?:尾号|结尾)[^。!?;\n\d]{0,3}\d{3,}"
)
"""187, 4个6; 1百8十7 6千6百; 187开头."""
_CODE = re.compile(
    r"(?<![A-Za-z\d])(?:\d{6,}[A-Za-z]{1,2}\d{2,}|(?=[A-Z\d]*\d[A-Z]\d)[A-Z\d]{6,}"
    r"|(?=[\d-]*[A-Z])(?=[A-Z-]*\d)[A-Z\d]{4}(?:-[A-Z\d]{4}){1,3})(?![A-Za-z\d])"
    r"|\n(?:再|然后|后面|接着|加)[是打加拨]?\d{3,}"
)
_PINYIN = re.compile(
    r"(?<![A-Za-z])(?:(?:ling|dong|yi|yao|er|liang|san|si|wu|liu|qi|ba|jiu)\s?){7,}(?![a-z])"
)
_SOUNDS_ALONE = re.compile(
    r"(?!(.)\1)(?:[衣医依妖腰耳儿伞散似思舞午武柳留流棋期妻拐疤巴爸酒久勾]){6,}"
)
_ACCOUNT = re.compile(
    r"(?:[微薇威扣抠绿]|(?<![A-Za-z])[VvWwQq]{1,2}[Xx]?(?![A-Za-z])|企鹅|联系|[加私找搜扫]我?|[号名店]"
    r"|邮箱|mail|ID|id)[^,。!?;\n]{0,12}?(?<![A-Za-z0-9])"
    r"(?:(?=[A-Za-z_.-]*\d)[A-Za-z][\w.-]{4,}|[1-9](?:[^\w\n]?\d){6,10}(?![\d元块万步]))"
)
_BARE_ACCOUNT = re.compile(
    r"(?!iPhone|Windows|Covid|COVID)(?<![A-Za-z])(?:[A-Za-z]{5,}\d{2,}|[A-Za-z]{4,}\d{3,}"
    r"|[A-Za-z]{2,}(?!(?:19|20)\d\d(?!\d))\d{4,}|[A-Za-z]{3,}(?:[._]|-[A-Za-z]+)\d{2}"
    r"|[A-Za-z]{5,}_\d|[a-z]\w{0,9}\d[A-Za-z]\w*\d|[A-Za-z]+[\u0400-\u052f]"
    r"|[A-Za-z](?:[ .·|/*~-][A-Za-z\d]){5,})(?!\w*[\u4e00-\u9fff]型)"
)
_APPS = (
    "微博|围脖|抖音|快手|小红[书薯]|红薯|知乎|豆瓣|贴吧|[Bb]站|小破站|网易云|公众号|视频号|喜马拉雅"
    "|荔枝|唱吧|陌陌|探探|钉钉|飞书|企微|电报|飞机|推特|闲鱼|淘宝|王者|荣耀|吃鸡|原神|光遇|LOL|和平精英|英雄联盟|游戏|主页|微信"
    "|(?<![A-Za-z])(?:[Ss]oul|[Ll]ofter|[Ii]ns|[Tt][Gg]|[Ff][Bb]|[Ll]ine|[Kk]akao|[Ss]kype|[Ss]ignal|[Ww]hats[Aa]pp)(?![A-Za-z])"
)
_SPELT_NAME = re.compile(
    rf"(?:(?:{_APPS}|[Ww][Xx]|[Vv][Xx信]|[薇威徽绿扣]|[Qq]{{2}}|邮箱|mail|联系我|加我|[账帐]号)"
    r"[^,。!?;\n]{0,8}?|(?<![更增参])[加搜私滴]我?[^\w\n]{0,3})(?<![A-Za-z])"
    r"(?:(?:(?!app|vip|live)[a-z]){6,}(?![\u4e00-\u9fff])|[A-Za-z]+[_.-]+[A-Za-z]+"
    r"|[A-Za-z]{4,}[^。!?;\n\d]{0,6}\d{3,})"
    r"|(?<![A-Za-z])[A-Za-z]+[._][A-Za-z]+\W{0,3}(?:gmail|163|126|qq|outlook|foxmail)"
)
_NAMED = re.compile(
    r"(?:(?:[账帐]号|昵称|用户名|微信名字?|ID|id)(?:[是叫为:：]+\s?|[\s“\"「【(])|(?:书|音|博|站)同名"
    rf"|(?:{_APPS})(?:搜索?|关注|私信?|同名|名字?|叫|主页|up主|ID|id|号(?=[\W是叫为]))+"
    r"[:：是叫为\s“\"「【]*|(?!微信|游戏|淘宝|公众号)"
    rf"(?:{_APPS})[:：“\"「【]+\s?|(?:{_APPS})(?=[\w]{{3,12}}(?:就?是我|找我|[,，]?互[关粉])))"
    r"(?!一下|什么|[我你他她这那]|[了过的着到得])[\w\u4e00-\u9fff]{3,12}(?=$|[,，。!！?？;；、\s”\"」】)])"
)
_FEW_DIGITS = re.compile(
    r"(?:身份证|卡|手机|电话)号?码?[^,。!?;\n\d]{0,3}[后尾][^,。!?;\n]{0,4}?\d{4,6}"
    r"|(?:办公室|单位|公司|家里|宿舍|小灵通|座机|固话)[^,。!?;\n\d]{0,4}[2-8]\d{6,7}(?!\d)"
    r"|车牌[^,。!?;\n]{0,6}?[A-Z\d]{5,6}(?![A-Za-z\d])"
    r"|(?:[学工编卡单]号|病历|病案|准考|会议|邀请|好友|取件)[号码证]*[^,。!?;\n]{0,4}?[A-Za-z]{0,3}-?\d[\d-]{4,}"
    r"|(?:预约|邀请|取件|验证)码[^,。!?;\n]{0,4}?[A-Z\d]{5,}"
    r"|(?:生日|出生|生于)[^,。!?;\n\d]{0,4}(?:(?:19|20)\d{6}|(?:\d{2,4}[./-])?\d{1,2}[./-]?\d{1,2})(?![\d年元块岁])"
)
_ADDRESS = re.compile(
    r"@\s?[A-Za-z0-9]\s?[\w.-]|[A-Za-z]{3,}#\d{4}|[A-Za-z0-9]\s?(?:[.。点]|dot)\s?(?:com|cn|net|me/)"
    r"|[)\]】]\s?(?:com|cn)(?![a-z])|[a-z\d]{4,}[.。点](?:top|xyz|cc|club|site|vip|blog)(?![a-z])"
    r"|(?:qq|163|126|139|gmail|outlook|hotmail|foxmail|sina|icloud)\W?(?:com\b|邮箱|后缀)"
    r"|后缀(?:是|为)?\s?(?:qq|163|126|gmail)"
)
_SIGNS = (
    _ADDRESS,
    _ACCOUNT,
    _BARE_ACCOUNT,
    _SPELT_NAME,
    _NAMED,
    _FEW_DIGITS,
    _SPOKEN,
    _CODE,
    _PINYIN,
)


def seems_to_hold_contact(text: str, allowed: frozenset[str]) -> bool:
    """Return whether a masked text looks as if a contact were left in it.

    Args:
        text: Without its placeholders.
        allowed: Digits of crisis and emergency numbers.
    """
    if _NAMED.search(text) or _SOUNDS_ALONE.search(text):
        return True
    said = _WORD.sub(lambda m: str(_WORDS.split("|").index(m[1])), text)
    said = _SOUNDED.sub(lambda m: m[0].translate(_AS_SOUNDED), said)
    plain = undisguised(said)
    if plain is None:
        return False
    read = _LOOKALIKES.sub(_as_digits, _SAID_GAP.sub("", plain.text))
    if any(sign.search(read) for sign in _SIGNS) or _is_told_in_parts(read, allowed):
        return True
    return any(not _is_innocent(match, allowed) for match in _DIGITS.finditer(read))


def _is_told_in_parts(text: str, allowed: frozenset[str]) -> bool:
    """Return whether digits soon after such words make a number together."""
    told = _TOLD.finditer(_DIGITS.sub(" ", text))
    parts = [_PART.findall(match[0]) for match in told if not is_hotline(match)]
    unknown = [[part for part in found if part not in allowed] for found in parts]
    return any(len(p) > 1 and len("".join(p)) > _MOST_DIGITS for p in unknown)


def _as_digits(match: re.Match[str]) -> str:
    digits = match[0].translate(_AS_DIGITS)
    n_letters = sum(a != b for a, b in zip(match[0], digits, strict=True))
    return digits if n_letters < _MOST_DIGITS // 2 else match[0]


def _is_innocent(match: re.Match[str], allowed: frozenset[str]) -> bool:
    rest = re.sub(r"\D", "", _DATE.sub("", match[0]))
    return len(rest) <= _MOST_DIGITS or rest in allowed or is_hotline(match)
