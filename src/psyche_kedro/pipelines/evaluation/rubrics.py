"""Weighted rubrics: what an answer earns by the lines of its item that it meets.

A rubric is text, as ABench-Psychology has it: a line ends with its points in braces,
``{+5}`` for what an answer shall have, ``{-2}`` for what it shall not. The score is the
points met in percent of those that can be had, a whole number, and may be negative.

A judge says 0 or 1 of every line, in one call. Where it leaves one out there is no
score: the public code takes what is not said for 0, and so marks a judge that was cut
off as a bad answer.

Source: inclusionAI/ABench, ``Psychology/src/eval.py``.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from psyche_kedro.answers import read_verdicts
from psyche_kedro.llm.schemas import TEXT, Schema, an_object, from_to

_LINE = re.compile(
    r"^\s*(?:\d+\s*[、.．])?\s*(.+?)\s*[{｛]\s*([+＋-]?\s*\d{1,9})\s*[}｝]", re.M
)
_LINE_SAID = re.compile(
    r"(plus|minus|加分项|减分项)_?\s*(\d{1,9})\s*[:：]\s*([01])(?![\d.])"
)
_SIDES = {"加分项": "plus", "减分项": "minus"}


class Line(NamedTuple):
    """A line of a rubric.

    Attributes:
        name: ``plus_1``, ``plus_2`` … or ``minus_1`` …, by its side and place.
        text: What an answer that meets it says.
        points: Above 0 for what is asked for, below for what is not.
    """

    name: str
    text: str
    points: int


def read_rubric(text: str) -> list[Line]:
    r"""Return the lines of a rubric; headings and lines without points are none.

    >>> rubric = "加分项\n1、共情{+5}\n减分项\n1、说教{-2}"
    >>> [line.name for line in read_rubric(rubric)]
    ['plus_1', 'minus_1']
    """
    lines: list[Line] = []
    for match in _LINE.finditer(text):
        points = int(match[2].replace("＋", "+").replace(" ", ""))
        side = "minus" if points < 0 else "plus"
        place = 1 + sum(line.name.startswith(side) for line in lines)
        lines.append(Line(f"{side}_{place}", match[1], points))
    return lines


def schema_of(lines: Sequence[Line]) -> Schema:
    """Return the schema of a verdict on every line, its analysis first."""
    marks = {line.name: from_to(0, 1) for line in lines}
    return an_object(analysis=TEXT, **marks)


def read_marks(said: str) -> dict[str, set[int]]:
    """Return what a judge says of each line; several where it contradicts itself.

    >>> read_marks('{"analysis": "有共情", "plus_1": 1, "minus_1": 0}')
    {'plus_1': {1}, 'minus_1': {0}}
    >>> read_marks("加分项_1: 1")
    {'plus_1': {1}}
    """
    marks: dict[str, set[int]] = {}
    for name, mark in _said(said):
        if str(mark) in ("0", "1"):
            marks.setdefault(name, set()).add(int(mark))
    return marks


def _said(said: str) -> Iterator[tuple[str, Any]]:
    if verdicts := read_verdicts(said):
        for verdict in verdicts:
            yield from verdict.items()
    elif "{" not in said:  # else the example itself, a quotation, or JSON cut off
        for side, number, mark in _LINE_SAID.findall(said):
            yield f"{_SIDES.get(side, side)}_{int(number)}", mark


def points_of(lines: Sequence[Line], marks: dict[str, set[int]]) -> float:
    """Return the points met in percent of those that can be had, rounded as published.

    Args:
        lines: Of the rubric; one at least has points above 0.
        marks: One for every line.
    """
    met = sum(line.points for line in lines if marks[line.name] == {1})
    can_be_had = sum(line.points for line in lines if line.points > 0)
    return float(round(100 * met / can_be_had))
