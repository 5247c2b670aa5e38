"""What the corpus and the prompts look like: rows of each table, and the wording."""

from itertools import groupby

import polars as pl

from psyche_kedro.pipelines.cleaning.deidentification.deidentify import has_model_read
from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    Findings,
    Row,
    Section,
    Table,
    plain,
)
from psyche_kedro.prompts import Prompt

_TRACE = (
    "One row of each table, followed back through its chapter where it can be, and one"
    " rejected row for each reason. `kedro trace` and its id tell its whole life."
)
_NO_POSTS = (
    "No conversation is shown: no chat model has read the posts, and names may be left."
)
_COLUMNS = ("Table", "Row", "Column", "Text")


def examples(findings: Findings) -> Section:
    """Return a row of every table that may be shown, and one for each reason."""
    rows = findings.examples.with_columns(pl.col("row_id").fill_null(ABSENT))
    levels = findings.counts("clean_posts", kind="kept")
    hidden = levels and not any(map(has_model_read, levels))
    is_kept = pl.col("reason").is_null()
    return Section(
        "Examples",
        f"{_TRACE} {_NO_POSTS}" if hidden else _TRACE,
        [
            Table(_COLUMNS, _once(rows.filter(is_kept), "table", "row_id"), n_names=4),
            Table(
                ("Reason", *_COLUMNS),
                _once(rows.filter(~is_kept), "reason", "table", "row_id"),
                n_names=5,
            ),
        ],
    )


def _once(rows: pl.DataFrame, *names: str) -> list[Row]:
    """Return rows that say once what they are of."""
    n, blank = len(names), [""] * len(names)
    cells = rows.select(*names, "column", "text").rows()
    return [
        plain(*(blank if place else head), *row[n:])
        for head, of_one in groupby(cells, key=lambda row: row[:n])
        for place, row in enumerate(of_one)
    ]


def prompts(findings: Findings) -> Section:
    """Return the wording that each prompt has, and which tables were asked in it."""
    digests = findings.writers.drop_nulls("prompt_digest")
    asked = digests.group_by("prompt_digest").agg(pl.col("table").unique().sort())
    tables = dict(asked.iter_rows())
    rows = [
        plain(
            name,
            prompt.digest,
            ", ".join(tables.pop(prompt.digest, [])) or ABSENT,
            prompt.system or ABSENT,
            prompt.user,
        )
        for name, prompt in findings.prompts.items()
        if isinstance(prompt, Prompt)
    ]
    older = ", ".join(f"{digest} ({', '.join(of)})" for digest, of in tables.items())
    return Section(
        "Prompts",
        "As they are configured now. Rows name the digest of the wording that they were"
        f" asked in{f'; rewritten since: {older}' if older else ''}.",
        [Table(("Prompt", "Digest", "Asked for", "System", "User"), rows, n_names=5)],
    )
