"""Recognised lines of a page to text in reading order, with its paragraphs.

OCR engines give boxes. Boxes on one height are one line; a gutter that no line crosses
splits the page into columns, a figure across both into parts; an indented line starts a
paragraph. A paragraph ends with an empty line, a line inside it with one line end.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise
from math import inf
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
_FILLED = 0.6
"""Of a column's width: the median line of prose fills more of it."""
_ALIKE = 2
"""Times that one of two columns may be as wide as the other."""
_CELLS = 3
"""In a row or a column: fewer are no table."""
_FIGURE = 5
"""In line heights: a gap across both columns is a figure."""
_FEW = 4
"""One line in so many that stands above the one before it is no slip."""
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
    """Tell what stands left or right of all long lines: numbers in the margin.

    Where most lines have such a neighbour it is a column of a table.
    """
    if not boxes:
        return [], []
    widest = max(box.right - box.left for box in boxes)
    long = [box for box in boxes if box.right - box.left > widest * _LONG_LINE]
    if len(long) < _MIN_LONG_LINES:
        return list(boxes), []
    left, right = min(b.left for b in long), max(b.right for b in long)
    margin = [box for box in boxes if box.right <= left or box.left >= right]
    body = [box for box in boxes if box not in margin]
    if _are_cells(margin, body):
        return list(boxes), []
    return body, margin


def _are_cells(beside: Sequence[TextBox], body: Sequence[TextBox]) -> bool:
    rows = _rows(body)
    taken = sum(any(_same_line(row, box) for box in beside) for row in rows)
    return len(beside) > 1 and taken * 2 > len(rows)


def is_out_of_order(boxes: Sequence[TextBox]) -> bool:
    """Return whether boxes, in their order, are no reading.

    They change columns line by line, begin with the right one, or climb a column.
    """
    climbs = sum(_climbs(before, after) for before, after in pairwise(boxes))
    if climbs * _FEW > len(boxes) > 2 * _MIN_COLUMN_LINES:
        return True
    gutter = _gutter(boxes)
    if gutter is None:
        runs = _runs(boxes)
        parts = runs if len(runs) > 1 else []
        return _changes_cells(boxes) or any(map(is_out_of_order, parts))
    beside = [b for b in boxes if b.right <= gutter or b.left >= gutter]
    sides = [box.left >= gutter for box in beside]
    turns = sum(before < after for before, after in pairwise(sides))
    few = turns * 2 <= min(sum(sides), len(sides) - sum(sides))
    return not few or _begins_right(beside, gutter)


def _changes_cells(boxes: Sequence[TextBox]) -> bool:
    """Return whether a table is drawn column by column."""
    for n, (before, after) in enumerate(pairwise(boxes), 1):
        column = boxes[n : n + _CELLS]
        is_right = after.bottom < before.top and after.left > before.right
        if is_right and len(column) == _CELLS:
            return all(_is_cell(box, boxes[:n]) for box in column)
    return False


def _is_cell(box: TextBox, before: Sequence[TextBox]) -> bool:
    """Return whether those left of a box stand further from it than they are wide."""
    row = [b for b in before if _same_line([b], box)]
    return len(row) > 0 and all(box.left - b.right > b.right - b.left for b in row)


def _begins_right(boxes: Sequence[TextBox], gutter: float) -> bool:
    """Return whether a left column is drawn after the right one.

    A head or a page number alone, drawn last, is no column.
    """
    for n, (before, after) in enumerate(pairwise(boxes), 1):
        column = boxes[n : n + _MIN_COLUMN_LINES]
        is_left = all(box.right <= gutter for box in column)
        climbs = after.bottom < before.top and before.left >= gutter
        if climbs and is_left and len(column) == _MIN_COLUMN_LINES:
            return True
    return False


def _climbs(before: TextBox, after: TextBox) -> bool:
    is_below = before.left < after.right and after.left < before.right
    return is_below and after.bottom <= before.top


def _columns(boxes: Sequence[TextBox]) -> list[list[TextBox]]:
    """Split at a gutter near the middle that hardly any box crosses.

    What crosses it, a title or a caption, parts what is above from what is below; so
    does a wide figure, which leaves both columns empty.
    """
    gutter = _gutter(boxes)
    if gutter is None:
        runs = _runs(boxes)
        has_columns = len(runs) > 1 and any(_gutter(run) for run in runs)
        return [c for r in runs for c in _columns(r)] if has_columns else [list(boxes)]
    parts: list[list[TextBox]] = []
    for band in _bands(boxes, gutter):
        crossing = [b for b in band if b.left < gutter < b.right]
        left = [b for b in band if b.right <= gutter]
        right = [b for b in band if b.left >= gutter]
        parts += [crossing, *_columns(left), *_columns(right)]
    return parts


def _runs(boxes: Sequence[TextBox]) -> list[list[TextBox]]:
    """Part a page where lines across all of it give way to narrow ones, and back."""
    wide = _width(boxes) * _FILLED if boxes else 0
    rows = groupby(_rows(boxes), lambda row: max(b.right - b.left for b in row) > wide)
    runs = [{box for row in run for box in row} for _, run in rows]
    return [[box for box in boxes if box in run] for run in runs]


def _bands(boxes: Sequence[TextBox], gutter: float) -> list[list[TextBox]]:
    """Part the page at what crosses the gutter, and at gaps that cross it."""
    height = median(box.height for box in boxes)
    bands: list[list[TextBox]] = []
    bottom, was_crossing = -inf, False
    for box in sorted(boxes, key=lambda b: b.top):
        crosses = box.left < gutter < box.right
        is_apart = box.top - bottom > _FIGURE * height
        if not bands or (crosses and not was_crossing) or is_apart:
            bands.append([])
        bands[-1].append(box)
        bottom, was_crossing = max(bottom, box.bottom), crosses
    return bands


def _gutter(boxes: Sequence[TextBox]) -> float | None:
    if len(boxes) < 2 * _MIN_COLUMN_LINES:
        return None
    left, right = min(b.left for b in boxes), max(b.right for b in boxes)
    candidates = [left + (right - left) * share / 100 for share in range(35, 66)]
    crossed = [sum(b.left < x < b.right for b in boxes) for x in candidates]
    free = [x for x, n in zip(candidates, crossed, strict=True) if n == min(crossed)]
    best = free[len(free) // 2]
    beside = [b for b in boxes if b.right <= best], [b for b in boxes if b.left >= best]
    crossing = len(boxes) - sum(map(len, beside))
    if min(map(len, beside)) < _MIN_COLUMN_LINES or crossing * 8 > len(boxes):
        return None
    narrow, wide = sorted(beside, key=_width)
    if _width(narrow) * _ALIKE > _width(wide):
        return best if all(map(_is_prose, beside)) else None
    return best if _is_prose(narrow) and _gutter(wide) is not None else None


def _width(column: Sequence[TextBox]) -> float:
    return max(b.right for b in column) - min(b.left for b in column)


def _is_prose(column: Sequence[TextBox]) -> bool:
    """Return whether most lines are one piece that fills a column; no row of cells."""
    rows = _rows(column)
    filled = [sum(box.right - box.left for box in row) for row in rows]
    return median(map(len, rows)) < 2 and median(filled) > _FILLED * _width(column)  # noqa: PLR2004


def _lines(boxes: Sequence[TextBox]) -> list[TextBox]:
    """Join the boxes of one height, left to right."""
    return [_joined(sorted(row, key=lambda b: b.left)) for row in _rows(boxes)]


def _rows(boxes: Sequence[TextBox]) -> list[list[TextBox]]:
    rows: list[list[TextBox]] = []
    for box in sorted(boxes, key=lambda b: b.middle):
        if rows and _same_line(rows[-1], box):
            rows[-1].append(box)
        else:
            rows.append([box])
    return rows


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
