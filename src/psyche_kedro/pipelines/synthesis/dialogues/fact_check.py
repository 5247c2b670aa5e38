"""Whether a rewritten account says more than its source: ours, Section 2.3 has none.

The rewriter is told to add nothing; a model adds all the same. Four kinds of fact can
be compared without understanding: numbers, durations, names of people, diagnoses. A
text that has one its source lacks is rejected. ``三个月`` and ``3个月`` are one fact;
``一个``, ``一些`` and ``一直`` are none.
"""

import re
import unicodedata
from collections.abc import Iterator

import jieba
import jieba.posseg

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}

_TIME = {
    "年": "年",
    "载": "年",
    "个月": "月",
    "月": "月",
    "周": "周",
    "星期": "周",
    "个星期": "周",
    "礼拜": "周",
    "个礼拜": "周",
    "天": "天",
    "日": "天",
    "小时": "时",
    "个小时": "时",
    "钟头": "时",
    "个钟头": "时",
    "分钟": "分",
    "学期": "学期",
    "个学期": "学期",
    "晚": "晚",
    "夜": "晚",
}
_COUNT = (
    "岁点次遍回个人名位分元块斤级口年级届楼号针片粒颗种份门科封条场杯瓶包支家所万千百"
)
_NUMERAL = (
    r"\d+(?:\.\d+)?|[零〇一二三四五六七八九十百千万两]+|[半几数]|好几|多(?=[年月天])"
)
_DURATION = re.compile(
    rf"({_NUMERAL})(?:多|来|几)?({'|'.join(sorted(_TIME, key=len, reverse=True))})(半)?"
)
_QUANTITY = re.compile(
    rf"(\d+(?:\.\d+)?)|([零〇一二三四五六七八九十百千万两]+)(?:多|来|几)?[{_COUNT}]"
)

_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁"
    "魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常"
    "武乔贺赖龚文"
)
_COMPOUND = re.compile(
    r"欧阳|上官|司马|诸葛|夏侯|皇甫|尉迟|公孙|慕容|令狐|司徒|端木|东方"
)
_RELATION = re.compile(
    r"朋友|同学|室友|同事|闺蜜|老公|老婆|丈夫|妻子|前任|对象|邻居|表[哥弟姐妹]|堂[哥弟姐妹]"
    r"|哥哥|弟弟|姐姐|妹妹|儿子|女儿|舍友"
)
_NO_NAMES = {
    "谢谢您",
    "谢谢你",
    "段时间",
    "高一",
    "高二",
    "高三",
}  # what the tagger makes names of
_TITLED = re.compile(
    rf"(?:小|老|阿)[{_SURNAMES}](?![一-鿿]?[的是了])"
    rf"|[{_SURNAMES}](?:老师|医生|大夫|主任|同学|先生|女士|阿姨|叔叔|教授|经理|总|姐|哥|姨|叔)"
)
_NAMED = re.compile(
    r"(?:名叫|叫做|叫作|叫|名字是)([一-鿿]{2,3})(?=[，。、的；！？\s]|$)"
)
_PLACEHOLDER = re.compile(r"[\[【<〈][一-鿿]{1,4}\d+[\]】>〉]")

_DIAGNOSES = re.compile(
    r"抑郁症|抑郁障碍|抑郁发作|(?:轻度|中度|重度)(?:抑郁|焦虑|失眠)|躁郁症?|双相(?:情感)?障碍|双相"
    r"|躁狂症?|焦虑症|焦虑障碍|惊恐(?:障碍|发作)|恐慌症|强迫症|强迫性障碍|恐惧症|恐怖症"
    r"|社交(?:焦虑障碍|恐惧症?|恐怖症|焦虑症)|社恐|精神分裂症?|精神病|妄想症|癔症|疑病症"
    r"|创伤后应激障碍|PTSD|应激障碍|适应障碍|(?:边缘型|回避型|依赖型|偏执型|表演型|自恋型|反社会型?)"
    r"?人格障碍|厌食症|贪食症|暴食症|进食障碍|失眠症|睡眠障碍|嗜睡症|多动症|ADHD|注意缺陷"
    r"|自闭症|孤独症|阿斯伯格|抽动症|读写障碍|学习障碍|智力障碍|发育迟缓|分离性?(?:身份)?障碍"
    r"|多重人格|解离症?|躯体化障碍|躯体形式障碍|神经衰弱|神经症|更年期综合征|产后抑郁症?|成瘾症?"
    r"|性别焦虑|痴呆症?|阿尔茨海默|癌症?|肿瘤|甲亢|甲减|高血压|糖尿病|心脏病|癫痫"
)


def invented_facts(source: str, text: str) -> list[str]:
    """Return the kinds of fact that ``text`` has and ``source`` lacks.

    Args:
        source: What people wrote.
        text: What a model made of it.

    Returns:
        Of ``invented_number``, ``invented_duration``, ``invented_name``,
        ``invented_diagnosis``, in this order; empty where nothing was added.
    """
    source, text = (unicodedata.normalize("NFKC", t) for t in (source, text))
    checks = {
        "invented_number": _numbers(text) - _numbers(source),
        "invented_duration": _durations(text) - _durations(source),
        "invented_name": {name for name in _names(text) if name not in source},
        "invented_diagnosis": {
            said for said in _DIAGNOSES.findall(text) if said not in source
        },
    }
    return [kind for kind, added in checks.items() if added]


def _value(numeral: str) -> float | str:
    """Return the value of digits or a Chinese numeral; vague words as they are."""
    if numeral[0].isdigit():
        return float(numeral)
    if numeral[0] not in _DIGITS and numeral[0] not in _UNITS:
        return "几" if numeral in {"几", "好几", "数", "多"} else numeral
    total, digit = 0, 0
    for char in numeral:
        if char in _DIGITS:
            digit = digit * 10 + _DIGITS[char]
        elif char == "万":
            total, digit = (total + digit) * _UNITS[char], 0
        else:
            total, digit = total + (digit or 1) * _UNITS[char], 0
    return float(total + digit)


def _durations(text: str) -> set[tuple[float | str, str]]:
    return {(_value(match[1]), _TIME[match[2]]) for match in _DURATION.finditer(text)}


def _numbers(text: str) -> set[float | str]:
    """Return values that count something; those of durations too: 3 in ``三年``."""
    counted = (m[1] or m[2] for m in _QUANTITY.finditer(text))
    timed = (m[1] for m in _DURATION.finditer(text))
    values = {_value(numeral) for numeral in counted}
    # 一个, 一次, 一位 are articles more often than counts.
    return (values - {1.0}) | {_value(numeral) for numeral in timed}


def _names(text: str) -> Iterator[str]:
    """Yield names of people: placeholders, titles, full names, names of relations."""
    yield from _PLACEHOLDER.findall(text)
    yield from _TITLED.findall(text)
    yield from _NAMED.findall(text)
    yield from _COMPOUND.findall(text)
    before = ""
    for word, flag in jieba.posseg.cut(text):
        if flag == "nr" and _is_name(word, before):
            yield word
        before = word


def _is_name(word: str, before: str) -> bool:
    """Return whether a word tagged as a name is one.

    jieba's dictionary tags 高薪, 顾客 and 康复 as names; most real names it does not
    know, so a word it does know is none.
    """
    if len(word) not in {2, 3} or word in _NO_NAMES or jieba.get_FREQ(word):
        return False
    return word[0] in _SURNAMES or _RELATION.fullmatch(before) is not None
