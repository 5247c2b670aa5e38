"""Links, emojis, kaomoji and stickers out of posts (§2.1).

Only out of posts: in a question bank ``A:P`` is an option and ``(SD=0.8)`` a statistic.
A kaomoji is told by its structure, not by a list: a short bracket group without a pair
of Han, a Latin word or a number, and with a character that mathematics and typography
do not use. Stickers are the closed list of WeChat's and Weibo's names.
"""

import re
import unicodedata

from psyche_kedro.pipelines.cleaning.text.punctuation import HAN
from psyche_kedro.text.urls import DOMAIN, REST, SCHEME
from psyche_kedro.text.words import word_list

_LINK = re.compile(
    rf"{SCHEME}{REST}|(?<![@A-Za-z0-9.])www\.{REST}"
    rf"|(?<![@#A-Za-z0-9.-])(?<![Tt][)\]）】]){DOMAIN}"
)
_EMOJIS = (
    "\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u3030\u303d\u3297"
    "\u3299\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f"
)
_EMOJI = re.compile(f"[0-9#*]\ufe0f?\u20e3|[{_EMOJIS}]+")
_NAMES = "|".join(sorted(word_list(__package__, "stickers.txt")))
_STICKER = re.compile(rf"\[(?:{_NAMES})\]|/::?[~)BD<$XZ'(@PO]|/:[a-z]{{2,12}}")
_EDGE = "[^\\s\u4e00-\u9fffA-Za-z0-9，。！？、；：“”‘’（）()《》<>=+\\-.,%\\[\\]【】]"
BRACKETED = re.compile(
    rf"(?:(?<![A-Za-z0-9])[oO])?{_EDGE}{{0,5}}[(（]([^()（）\n]{{1,16}})[)）](?:{_EDGE}{{0,6}}[oOaz]?(?![A-Za-z0-9]))?"
)
BARE = re.compile(
    r"(?<![A-Za-z0-9=+\-*/^_\\])(?:[;；][_-][;；]|T[_＿.vV-]+T|TAT|[Qq][AaWwVv_][Qq]|[＾^][_oO.▽]+[＾^]|>[_.]+<"
    r"|=[_]=|-[_]-(?:\|\||b)?|[눈ಠ◉][_﹏][눈ಠ◉]|[oO][_.][oO]\??|0v0|o[rt]z|O[rR]Z|OTZ|囧rz"
    r"|[xX]D|2333+|h{4,}|hiahia)(?![A-Za-z0-9=+*/^_])"
)
_NO_FACE = "[组级型类班区座盘站图片字大杯罩]"
"""Behind D or P: D组, P站."""
_WESTERN = re.compile(
    r"(?<=[A-Za-z])[:：][(（](?=\s*$)|(?:(?<![A-Za-z0-9\s])[>＞])?[:;=：；](?<![案选择题项为A-Za-z0-9.].)['’,，]?[-‑o^]?"
    rf"(?:[)）|*]+(?=[\s~～、…!\"”』」]|$|[{HAN}，。！？])"
    rf"|[(（]+(?![^()（）\n]{{1,60}}[)）])(?=[\s\"”』」]|$|[{HAN}，。！？])"
    rf"|[DPpOo/\\](?=[\s~～、…!]|$|[，。！？])|[DPp](?=[{HAN}])(?!.?{_NO_FACE}))"
    rf"(?:[ \t]+(?=[{HAN}]))?"
)
_PERHAPS = re.compile(
    rf"(?<![^\n{HAN}])(?<![案选择题项为答组级型类素])[:：;；=]-?"
    rf"(?:[DPpOoSsXx>](?=[\s~！{HAN}]|$)(?!.?{_NO_FACE})|3(?=[\s~！]|$))|(?<=[{HAN}])8[)）](?=[\s{HAN}]|$)"
)
_OF_FIGURES = re.compile(
    r"[:：]\s*[0-24-9]|[:：]\s*3.+[:：]\s*3|7[)）]|[（(][^（()）\n]*8[)）]"
)
"""Beside ``:3`` and ``8)``: then they are figures among others, and no faces."""
_FACE = re.compile(
    r"[*~@]{0,2}\s?[\^><@TtQqUuoOxX\-=;~。]\s?[_.oOwWvV▽ω﹏\-]{1,3}"
    r"\s?[\^<>@TtQqUuoOxX\-=;~。][*~@|]{0,2}"
)
PLAIN = frozenset(
    "+−–—<>≤≥≈±×÷%.,:;/*^_~′'\"|&@#!?？！…、，。：；°℃$√∞∑∏∫∂∈∩∪→←↑↓①②③④⑤⑥⑦⑧⑨⑩ ·²³¹½¼"
    "αβγδεζηθικλμνξπρστυφχψωΑΒΓΔΘΛΞΠΣΦΨΩ“”‘’《》【】[]「」～"
)
WORDS = re.compile(rf"[{HAN}]{{2}}|[A-Za-z]{{3}}|[0-9]")
_FACE_CATEGORIES = frozenset(
    {"So", "Sk", "Lm", "Mn", "Lo", "Sm", "Po", "Pc", "Ll", "Lu"}
)
_FACE_MARKS = "TQq＾^>=_눈ಠ◉oO囧xXh;；"
MARKS = re.compile(
    f"[(（\\[/:;02{_FACE_MARKS}{_EMOJIS}](?:(?<![02])|(?<=2)333|(?<=0)v0)"
)
"""What every match holds; begun with a class of characters, to which ``re`` skips."""


def strip_emoticons(text: str) -> str:
    """Return a post without links, emojis, kaomoji and stickers."""
    if "." in text or "://" in text:
        text = _LINK.sub("", text)
    marks = frozenset(MARKS.findall(text))
    if not marks:
        return text
    for held, pattern, replacement in STEPS:
        if marks & held:
            text = pattern.sub(replacement, text)
    return _EMOJI.sub("", text)


def strip_western_faces(text: str) -> str:
    """Return a post without ``:(`` and ``:D``, whose colon would become full width."""
    is_possible = any(mark in text for mark in ":;=：；")
    return _WESTERN.sub("", text) if is_possible else text


def may_hold_face(text: str) -> bool:
    """Return whether a post without faces still holds what may be one: ``真的:3``."""
    return bool(_PERHAPS.search(text)) and not _OF_FIGURES.search(text)


def is_face(inside: str) -> bool:
    """Return whether what stands between brackets is a face.

    Args:
        inside: Text between two brackets, up to 16 characters.
    """
    inside = inside.strip()
    if not inside or WORDS.search(inside):
        return False
    odd = [c for c in inside if not (c.isascii() or c in PLAIN or "一" <= c <= "鿿")]
    if any(unicodedata.category(c) in _FACE_CATEGORIES for c in odd):
        return True
    return _FACE.fullmatch(inside) is not None


def _without_face(match: re.Match[str]) -> str:
    return "" if is_face(match[1]) else match[0]


STEPS = (
    (frozenset("[/"), _STICKER, ""),
    (frozenset("(（"), BRACKETED, _without_face),
    (frozenset(_FACE_MARKS) | {"2333", "0v0"}, BARE, ""),
    (frozenset(":;="), _WESTERN, ""),
)
"""What a match of a pattern holds, the pattern, by what it is replaced."""
