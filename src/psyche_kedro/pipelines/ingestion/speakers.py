"""Who says what in a dialogue that is written as lines.

``来访者：…``, ``咨询师1：…``, ``来访者（哭）：…``, ``T：…`` and ``C：…``. What a note
says of the speaker stays with the words. A line of a speaker who is no known one is not
given to whoever spoke before.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.text.words import name_of_word, word_lists

_NAMES = word_lists(__package__, "names.yml")
ROLES = name_of_word(_NAMES["roles"])
_LETTERS = name_of_word(_NAMES["letters"])
"""One letter for a speaker, where a dialogue has one of each role."""
_SPEAKERS = "|".join(map(re.escape, sorted((*ROLES, *_LETTERS), key=len, reverse=True)))
_NOTE = r"[（(【\[]([^（）()【】\[\]：:\n]{1,20})[)）】\]]"
_TURN = re.compile(
    rf"(?:^|(?<=[。！？!?…”\"）)～~\s]))[ \t]*(?:[\u4e00-\u9fff]{{1,4}}(?=[（(]))?"
    rf"[【\[（(*]{{0,2}}({_SPEAKERS})"
    rf"\s*(?:[0-9一二三四甲乙丙A-D]{{1,2}})?\s*(?:{_NOTE})?\s*[】\])）*]{{0,2}}\s*[:：](?:\*\*)?\s*",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER = re.compile(
    rf"^\s*([\u4e00-\u9fff]{{1,8}}|[A-Za-z]{{1,13}}|)\d?\s*(?:({_NOTE}))?\s*[:：](?!//)"
)
_OF_CLIENT = re.compile(
    r"(?:来访者|求助者|来访|患者|咨询师|治疗师)的?[\u4e00-\u9fff]{2,3}$"
)
"""来访者母亲, 咨询师助理."""
_LATER = re.compile(
    r"\n\s*[（(].{0,6}(?:(?:[天日周月年]|小时|星期)[之以]?后|次日)[)）]"
)
_NOTE_LINE = re.compile(r"…*[（(【\[][^:：]*[)）】\]]")
_OWN = {
    "user": re.compile("[^你您]*我(?!们)[^你您]*"),
    "assistant": re.compile(".*[你您].*"),
    "system": re.compile("(?!)"),
}
"""What tells a further paragraph of a speaker's own."""
_STAMP_LINE = re.compile(
    r"^[ \t]*[\[（(]?(?:\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?[ \t]*)?(?:[上下]午)?"
    r"(?:\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:[ \t]*-->[ \t]*[\d:.,]+)?)?"
    r"[\])）]?[ \t]*$",
    re.MULTILINE,
)
"""When something was said, as chats export it."""
_NAMED = "|".join(name for name in ROLES if not name.isascii())
_NAME_LINE = re.compile(
    rf"^[ \t]*(?:(?:{_NAMED})(?:[ \t]*{_NOTE})?\s(?![ \t]*[:：（(【\[])"
    rf"|[【\[](?:{_NAMED})[^】\]：:]{{0,6}}[】\]](?!\s*[:：])|[:：][ \t]*$)",
    re.MULTILINE,
)
"""A speaker's name without its colon."""
_MID_MARK = re.compile(
    r"[。！？!?…][ \t]+(?:[\u4e00-\u9fff]{1,6}|[A-Z][a-z]{1,12})[ \t]*[:：]"
    rf"|[:：][【\[]?(?:{_NAMED})[】\]]?[:：]"
)
"""Someone's name within a line."""
_TITLE_LINE = re.compile(r"(?!\W{0,3}\d|[-*•·]).{1,15}[^。！？!?…～~；;”\"）)】\]]")
_HEADING = re.compile(
    r"第.{1,3}[次节段部].{0,6}|.{0,6}(?:小结|总结|反思|点评|分析|记录|背景|评估|督导|阶段)"
    r"|[（(【\[].*[:：].*[)）】\]]"
)
_WHOLE = re.compile(r"[。！？!?…～~”\"）)]$")
_PERSON = re.compile(r"[男女][，,、 ]*\d{1,2}岁[^。！？\n]*(?:\n|$)")
"""来访者：女，20岁: above a dialogue, and no one's words."""
_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n)+")
_LEADS_ON = re.compile(
    "(?:[说道问答想讲喊写叫是为有如下例话第]|原因|首先|其次|最后)[一二三四五六]?$"
)
"""Ends what stands before a colon and is no one: 他对我说, 例如, 第一."""
_PERSONS = frozenset(_NAMES["persons"]["other"])
_SCRIPT = 3
"""Turns of a dialogue that has a line for each."""
_MIN_TURNS = 2
"""Lines of one unknown name that make it a speaker's."""


class _Turn(NamedTuple):
    role: str
    start: int
    end: int
    note: str


def spoken_lines(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield ``(role, words)`` of every turn.

    Raises:
        UnreadableSource: If words have no speaker, or one of no known role.
    """
    text = _STAMP_LINE.sub("", "\n".join(lines))
    turns = _turns(text)
    first = turns[0].start if turns else len(text)
    if text[:first].strip():
        raise UnreadableSource(
            "unknown_role", "A line before the first `来访者：` has no speaker."
        )
    _refuse_strangers(text)
    _refuse_names_alone(text)
    ends = [turn.start for turn in turns[1:]] + [len(text)]
    said = [text[t.end : end].strip() for t, end in zip(turns, ends, strict=True)]
    _refuse_unspoken(turns, said)
    for turn, words in zip(turns, said, strict=True):
        yield turn.role, turn.note + _EMPTY_LINES.sub("\n", words)


def _refuse_names_alone(text: str) -> None:
    """Refuse a line that begins with a speaker's name and no colon, or no name."""
    marks = "|".join({re.escape(match[1]) for match in _TURN.finditer(text)})
    without = re.compile(
        rf"^[ \t]*(?:{marks})\d?(?:[ \t]*{_NOTE})?[ \t]+[^\s:：（(【\[]", re.MULTILINE
    )
    if _NAME_LINE.search(f"{text}\n") or (marks and without.search(text)):
        raise UnreadableSource(
            "unknown_role", "A line begins with a speaker's name and no colon: add it."
        )


def _refuse_unspoken(turns: Sequence[_Turn], said: Sequence[str]) -> None:
    """Refuse a dialogue with a line that may be a heading, or another's words.

    So it may, and so may a leap in time, where the same speaker is named again behind
    it.
    """
    unnamed = [_unnamed_lines(words) for words in said]
    is_broken = [
        turn.role == after.role and (pairs or _LATER.search(words))
        for (turn, after), pairs, words in zip(
            pairwise(turns), unnamed, said, strict=False
        )
    ]
    if (
        _may_be_another_s(turns, unnamed)
        or any(_is_title(line, before) for pairs in unnamed for before, line in pairs)
        or any(_PERSON.match(words) or _MID_MARK.search(words) for words in said)
        or any(is_broken)
    ):
        raise UnreadableSource(
            "unknown_role",
            "A line within a turn may be a heading, or another's words: name its "
            "speaker.",
        )


def _may_be_another_s(
    turns: Sequence[_Turn], unnamed: Sequence[list[tuple[str, str]]]
) -> bool:
    """Return whether the only line without a name is none of its turn's speaker.

    The line before it was whole. A client's own says I and a counsellor's you; behind
    the last turn it is anyone's.
    """
    at = [n for n, pairs in enumerate(unnamed) for _ in pairs]
    if len(at) != 1 or len(turns) < _SCRIPT:
        return False
    ((before, line),) = unnamed[at[0]]
    is_own = at[0] < len(turns) - 1 and _OWN[turns[at[0]].role].fullmatch(line)
    return _WHOLE.search(before) is not None and not is_own


def _is_title(line: str, before: str) -> bool:
    """Return whether a line may be a heading: in a chat no line ends in a stop."""
    is_short = _TITLE_LINE.fullmatch(line) and _WHOLE.search(before)
    return bool(is_short or _HEADING.fullmatch(line))


def _unnamed_lines(words: str) -> list[tuple[str, str]]:
    """Return the further lines of a turn, each behind the one before it."""
    lines = [line.strip() for line in words.split("\n") if line.strip()]
    return [pair for pair in pairwise(lines) if not _NOTE_LINE.fullmatch(pair[1])]


def own_words(role: str, text: str) -> str:
    """Return the words of a turn without the mark of its own speaker.

    Raises:
        UnreadableSource: If a line of it begins with the mark of another.
    """
    marks = [t for t in _turns(text) if t.start == 0 or text[t.start - 1] == "\n"]
    if any(mark.role != role for mark in marks):
        raise UnreadableSource(
            "unknown_role", "A turn holds the mark of another speaker: part them."
        )
    first = marks[0] if marks and marks[0].start == 0 else None
    return first.note + text[first.end :] if first else text


def _turns(text: str) -> list[_Turn]:
    found = [(match[1].lower(), match) for match in _TURN.finditer(text)]
    letters = {_LETTERS[name] for name, _ in found if name in _LETTERS}
    named = [(ROLES.get(name), match) for name, match in found]
    if len(letters) > 1:  # T and C: one letter alone may be anything
        named = [(ROLES.get(n) or _LETTERS.get(n), match) for n, match in found]
    return [
        _Turn(role, *match.span(), f"（{match[2]}）" if match[2] else "")
        for role, match in named
        if role
    ]


def _refuse_strangers(text: str) -> None:
    """Refuse a dialogue in which someone speaks who is of no known role."""
    names = [m for line in text.split("\n") if (m := _OTHER.match(line))]
    strange = [m for m in names if not _TURN.match(m.string)]
    counts = Counter(match[1] for match in strange)
    is_script = _is_line_by_line(text)
    for match in strange:
        is_noted = match[2] is not None and counts[match[1]] >= _MIN_TURNS
        is_voice = is_script and not _LEADS_ON.search(match[1])
        if match[1] in _PERSONS or is_noted or is_voice or _OF_CLIENT.match(match[1]):
            raise UnreadableSource(
                "unknown_role",
                f"Someone speaks who is neither client nor counsellor: expected one "
                f"of {sorted(n for n in ROLES if not n.isascii())[:6]} … at a line's "
                "start.",
            )


def _is_line_by_line(text: str) -> bool:
    """Return whether every line has its speaker, but for notes such as （停顿）."""
    lines = [line for line in map(str.strip, text.split("\n")) if line]
    return all(
        _TURN.match(line) or _OTHER.match(line) or _NOTE_LINE.fullmatch(line)
        for line in lines
    )
