"""What became of a chapter's rows: kept, rejected, written by which model.

Each chapter ends with one node, ``account_for_<chapter>``, that counts the tables the
chapter wrote. What is counted stands in the chapter's own list, one line a table::

    ACCOUNT = (
        kept("clean_posts", by="deid_level"),
        rejected("rejected_posts", of="clean_posts"),
        written("useful_posts"),
        beside("masked_posts_sample"),
    )

Example row of ``cleaning_account``: ``{"stage": "clean_bank_questions", "kind":
"rejected", "node": "clean_bank_questions", "reason": "no_gold", "rows": 3, …}``.
"""

from collections.abc import Mapping, Sequence
from functools import partial, update_wrapper
from typing import Literal, NamedTuple

import polars as pl
from kedro.pipeline import Node

from psyche_kedro.partitions.parts import PartitionedTable
from psyche_kedro.pipelines.examples import Shown, show_rows
from psyche_kedro.tables import ChapterAccount, frame

Table = pl.DataFrame | PartitionedTable

_KEYS = [name for name in ChapterAccount.to_schema().columns if name != "rows"]

Kind = Literal["kept", "rejected", "withheld", "written", "beside"]
By = str | pl.Expr
"""A column, or what stands for one."""


_ALL = pl.lit(True)
_NOTHING = pl.lit(None, pl.String)


class Line(NamedTuple):
    """How the rows of one table are counted."""

    table: str
    kind: Kind
    columns: dict[str, pl.Expr]
    """Columns of the account; null where none is given."""
    shows: tuple[str, ...] = ()
    """Columns of which the report shows an example, the row's own id first."""
    only: pl.Expr = _ALL
    """Rows that it may show."""


def kept(table: str, *, by: By | None = None) -> Line:
    """Return the line of a stage of the corpus.

    Args:
        table: The stage's table.
        by: Column or expression that divides it, e.g. ``part``.
    """
    return _line(table, "kept", by=by)


def rejected(
    table: str,
    *,
    of: By,
    node: str | None = None,
    reason: str | None = None,
    by: By | None = None,
) -> Line:
    """Return the line of a table of rows that a stage lost.

    Args:
        table: The rejected rows.
        of: The stage; an expression where the table holds rows of several.
        node: Who rejected them, where the table does not say so (column ``stage``).
        reason: Why, where the table does not say so.
        by: Column or expression that divides the table.
    """
    return _line(
        table,
        "rejected",
        stage=of,
        by=by,
        node=pl.lit(node) if node else pl.col("stage"),
        reason=pl.lit(reason) if reason else pl.col("reason"),
    )


def withheld(table: str, *, by: By) -> Line:
    """Return the line of a table of rows that stay in the corpus, but not public."""
    said = {"node": pl.col("stage"), "reason": pl.col("reason")}
    return _line(table, "withheld", by=by, **said)


def written(table: str) -> Line:
    """Return the line of a table whose rows name the model that wrote them."""
    said = {name: pl.col(name) for name in ("model", "prompt_digest")}
    return _line(table, "written", **said)


def beside(table: str, *, by: By | None = None, called: str | None = None) -> Line:
    """Return the line of a table that is no stage of the corpus.

    Args:
        table: What is counted.
        by: Column or expression that divides it.
        called: Its name in the account, where one table is divided in two ways.
    """
    return _line(table, "beside", stage=called, by=by)


def showing(line: Line, *columns: str, only: pl.Expr = _ALL) -> Line:
    """Return a line whose table the report shows a row of; see ``examples``.

    Args:
        line: Of no table of what people wrote.
        *columns: To show, the row's own id first.
        only: Rows that may be shown.
    """
    return line._replace(shows=columns, only=only)


def _line(
    table: str,
    kind: Kind,
    *,
    stage: By | None = None,
    by: By | None = None,
    **said: pl.Expr,
) -> Line:
    stage = table if stage is None else stage
    said["stage"] = pl.lit(stage) if isinstance(stage, str) else stage
    if by is not None:
        said["group"] = pl.col(by) if isinstance(by, str) else by
    return Line(table, kind, said | {"kind": pl.lit(kind)})


def account_node(chapter: str, lines: Sequence[Line]) -> Node:
    """Return the node that closes a chapter.

    Args:
        chapter: Its name.
        lines: What it counts.
    """
    return Node(
        # No closure: a runner may send the node to another process.
        update_wrapper(partial(account_for_chapter, lines), account_for_chapter),
        inputs={line.table: line.table for line in lines},
        outputs=f"{chapter}_account",
        name=f"account_for_{chapter}",
    )


def account_for_chapter(
    lines: Sequence[Line], /, **tables: Table
) -> dict[str, pl.DataFrame]:
    """Return how many rows of each table were kept, rejected or written, and examples.

    Args:
        lines: What is counted.
        **tables: Every table of the chapter's lines, by name.
    """
    shown = [
        Shown(
            line.table,
            line.kind,
            line.shows,
            line.only,
            line.columns.get("reason", _NOTHING),
        )
        for line in lines
    ]
    return {"account": count_rows(lines, tables), "examples": show_rows(shown, tables)}


def count_rows(lines: Sequence[Line], tables: Mapping[str, Table]) -> pl.DataFrame:
    """Return the account of ``lines``: ``ChapterAccount``.

    Args:
        lines: What is counted, in reading order.
        tables: Every table of the lines, by name.
    """
    counts = [_count(line, tables[line.table]) for line in lines]
    return pl.concat([frame(ChapterAccount, []), *counts])


def _count(line: Line, table: Table) -> pl.DataFrame:
    rows = table.lazy()
    rows = rows.drop_nulls("model") if line.kind == "written" else rows
    said = {key: line.columns.get(key, pl.lit(None)).cast(pl.String) for key in _KEYS}
    counts = rows.with_columns(**said).group_by(_KEYS, maintain_order=True)
    counted = counts.agg(rows=pl.len().cast(pl.Int64)).collect()
    return _nothing(line) if counted.is_empty() else counted


def _nothing(line: Line) -> pl.DataFrame:
    """Return the row of an empty stage, for it is one all the same; else none."""
    if line.kind not in {"kept", "beside"}:
        return frame(ChapterAccount, [])
    stage = pl.select(line.columns["stage"]).item()
    return frame(ChapterAccount, [{"stage": stage, "kind": line.kind, "rows": 0}])
