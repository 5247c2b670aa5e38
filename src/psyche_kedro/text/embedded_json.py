r"""JSON inside running text, as models write it: fenced, quoted, cut off, with slips.

Whatever the text is, its values come back and what cannot be read is left out: nothing
is raised, and the time grows with the length alone. Limits bound it, far beyond any
reply that was asked for.

Example: ``"好的：{'a': 1,} 和 [2"`` holds one value, ``{"a": 1}``.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from psyche_kedro.text.halves import HALF_ESCAPED, whole_values

MOST_MARKS = 20_000
"""Brackets and quotes of a text: five hundred questions have as many."""
MOST_LEVELS = 12
MOST_LITERAL = 4_000
"""Characters of a piece that is tried as Python's; of a longer one, its parts are."""
PATIENCE = 30_000
"""Characters in which slips are mended: pieces are tried level by level."""
_TRY = 100
"""Characters that a try costs beside its own."""

_MARKS = "[]{}\"'"
_MARK = re.compile(f"[{re.escape(_MARKS)}]")
_BEGINS = re.compile(r"\[\s*[]\[{\"\-\dtfnNI]|\{\s*[}\"]")
"""How JSON begins; the decoder's error costs more than what it tells of a piece."""
_DECODER = json.JSONDecoder(strict=False)
_COMMENT = re.compile(r"(?<=[\"\d\]}el,])[ \t]*//")


class Found(NamedTuple):
    """A value and where it stands."""

    value: object
    start: int
    end: int
    is_part: bool
    """Whether it stands in an object that cannot be read."""


class _Piece(NamedTuple):
    """A bracketed stretch of a text, strings skipped."""

    start: int
    end: int


@lru_cache(maxsize=1)  # several readers in a row ask of one reply; none writes to it
def find_json(text: str) -> tuple[Found, ...]:
    """Return the outermost JSON objects and arrays of ``text``, in order.

    Single quotes, trailing commas, ``//`` comments, raw line breaks and a cut-off array
    (its whole objects are kept) are tolerated; a half of a character becomes U+FFFD.
    """
    if sum(map(text.count, _MARKS)) > MOST_MARKS:
        return ()
    found: list[Found] = []
    read_to, broken_to, patience = 0, 0, PATIENCE
    for start, end in _pieces(text):
        if start < read_to:
            continue
        piece = text[start:end]
        value = _strict(piece)
        if value is None and len(piece) <= patience:
            patience -= len(piece) + _TRY
            value = _mended(piece) or _literal(piece)
        if value is not None:
            value = whole_values(value) if HALF_ESCAPED.search(piece) else value
            found.append(Found(value, start, end, start < broken_to))
            read_to = end
        elif piece.startswith("{"):
            broken_to = max(broken_to, end)
    return tuple(found)


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield what stands between brackets, in order of their opening.

    Read from the end, each mark needs to know only what follows it: what a mark inside
    a string would open is found with what it opens outside of one, in one pass.
    """
    at = [mark.start() for mark in _MARK.finditer(text)]
    pieces = []
    n = len(at)
    # Of each mark: the one that closes its level, and the levels that open before it.
    closes: list[int | None] = [None] * (n + 1)
    heights = [0] * (n + 1)
    behind_string = {"'": n, '"': n}
    for i in reversed(range(n)):
        char = text[at[i]]
        if char in "]}":
            closes[i] = i
        elif char in "\"'":
            after = behind_string[char]
            closes[i], heights[i] = closes[after], heights[after]
            if not _is_escaped(text, at[i]):
                behind_string[char] = i + 1
        elif (end := closes[i + 1]) is not None:
            height = heights[i + 1] + 1
            closes[i], heights[i] = closes[end + 1], max(height, heights[end + 1])
            if height <= MOST_LEVELS:
                pieces.append(_Piece(at[i], at[end] + 1))
    yield from reversed(pieces)


def _is_escaped(text: str, at: int) -> bool:
    start = at
    while start and text[start - 1] == "\\":
        start -= 1
    return (at - start) % 2 == 1


def _strict(piece: str) -> object | None:
    if not _BEGINS.match(piece):
        return None
    try:
        value, end = _DECODER.raw_decode(piece)
    except ValueError:  # JSON's own, and int()'s for more than 4,300 digits
        return None
    return value if end == len(piece) else None


def _mended(piece: str) -> object | None:
    lines = map(_uncommented, piece.split("\n")) if "//" in piece else [piece]
    mended = re.sub(r",(\s*[\]}])", r"\1", "\n".join(lines))
    return _strict(re.sub(r'\\(?![\\"/bfnrtu])', r"\\\\", mended))


def _uncommented(line: str) -> str:
    """Return a line without the comment after its last string."""
    before, quote, rest = line.rpartition('"')
    comment = _COMMENT.search(quote + rest)
    return before + (quote + rest)[: comment.start()] if comment else line


def _literal(piece: str) -> object | None:
    """Return a piece read as Python's; a set or bytes, which JSON lacks, is none."""
    if len(piece) > MOST_LITERAL:
        return None
    try:
        return json.loads(json.dumps(ast.literal_eval(piece)))  # type: ignore[no-any-return]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
