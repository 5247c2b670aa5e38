"""One normal form for every text (§2.1), cleaning twice changes nothing.

In order: HTML entities decoded, mojibake repaired, radicals to ideographs, Traditional
to Simplified where the text is Traditional, then outside protected spans NFC, narrow
letters and digits, and punctuation by context; last the white space. The steps run
until nothing changes: a rule may make the context of another.
"""

import html
import re
from functools import cache
from html.entities import html5
from typing import NamedTuple

from psyche_kedro.pipelines.cleaning.text.characters import fold, replace_radicals
from psyche_kedro.pipelines.cleaning.text.punctuation import (
    RULES,
    Rule,
    marks_in_context,
    outside_protected,
    rewrite_common,
    standardise,
)

_MAX_ROUNDS = 200
"""Of rules; a run of marks beside Han, !!!!…, takes a round for each mark."""
PLAIN = (
    "\n -#%-?A-[\\]^_a-~．，。！？；：、“”‘’（）《》〈〉【】「」『』…—～·℃"
    "′﹏￣‿ωД\ufe0f\u2190-\u22ff\u232b-\u23ff\u2460-\u27bf\U0001f300-\U0001faff"
)
"""Characters beside Simplified Han that nothing but their context changes."""
_EDGES = Rule({" ": r"(?=\n|\Z)|(?<=\A )", "\n": r"(?=\n\n|\Z)|(?<=\A\n)"})
"""White space that ``trim`` takes away."""
_NAMED = Rule({"&": "(?=[#A-Za-z])"})
"""Where an entity may begin."""
_OPENED = Rule({":": "(?=//)", ".": "(?<=www.)", "!": r"(?=\[)", "<": "(?=[/A-Za-z])"})
"""Where a protected span may begin; the other beginnings are not in ``PLAIN``."""
_ENTITY = re.compile(
    r"&(#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31})\s?[;；]"
    r"|&(amp|lt|gt|quot|nbsp)(?![A-Za-z0-9=])"
)
"""``&gt;``; also ``&gt；``, whose mark someone made full width, and ``&gt`` without."""
_MOJIBAKE = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u2013-\u203a\u20ac]")
_MIN_TRADITIONAL = 2
CJK = range(0x4E00, 0xA000)


class _Scripts(NamedTuple):
    """Characters that belong to one script only, and the converter."""

    traditional: re.Pattern[str]
    simplified: re.Pattern[str]
    convert: object


def normalise(text: str) -> str:
    """Return ``text`` in its normal form.

    The short ways first: most texts are in it, or after the commonest rewritings.
    """
    likely = text
    if _odd_character().search(likely):
        likely = fold(replace_radicals(likely))
        if _odd_character().search(likely):
            return normalise_by_rules(text)
    if _unsettled().search(likely):
        likely = rewrite_common(likely)
        if _unsettled().search(likely):
            return normalise_by_rules(text)
    return likely


def normalise_by_rules(text: str) -> str:
    """Return ``text`` in its normal form by running the rules until none applies."""
    for _ in range(_MAX_ROUNDS):
        before, text = text, _round(text)
        if text == before or _is_settled(text):
            break
    return text


def _is_settled(text: str) -> bool:
    """Return whether no step can change a text; most texts take this way only."""
    return not (_unsettled().search(text) or _odd_character().search(text))


@cache
def _unsettled() -> re.Pattern[str]:
    return marks_in_context([*RULES, _EDGES, _NAMED, _OPENED])


@cache
def _odd_character() -> re.Pattern[str]:
    """Return what finds a character that is not known to stay as it is."""
    traditional = _scripts().traditional
    han = "".join(c for c in map(chr, CJK) if not traditional.match(c))
    return re.compile(f"[^{han}{PLAIN}]")


def _round(text: str) -> str:
    text = decode_entities(text)
    if _odd_character().search(text):
        text = replace_radicals(repair_mojibake(text))
        return trim(simplify(outside_protected(text, _change)))
    return trim(outside_protected(text, standardise))


def _change(segment: str) -> str:
    return standardise(fold(segment))


def decode_entities(text: str) -> str:
    """Return ``text`` with HTML's names of characters as the characters."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    if name.startswith("#"):
        return html.unescape(f"&{name};")
    return html5.get(f"{name};", match[0])


def repair_mojibake(text: str) -> str:
    """Return ``text`` with UTF-8 that was read as Latin-1 put right."""
    if not _MOJIBAKE.search(text):
        return text
    import ftfy  # noqa: PLC0415 - few texts need it

    repairs = ftfy.TextFixerConfig(
        # The defaults turn ， into a comma and “ into a straight quote (tried).
        fix_character_width=False,
        uncurl_quotes=False,
        fix_latin_ligatures=False,
        unescape_html=False,
        normalization="NFC",
    )
    return ftfy.fix_text(text, config=repairs)


def trim(text: str) -> str:
    """Return ``text`` without white space at line ends and doubled empty lines."""
    if text[-1:].isspace() or text[:1].isspace() or "\n" in text or "\r" in text:
        text = re.sub(r"[ \t\r]+(?=\n|$)", "", text)
        text = re.sub(r"\n{3,}", "\n\n", text).strip()
    return text


# ---- Traditional to Simplified ---------------------------------------------------


@cache
def _scripts() -> _Scripts:
    from opencc import OpenCC  # noqa: PLC0415  reads its dictionaries when made

    to_simplified, to_traditional = OpenCC("t2s"), OpenCC("s2t")
    characters = [chr(point) for point in CJK]
    traditional = [c for c in characters if to_simplified.convert(c) != c]
    simplified = [c for c in characters if to_traditional.convert(c) != c]
    return _Scripts(
        re.compile(f"[{''.join(traditional)}]"),
        re.compile(f"[{''.join(simplified)}]"),
        OpenCC("tw2sp").convert,
    )


def _traditional(text: str) -> bool:
    """Return whether a text is Traditional: such characters outnumber Simplified."""
    scripts = _scripts()
    found = len(scripts.traditional.findall(text))
    if found < _MIN_TRADITIONAL:
        return False
    return found > len(scripts.simplified.findall(text))


def simplify(text: str) -> str:
    """Return a Traditional text in Simplified characters and mainland words.

    ``tw2sp``, not ``t2s``, which keeps 忧郁症 and 软体 for 抑郁症 and 软件.
    """
    if not _traditional(text):
        return text
    convert = _scripts().convert
    return str(convert(text))  # type: ignore[operator]
