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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from psyche_kedro.text.urls import SCHEME

HAN = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002fa1f"
_CLOSERS = "，。！？；：、）》】」』”’…—"
_OPENERS = "“‘（《【「『"
_WITHOUT_DOTS = _CLOSERS.translate({ord("。"): "", ord("…"): ""})
_WITHOUT_DASH = _CLOSERS.replace("—", "")
PROTECTED = re.compile(
    rf"(?:{SCHEME}|www\.)[!-~]*[A-Za-z0-9/=&#_~-]"
    r"|[A-Za-z0-9_.+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+"
    r"|\\\(.+?\\\)|\\\[.+?\\\]"
    r"|\$[^$\n\u3400-\u9fff]{1,200}\$"
    r"|`[^`\n]+`"
    r"|!\[[^\]\n]*\]\([^)\n]*\)"
    r"|</?[A-Za-z][^<>\n]{0,200}>",
    re.DOTALL,
)
_PROTECTED_MARKS = re.compile(r"://|www\.|@|\\[(\[]|\$|`|!\[|<[/A-Za-z]")

Replacement = str | Callable[[re.Match[str]], str]
_ASCII = {"，": ",", "。": ".", "；": ";", "：": ":", "？": "?", "！": "!"}
_WIDE = {narrow: wide for wide, narrow in _ASCII.items()}
_RUN = ",;:?!"
_BESIDE = f"[{HAN}{_CLOSERS}]"


@dataclass(frozen=True)
class Rule:
    """A rewriting of punctuation.

    Attributes:
        contexts: A match holds one of these characters in its context, look-arounds
            after it. Most texts hold none of any rule, and one search says so.
        expression: What is rewritten.
        replacement: By what.
    """

    contexts: Mapping[str, str]
    expression: str = "(?!)"
    replacement: Replacement = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """``expression``, compiled when a text first needs it."""
        return re.compile(self.expression)


def _at(marks: str, context: str, replacement: Replacement) -> Rule:
    """Return a rule that rewrites each of ``marks`` in its context."""
    return Rule(dict.fromkeys(marks, context), f"[{marks}]{context}", replacement)


def _within(pair: str) -> Replacement:
    """Return what puts group 1 in a pair: a third of the time that a template takes."""
    return lambda match: f"{pair[0]}{match[1]}{pair[1]}"


def _spaced(mark: str, beside: str = "") -> str:
    r"""Return a pattern of a mark with the white space before it, after ``beside``.

    It begins with a class of characters, to which ``re`` skips; the same begun as
    ``(?<=…)[ \t]*`` is tried everywhere and takes four times as long.
    """
    after = f"(?<={beside}.)" if beside else ""
    return rf"[ \t{mark}]{after}(?:(?<=[{mark}])|(?<![{mark}])[ \t]*[{mark}])"


def _spaces(context: str, pattern: str, replacement: Replacement) -> Rule:
    return Rule(dict.fromkeys(" \t", context), pattern, replacement)


RULES = (
    # Between digits: 3．14, 1，000, 12：30.
    _at("．", r"(?<=\d．)(?=\d)", "."),
    _at("，", r"(?<=\d，)(?=\d{3}(?!\d))", ","),
    _at("：", r"(?<=\d：)(?=\d)", ":"),
    # In an English sentence.
    _at("，", r"(?<=[A-Za-z]，)(?=\s?[A-Za-z])", ", "),
    _at(
        "，。；：？！",
        r"(?<=[A-Za-z].)(?=\s[A-Za-z])",
        lambda match: _ASCII[match[0]],
    ),
    # Ellipses and dashes; never across lines, where --- is Markdown's.
    *(
        Rule(
            {mark: context},
            rf"{_spaced(mark, f'[{HAN}{_WITHOUT_DOTS}]')}[{mark}]{{{more},}}",
            "……",
        )
        for mark, more, context in (
            (".", 2, r"(?=\.)"),
            ("。", 1, "(?=。)"),
            ("…", 0, r"(?<!……)(?!…)|(?<=………)|(?<=[ \t]…)"),
            ("·", 2, "(?=·)"),
            ("・", 2, "(?=・)"),
        )
    ),
    *(
        Rule(
            {mark: rf"(?:{context})(?=[ \t]*[{HAN}“])"},
            rf"{_spaced(mark, f'[{HAN}{_WITHOUT_DASH}]')}[{mark}]{{{more},}}"
            rf"[ \t]*(?=[{HAN}“])",
            "——",
        )
        for mark, more, context in (
            ("-", 1, "(?<=--)"),
            ("–", 1, "(?<=––)"),
            ("—", 0, r"(?<!——)|(?<=———)|(?<=[ \t]——)|(?=[ \t])"),
            ("―", 0, ""),
        )
    ),
    # ASCII beside Han. A long run at once: mark by mark each takes a round of rules.
    Rule(
        dict.fromkeys(_RUN, rf"(?<=[{HAN}{_CLOSERS} \t].)"),
        rf"[{_RUN}](?<={_BESIDE}.)(?:[ \t]*[{_RUN}]){{40,}}[ \t]*",
        lambda match: "".join(_WIDE.get(mark, "") for mark in match[0]),
    ),
    *(
        Rule({narrow: context}, pattern, wide)
        for narrow, wide in ((",", "，"), (";", "；"), ("?", "？"), ("!", "！"))
        for context, pattern in (
            (
                rf"(?<=[{HAN}{_CLOSERS} \t].)",
                rf"{_spaced(narrow, _BESIDE)}[ \t]*",
            ),
            (rf"(?=[ \t]*[{HAN}])", rf"{_spaced(narrow)}[ \t]*(?=[{HAN}])"),
        )
    ),
    Rule(
        {":": rf"(?<=[{HAN}{_CLOSERS} \t].)"},
        rf"{_spaced(':', _BESIDE)}(?!//)[ \t]*",
        "：",
    ),
    _at(".", rf"(?<=[{HAN}）》”’%].)(?=\s|$|[{HAN}”’）\")])", "。"),
    # Brackets and straight quotes around Han; what is before the first Han is none, or
    # one that nothing closes would be tried from every Han to every other.
    Rule(
        {"(": rf"(?=[^()\n]*[{HAN}])"},
        rf"\(([^()\n{HAN}]*[{HAN}][^()\n]*)\)",
        _within("（）"),
    ),
    Rule({"（": r"(?=[^（）()\n]*\))"}, r"（([^（）()\n]*)\)", _within("（）")),
    Rule({"(": "(?=[^（）()\n]*）)"}, r"\(([^（）()\n]*)）", _within("（）")),
    Rule(
        {"(": rf"(?<=[{HAN}].)|(?<=[{HAN}][ \t].)|(?<=[ \t]{{2}}.)"},
        rf"{_spaced('(', f'[{HAN}]')}([^()\n]*)\)",
        _within("（）"),
    ),
    Rule(
        {'"': rf'(?=[^"\n]*[{HAN}])'},
        rf'"([^"\n{HAN}]*[{HAN}][^"\n]*)"',
        _within("“”"),
    ),
    Rule(
        {"'": rf"(?=[^'\n]*[{HAN}])"},
        rf"'(?<![A-Za-z].)([^'\n{HAN}]*[{HAN}][^'\n]*)'(?![A-Za-z])",
        _within("‘’"),
    ),
    # Repeats.
    Rule({mark: f"(?={mark})" for mark in "，、；："}, r"([，、；：])\1+", r"\1"),
    Rule(
        dict.fromkeys("！？", "(?=[？！]{2})"),
        r"(?<![？！])(?=？*！)(?=！*？)[？！]{3,}",
        "？！",
    ),
    Rule({"！": "(?=！)"}, r"！{2,}", "！"),
    Rule({"？": "(?=？)"}, r"？{2,}", "？"),
    # Spaces: none beside Chinese punctuation, none in spaced-out text.
    _spaces(rf"(?=[{_CLOSERS}])", rf"[ \t](?<![ \t].)[ \t]*(?=[{_CLOSERS}])", ""),
    _spaces(
        rf"(?<=[{_CLOSERS}{_OPENERS}].)(?=[ \t]*[^\s|])",
        rf"[ \t](?<=[{_CLOSERS}{_OPENERS}].)[ \t]*(?=[^\s|])",
        "",
    ),
    _spaces(
        rf"(?<=[{HAN} \t].)(?=[{_OPENERS}])",
        rf"[ \t](?<=[{HAN}].)[ \t]*(?=[{_OPENERS}])",
        "",
    ),
    _spaces(
        rf"(?=[{HAN}][ \t])",
        rf"(?<![{HAN}])(?:[{HAN}][ \t]+){{2,}}[{HAN}](?![{HAN}])",
        lambda match: re.sub(r"[ \t]+", "", match[0]),
    ),
    _spaces(r"(?=[ \t])", r"[ \t](?<=\S.)[ \t]+(?=\S)", " "),
)


def marks_in_context(rules: Iterable[Rule]) -> re.Pattern[str]:
    """Return what finds every mark that stands in a context of a rule.

    It is an alternation of literals, which lets ``re`` skip what is no mark, and a
    Chinese mark before Han, the common case, ends there: three times as fast.
    """
    contexts: dict[str, list[str]] = {}
    for rule in rules:
        for mark, context in rule.contexts.items():
            contexts.setdefault(mark, []).append(context)
    return re.compile(
        "|".join(
            f"{re.escape(mark)}{f'(?![{HAN}])' if mark in QUIET else ''}"
            f"(?:{'|'.join(dict.fromkeys(either))})"
            for mark, either in contexts.items()
        )
    )


QUIET = "，。；：？！、"
"""Marks that no rule touches before Han."""
_COMMON = (
    ("...", rf"\.(?<=[{HAN}{_WITHOUT_DOTS}].)\.{{2,}}", "……"),
    ('"', rf'"([^"\n{HAN}]*[{HAN}][^"\n]*)"', _within("“”")),
    ("(", rf"\((?:(?<=[{HAN}].)|(?=[^()\n]*[{HAN}]))([^()（）\n]*)\)", _within("（）")),
    ("—", rf"—(?<=[{HAN}{_WITHOUT_DASH}].)—* *(?=[{HAN}“])", "——"),
    *(
        (mark, rf"{re.escape(mark)}(?:(?<=[{HAN}{_CLOSERS}].){or_else}) *", wide)
        for mark, or_else, wide in (
            (",", rf"|(?= *[{HAN}])", "，"),
            (";", rf"|(?= *[{HAN}])", "；"),
            ("?", rf"|(?= *[{HAN}])", "？"),
            ("!", rf"(?!\[)|(?= *[{HAN}])", "！"),
            (":", "(?!//)", "："),
        )
    ),
    (".", rf"\.(?<=[{HAN}）》”’].)(?=[{HAN}”’）]|$)", "。"),
    (
        " ",
        rf" (?:(?<=[{HAN}{_CLOSERS}{_OPENERS}].) *(?=[{_CLOSERS}])"
        rf"|(?<=[{_CLOSERS}{_OPENERS}].) *(?=[^\s|A-Za-z]))",
        "",
    ),
    ("  ", r" (?<=\S.) +(?=\S)", " "),
)


@cache
def _common() -> list[tuple[str, re.Pattern[str], Replacement]]:
    return [(mark, re.compile(pattern), to) for mark, pattern, to in _COMMON]


@cache
def in_context() -> re.Pattern[str]:
    """Return what finds every mark that stands in a context of ``RULES``."""
    return marks_in_context(RULES)


def rewrite_common(text: str) -> str:
    """Return ``text`` with the commonest rewritings made, each begun at its mark.

    A text that is settled after them needs no rule: the two agree (a test compares
    them), and these take a third of the time.
    """
    text = text.strip()
    for mark, pattern, replacement in _common():
        if mark in text:
            text = pattern.sub(replacement, text)
    return text


def standardise(text: str) -> str:
    """Return a segment without protected spans, its punctuation by context."""
    marks = frozenset(in_context().findall(text))
    turn = _next(marks, 0)
    while turn < len(RULES):
        text, changes = RULES[turn].pattern.subn(RULES[turn].replacement, text)
        if changes:
            marks = frozenset(in_context().findall(text))
        turn = _next(marks, turn + 1)
    return text


@lru_cache(maxsize=4096)
def _next(marks: frozenset[str], turn: int) -> int:
    """Return which rule, from ``turn`` on, has one of ``marks`` in a context."""
    turns = range(turn, len(RULES))
    return next((n for n in turns if marks & RULES[n].contexts.keys()), len(RULES))


def outside_protected(text: str, change: Callable[[str], str]) -> str:
    """Return ``text`` with ``change`` applied to all but the protected spans."""
    if not _PROTECTED_MARKS.search(text):
        return change(text)
    parts = []
    start = 0
    for match in PROTECTED.finditer(text):
        parts += [change(text[start : match.start()]), match[0]]
        start = match.end()
    return "".join([*parts, change(text[start:])])
