"""Rows of a chapter's tables to look at: one life through all of them, and each reason.

Only the columns that a line of the chapter's account names are shown, and a table of
what people wrote has no such line: no post can come into a report by mistake.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.tables import ExampleRows, frame

_ASKED = ("case_text", "stem", "options", "gold", "answer_text")
QUESTION = ("question_id", "source", *_ASKED)
"""What is shown of a question."""
WRITTEN = ("question_id", *_ASKED)
"""What is shown of one that a model wrote."""
_MOST_ROWS = 5
"""Of one id in one table: a question's rounds."""
_MOST_CHARS = 1200
_OF_A_REJECTION = ("source", "detail")


class Shown(NamedTuple):
    """A table of which a row is shown."""

    table: str
    kind: str
    """As in the account."""
    columns: tuple[str, ...]
    """The row's own id first; none of a table of rejected rows but what it shows."""
    only: pl.Expr
    """Rows that may be shown."""
    reason: pl.Expr
    """Why a row was rejected."""


def show_rows(shown: Sequence[Shown], tables: Mapping[str, Any]) -> pl.DataFrame:
    """Return ``ExampleRows``: of each table a row, and a rejected one for each reason.

    The chapter's last row is followed back through its tables; what a model wrote is
    shown of the rows that are shown, alone.

    Args:
        shown: In reading order.
        tables: By name.
    """
    readable = [one for one in shown if one.columns and one.kind != "rejected"]
    known: dict[str, None] = {}
    found: dict[int, pl.DataFrame] = {}
    backwards = reversed(list(enumerate(readable)))
    for n, one in sorted(backwards, key=lambda numbered: numbered[1].kind == "written"):
        found[n] = _rows_of(one, tables[one.table].filter(one.only), known)
        known.update((id_, None) for row in found[n].to_dicts() for id_ in _ids(row))
    examples = [e for n, one in enumerate(readable) for e in _told(one, found[n])]
    kept = [one for one in readable if one.kind == "kept"]
    gone = [one for one in shown if one.kind == "rejected"]
    examples += [e for one in gone for e in _rejected(one, kept, tables)]
    return frame(ExampleRows, examples)


def _rows_of(
    one: Shown, table: pl.DataFrame, known: Mapping[str, None]
) -> pl.DataFrame:
    own = pl.col(one.columns[0])
    there = set(table.filter(own.is_in(list(known)))[one.columns[0]])
    followed = next((id_ for id_ in known if id_ in there), None)
    if followed is None and one.kind == "written":
        return table.clear()
    chosen = own == followed if followed else own == own.first()
    return table.filter(chosen).head(_MOST_ROWS)


def _ids(row: Mapping[str, Any]) -> Iterator[str]:
    yield from (row[c] for c in row if c.endswith("_id") and row[c])


def _told(one: Shown, rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    own, *others = one.columns
    for row in rows.to_dicts():
        for column in others:
            if text := _text(row[column]):
                head = {"table": one.table, "row_id": row[own]}
                yield {**head, "column": column, "text": text}


def _rejected(
    one: Shown, kept: Sequence[Shown], tables: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the first row of each reason, and the text where its table may be shown."""
    table = tables[one.table].with_columns(one.reason.alias("reason"))
    for row in table.unique("reason", keep="first", maintain_order=True).to_dicts():
        row_id = next(_ids(row), None)
        columns = [c for c in (*_OF_A_REJECTION, *one.columns[1:]) if c in row]
        said = {c: text for c in columns if (text := _text(row[c]))}
        for other in kept if row_id else ():
            own = pl.col(other.columns[0]) == row_id
            match = tables[other.table].filter(own, other.only).head(1)
            said |= {e["column"]: e["text"] for e in _told(other, match)}
        head = {"table": one.table, "row_id": row_id, "reason": row["reason"]}
        yield from ({**head, "column": c, "text": said[c]} for c in said)


def _text(value: Any) -> str:
    """Return a cell's value as lines; nothing of what is not there."""
    if isinstance(value, list):
        text = "\n".join(map(_text, value))
    elif isinstance(value, dict):
        text = ": ".join(str(part) for part in value.values())
    else:
        text = "" if value is None else str(value)
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"
