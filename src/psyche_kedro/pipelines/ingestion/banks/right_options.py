"""The right option is often the red one, or the bold one, and nothing else says so."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from psyche_kedro.pipelines.ingestion.banks.options import Pair, split_options
from psyche_kedro.pipelines.ingestion.files.emphasis import (
    BOLD,
    COLOUR,
    END,
    MARKS,
    without_marks,
)

_MARKDOWN_BOLD = re.compile(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*")
_BULLET = re.compile(r"^\s*[-+*]\s+(?=\*{0,2}[A-Z]\s*[.．、:：)])")
_RIGHT = "（正确答案）"


class _Line(NamedTuple):
    text: str
    options: list[Pair]
    standing_out: list[str]
    """Per option, how the whole of it stands out: the marks, or ''."""


def right_options_marked(lines: Sequence[str]) -> list[str]:
    """Return lines without marks; an option that stands out says that it is right.

    It does where all of it stands out, and where not all of its group does.
    """
    read = [_line(_with_markdown(line)) for line in lines]
    said: list[str] = []
    for group in _groups(read):
        mark = next((m for m in (COLOUR, BOLD) if _tells(group, m)), None)
        said += [_said(line, mark) if mark else line.text for line in group]
    return said


def _with_markdown(line: str) -> str:
    if "**" not in line and not _BULLET.match(line):
        return line
    return _MARKDOWN_BOLD.sub(f"{BOLD}\\1{END}", _BULLET.sub("", line))


def _line(marked: str) -> _Line:
    text = without_marks(marked)
    if text == marked or not (options := split_options(text.strip())):
        return _Line(text, split_options(text.strip()), [])
    states = list(_states(marked))
    standing_out, start = [], 0
    for _, words in options:
        start = text.find(words, start)
        shown = [s for s, c in zip(states[start:], words, strict=False) if c.strip()]
        standing_out.append(
            "".join(m for m in (COLOUR, BOLD) if all(m in s for s in shown))
        )
        start += len(words)
    return _Line(text, options, standing_out)


def _states(marked: str) -> Iterator[str]:
    """Yield for each character of a line's text the marks that it stands between."""
    open_marks = ""
    for character in marked:
        if not MARKS.match(character):
            yield open_marks
        elif character == END:
            open_marks = open_marks[:-1]
        else:
            open_marks += character


def _groups(lines: Sequence[_Line]) -> Iterator[list[_Line]]:
    group: list[_Line] = []
    for line in lines:
        if group and (not line.options or line.options[0][0] == "A"):
            yield group
            group = []
        group.append(line)
        if not line.options:
            yield group
            group = []
    if group:
        yield group


def _tells(group: Sequence[_Line], mark: str) -> bool:
    """Return whether some of a group's options stand out so, and some do not."""
    all_options = sum(len(line.options) for line in group)
    marked = sum(mark in out for line in group for out in line.standing_out)
    return 0 < marked < all_options


def _said(line: _Line, mark: str) -> str:
    marked = line.standing_out or [""] * len(line.options)
    return "  ".join(
        f"{label}. {text}{_RIGHT if mark in out else ''}"
        for (label, text), out in zip(line.options, marked, strict=True)
    )
