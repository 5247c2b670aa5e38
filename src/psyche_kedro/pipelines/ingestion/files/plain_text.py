"""Marked-up words as plain text: the tags and entities of what was pasted from a page.

Only tags that HTML knows are taken off: ``p<.05`` and ``<组块>`` are text. An image
stays as Markdown's, so that a reader can say that something is missing.
"""

import html
import re

_TAG = re.compile(
    r"<(/?)(p|div|br|li|ul|ol|tr|td|th|table|tbody|thead|h[1-6]|span|b|i|u|s|strong|em"
    r"|font|a|sub|sup|img|center|section|article|blockquote|small|big|mark|label|input"
    r"|hr|pre|code|del|ins|figure|o:p|st1:[a-z]+|style|script|video|audio|source|iframe"
    r"|embed|object|picture|button|form|select|option|details|summary|header|footer"
    r"|nav|main|aside|caption|dl|dt|dd|cite|abbr|time|wbr|html|body|head|title|tfoot)"
    r"((?:\s[^<>]*)?)/?>",
    re.IGNORECASE,
)
_UNSEEN = (
    (re.compile(r"<style\b[^<>]*>", re.I), re.compile(r"</style\s*>", re.I)),
    (re.compile(r"<script\b[^<>]*>", re.I), re.compile(r"</script\s*>", re.I)),
    (re.compile("<!--"), re.compile("-->")),
)
"""How what no reader sees begins and ends."""
_RAISED = re.compile(r"<(su[bp])\b[^<>]*>([^<>]{1,40})</\1\s*>", re.IGNORECASE)
_BREAKS = frozenset(
    {"p", "div", "br", "hr", "li", "tr", "section", "article", "blockquote"}
)
_STRUCK = re.compile(r"<(s|strike|del)\b[^<>]*>([^<>]+)</\1\s*>", re.IGNORECASE)
_SEEN = frozenset({"img", "video", "audio", "iframe", "embed", "object"})
_PICTURE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_IS_STRUCK = re.compile(r"~~[^~\n]+~~")
_WIDE_BLANK = re.compile("[\xa0\u2000-\u200a]")
_HIGH = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOW = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")


def plain(text: str) -> str:
    """Return ``text`` without HTML's tags and entities, paragraphs as lines."""
    if "<" in text and ("/" in text or "<!--" in text or _TAG.search(text)):
        text = _without_tags(text)
    return _WIDE_BLANK.sub(" ", html.unescape(text)) if "&" in text else text


def _without_tags(text: str) -> str:
    for opening, closing in _UNSEEN:
        text = _without(opening, closing, text)
    text = _STRUCK.sub(lambda match: struck(match[2]), text)
    bare = _TAG.sub(_instead, _RAISED.sub(_script, text))
    if bare == text:
        return text
    return re.sub(r"(?<![ \t])[ \t]*\n\s*", "\n", bare).strip()


def _without(opening: re.Pattern[str], closing: re.Pattern[str], text: str) -> str:
    """Return ``text`` without what stands from an opening to the closing next to it.

    One pattern for both would look for a closing that is nowhere from each opening.
    """
    kept, at = [], 0
    while (begun := opening.search(text, at)) and (
        ended := closing.search(text, begun.end())
    ):
        kept.append(text[at : begun.start()])
        at = ended.end()
    return "".join([*kept, text[at:]])


def _instead(tag: re.Match[str]) -> str:
    name = tag[2].lower()
    if name in _SEEN:
        return "" if tag[1] else PICTURE
    if name == "td" and not tag[1]:
        return " "
    return "\n" if name in _BREAKS or (name[0] == "h" and name[1:].isdigit()) else ""


PICTURE = "![](picture)"
"""Stands where a picture stood that nothing here can read."""


def _script(match: re.Match[str]) -> str:
    return raised(match[2]) if match[1].lower() == "sup" else lowered(match[2])


def raised(text: str) -> str:
    """Return what stands above the line: 10², 10^(n+1): never 102."""
    high = text.translate(_HIGH)
    return (
        high if _is_all(high, _HIGH) else f"^({text})" if len(text) > 1 else f"^{text}"
    )


def lowered(text: str) -> str:
    """Return what stands below the line: H₂O, r_(xy)."""
    low = text.translate(_LOW)
    return low if _is_all(low, _LOW) else f"_({text})" if len(text) > 1 else f"_{text}"


def _is_all(text: str, table: dict[int, int]) -> bool:
    return set(map(ord, text)) <= set(table.values())


def struck(text: str) -> str:
    """Return what is crossed out as Markdown has it: whether it counts is not known."""
    return f"~~{text}~~" if text.strip() else text


def has_struck(text: str) -> bool:
    """Return whether words of ``text`` are crossed out."""
    return _IS_STRUCK.search(text) is not None


def without_pictures(text: str) -> str:
    """Return ``text`` without the marks of pictures."""
    return _PICTURE.sub("", text)


def has_picture(text: str) -> bool:
    """Return whether a picture stands in ``text``."""
    return _PICTURE.search(text) is not None
