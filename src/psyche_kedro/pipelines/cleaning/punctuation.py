r"""Chinese and English punctuation by context (§2.1: "standardise punctuation").

What stands beside Han is full width, what stands between digits or in an English
sentence is ASCII. Spans that have their own grammar are protected: URLs, e-mail
addresses, formulas, code, HTML tags, Markdown images. A URL ends at the first Han or
full-width character (data-juicer's and NeMo's patterns take the whole sentence after it
along, tried).

Example::

    我很难过,不知道怎么办(p<.05)...  ->  我很难过，不知道怎么办（p<.05）……
"""

import re
from collections.abc import Callable

HAN = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f"
CLOSERS = "，。！？；：、）》】」』”’…—"
OPENERS = "“‘（《【「『"
PROTECTED = re.compile(
    r"(?:https?|ftp)://[!-~]*[A-Za-z0-9/=&#_~-]"
    r"|www\.[!-~]*[A-Za-z0-9/=&#_~-]"
    r"|[A-Za-z0-9_.+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+"
    r"|\\\(.+?\\\)|\\\[.+?\\\]"
    r"|\$[^$\n\u3400-\u9fff]{1,200}\$"
    r"|`[^`\n]+`"
    r"|!\[[^\]\n]*\]\([^)\n]*\)"
    r"|</?[A-Za-z][^<>\n]{0,200}>",
    re.DOTALL,
)
PROTECTED_MARKS = re.compile(r"://|www\.|@|\\[(\[]|\$|`|!\[|<[/A-Za-z]")

Replacement = str | Callable[[re.Match[str]], str]
_ASCII = {"，": ",", "。": ".", "；": ";", "：": ":", "？": "?", "！": "!"}
_BESIDE = f"[{HAN}{CLOSERS}]"


def _rule(
    marks: str, pattern: str, replacement: Replacement
) -> tuple[frozenset[str], re.Pattern[str], Replacement]:
    return frozenset(marks), re.compile(pattern), replacement


RULES = (
    # Between digits: 3．14, 1，000, 12：30.
    _rule("．", r"(?<=\d)．(?=\d)", "."),
    _rule("，", r"(?<=\d)，(?=\d{3}(?!\d))", ","),
    _rule("：", r"(?<=\d)：(?=\d)", ":"),
    # In an English sentence.
    _rule("，", r"(?<=[A-Za-z])，(?=\s?[A-Za-z])", ", "),
    _rule(
        "，。；：？！",
        r"(?<=[A-Za-z])[，。；：？！](?=\s[A-Za-z])",
        lambda match: _ASCII[match[0]],
    ),
    # Ellipses and dashes.
    _rule(
        ".。…·・",
        rf"(?<={_BESIDE})(?<![…。])\s*(?:\.{{3,}}|。{{2,}}|…+|·{{3,}}|・{{3,}})",
        "……",
    ),
    _rule(
        "-—–―",
        rf"(?<={_BESIDE})(?<!—)\s*(?:-{{2,}}|—+|–{{2,}}|―+)\s*(?=[{HAN}“])",
        "——",
    ),
    # ASCII beside Han.
    *(
        rule
        for narrow, wide in ((",", "，"), (";", "；"), ("?", "？"), ("!", "！"))
        for rule in (
            _rule(narrow, rf"(?<={_BESIDE})[ \t]*{re.escape(narrow)}[ \t]*", wide),
            _rule(narrow, rf"[ \t]*{re.escape(narrow)}[ \t]*(?=[{HAN}])", wide),
        )
    ),
    _rule(":", rf"(?<={_BESIDE})[ \t]*:(?!//)[ \t]*", "："),
    _rule(".", rf"(?<=[{HAN}）》”’%])\.(?=\s|$|[{HAN}”’）\")])", "。"),
    # Brackets and straight quotes around Han.
    _rule("(", rf"\(([^()\n]*[{HAN}][^()\n]*)\)", r"（\1）"),
    _rule("（", r"（([^（）()\n]*)\)", r"（\1）"),
    _rule("（）", r"\(([^（）()\n]*)）", r"（\1）"),
    _rule("(", rf"(?<=[{HAN}])[ \t]*\(([^()\n]*)\)", r"（\1）"),
    _rule('"', rf'"([^"\n]*[{HAN}][^"\n]*)"', r"“\1”"),
    _rule("'", rf"(?<![A-Za-z])'([^'\n]*[{HAN}][^'\n]*)'(?![A-Za-z])", r"‘\1’"),
    # Repeats.
    _rule("，、；：", r"([，、；：])\1+", r"\1"),
    _rule("！？", r"(?=？*！)(?=！*？)[？！]{3,}", "？！"),
    _rule("！", r"！{2,}", "！"),
    _rule("？", r"？{2,}", "？"),
    # Spaces: none beside Chinese punctuation, none in spaced-out text.
    _rule(" \t", rf"[ \t]+(?=[{CLOSERS}])", ""),
    _rule(" \t", rf"(?<=[{CLOSERS}{OPENERS}])[ \t]+(?=[^\s|])", ""),
    _rule(" \t", rf"(?<=[{HAN}])[ \t]+(?=[{OPENERS}])", ""),
    _rule(
        " \t",
        rf"(?<![{HAN}])(?:[{HAN}][ \t]+){{2,}}[{HAN}](?![{HAN}])",
        lambda match: re.sub(r"[ \t]+", "", match[0]),
    ),
    _rule(" \t", r"(?<=\S)[ \t]{2,}(?=\S)", " "),
)


_COMMON = str.maketrans(",;?!:.", "，；？！：。")
COMMON = re.compile(rf"[,;?!:](?<=[{HAN}{CLOSERS}].)[ \t]*")
COMMON_STOP = re.compile(rf"\.(?<=[{HAN}）》”’].)(?=[{HAN}]|$)")


def widen_common(text: str) -> str:
    """Return ``text`` with ASCII marks after Han widened: the commonest case by far.

    What is settled after it needs no rule: the two agree (a test compares them).
    """
    text = COMMON.sub(lambda match: match[0][0].translate(_COMMON), text)
    return COMMON_STOP.sub("。", text) if "." in text else text


def standardise(text: str) -> str:
    """Return a segment without protected spans, its punctuation by context."""
    present = set(text)
    for marks, pattern, replacement in RULES:
        if not marks.isdisjoint(present):
            text, changes = pattern.subn(replacement, text)
            present.update(text if changes else "")
    return text


def outside_protected(text: str, change: Callable[[str], str]) -> str:
    """Return ``text`` with ``change`` applied to all but the protected spans."""
    if not PROTECTED_MARKS.search(text):
        return change(text)
    parts = []
    start = 0
    for match in PROTECTED.finditer(text):
        parts += [change(text[start : match.start()]), match[0]]
        start = match.end()
    return "".join([*parts, change(text[start:])])
