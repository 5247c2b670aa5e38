"""Recognised lines of a page to text in reading order, with its paragraphs.

OCR engines give boxes. Boxes on one height are one line; a gutter that no line crosses
splits the page into columns; an indented line starts a paragraph. A paragraph ends with
an empty line, a line inside it with one line end.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

_INDENT = 1.2
"""In line heights: Chinese paragraphs start two characters in."""
_GAP = 1.9
"""In line heights from top to top: more is a new paragraph."""
_MIN_COLUMN_LINES = 5
_LONG_LINE = 0.8
"""Of the widest: lines that show where the text's margins are."""
_MIN_LONG_LINES = 2
"""Fewer are a caption or a label of a figure, and show no margin."""
_WORD_GAP = 0.3
"""In line heights: a wider gap between boxes of one line is a space."""


class TextBox(NamedTuple):
    """One recognised piece of a line; pixels, the origin at the top left."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Height at which it stands; pixels from the top."""
        return (self.top + self.bottom) / 2


def is_sideways(boxes: Sequence[TextBox]) -> bool:
    """Return whether most text stands on its side: the page needs turning."""
    long = [box for box in boxes if len(box.text) > 2]  # noqa: PLR2004
    tall = sum(box.height > (box.right - box.left) * 1.5 for box in long)
    return tall * 2 > len(long)


def to_text(boxes: Sequence[TextBox]) -> str:
    """Return the page's text: columns from left to right, lines from top to bottom."""
    body, margin = _body_and_margin(boxes)
    parts = [_paragraphs(_lines(column)) for column in _columns(body)]
    parts += [box.text for box in margin]
    return "\n\n".join(part for part in parts if part)


def _body_and_margin(
    boxes: Sequence[TextBox],
) -> tuple[list[TextBox], list[TextBox]]:
    """Tell what stands left or right of all long lines: numbers in the margin."""
    if not boxes:
        return [], []
    widest = max(box.right - box.left for box in boxes)
    long = [box for box in boxes if box.right - box.left > widest * _LONG_LINE]
    if len(long) < _MIN_LONG_LINES:
        return list(boxes), []
    left, right = min(b.left for b in long), max(b.right for b in long)
    margin = [box for box in boxes if box.right <= left or box.left >= right]
    return [box for box in boxes if box not in margin], margin


def _columns(boxes: Sequence[TextBox]) -> list[list[TextBox]]:
    """Split at a gutter near the middle that hardly any box crosses."""
    gutter = _gutter(boxes)
    if gutter is None:
        return [list(boxes)]
    crossing = [b for b in boxes if b.left < gutter < b.right]
    start = min((b.top for b in boxes if b not in crossing), default=0)
    head = [b for b in crossing if b.bottom <= start + b.height]
    left = [b for b in boxes if b.right <= gutter]
    right = [b for b in boxes if b.left >= gutter]
    tail = [b for b in crossing if b not in head]
    return [head, left, right, tail]


def _gutter(boxes: Sequence[TextBox]) -> float | None:
    if len(boxes) < 2 * _MIN_COLUMN_LINES:
        return None
    left, right = min(b.left for b in boxes), max(b.right for b in boxes)
    candidates = [left + (right - left) * share / 100 for share in range(35, 66)]
    best = min(candidates, key=lambda x: sum(b.left < x < b.right for b in boxes))
    crossing = sum(b.left < best < b.right for b in boxes)
    sides = sum(b.right <= best for b in boxes), sum(b.left >= best for b in boxes)
    is_gutter = min(sides) >= _MIN_COLUMN_LINES and crossing * 8 <= len(boxes)
    return best if is_gutter else None


def _lines(boxes: Sequence[TextBox]) -> list[TextBox]:
    """Join the boxes of one height, left to right."""
    lines: list[list[TextBox]] = []
    for box in sorted(boxes, key=lambda b: b.middle):
        if lines and _same_line(lines[-1], box):
            lines[-1].append(box)
        else:
            lines.append([box])
    return [_joined(sorted(line, key=lambda b: b.left)) for line in lines]


def _same_line(line: list[TextBox], box: TextBox) -> bool:
    middle = sum(b.middle for b in line) / len(line)
    return abs(middle - box.middle) < 0.5 * min(box.height, line[0].height)


def _joined(line: list[TextBox]) -> TextBox:
    text = line[0].text
    for before, box in pairwise(line):
        wide = box.left - before.right > _WORD_GAP * box.height
        text += (" " if wide else "") + box.text
    return TextBox(
        line[0].left,
        min(b.top for b in line),
        max(b.right for b in line),
        max(b.bottom for b in line),
        text,
    )


def _paragraphs(lines: Sequence[TextBox]) -> str:
    if not lines:
        return ""
    height = median(line.height for line in lines)
    margin = _left_margin(lines)
    text = lines[0].text
    for before, line in pairwise(lines):
        indented = line.left - margin > _INDENT * height
        apart = line.top - before.top > _GAP * height
        text += ("\n\n" if indented or apart else "\n") + line.text
    return text


def _left_margin(lines: Sequence[TextBox]) -> float:
    """Return where most long lines start; a margin number stands left of it."""
    widest = max(line.right - line.left for line in lines)
    long = [b.left for b in lines if b.right - b.left > widest * _LONG_LINE]
    return median(long)
