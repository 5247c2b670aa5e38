"""What became of every row: the funnel, the rejections, the models that wrote.

The paper gives its corpus as a few round numbers (§2.2-2.4): 210k pooled questions, 90k
after review, 75k with a verified rationale, 19k of them challenging, 73k dialogues. The
funnel counts every stage of ours beside them, so that a filter that drops too much is
seen before a model is trained on the rest.

Example row of ``funnel``: ``{"stage": "reviewed_questions", "rows": 84, "rejected": 6,
"paper": "~90k"}``.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from psyche_kedro.pipelines.reporting.published import read_published
from psyche_kedro.tables import Accounts, Funnel, frame

CHAPTERS = (
    "ingestion",
    "cleaning",
    "synthesis",
    "selection",
    "training",
    "evaluation",
)
"""Those that keep an account, in reading order."""
Told = Mapping[str, pl.DataFrame]
"""What a chapter says of itself, by table: ``account``, and its summaries."""


def collect_accounts(**chapters: Told) -> pl.DataFrame:
    """Return the accounts of all chapters as one table: ``Accounts``.

    Args:
        **chapters: Each as it tells of itself; one that has not run tells nothing.
    """
    named = (
        chapters[name]["account"].with_columns(chapter=pl.lit(name))
        for name in CHAPTERS
    )
    return pl.concat([frame(Accounts, []), *named])


def missing_chapters(accounts: pl.DataFrame) -> list[str]:
    """Return the chapters that have not run: an account is never empty.

    Args:
        accounts: ``Accounts``.
    """
    return [name for name in CHAPTERS if name not in set(accounts["chapter"])]


def count_funnel(accounts: pl.DataFrame) -> pl.DataFrame:
    """Return the rows kept and rejected at every stage, beside the paper's counts.

    Args:
        accounts: ``Accounts``.
    """
    return funnel_rows(accounts, read_published().counts)


def funnel_rows(accounts: pl.DataFrame, paper: Mapping[str, str]) -> pl.DataFrame:
    """Return one row per stage, chapter by chapter: ``Funnel``.

    Args:
        accounts: ``Accounts``.
        paper: The paper's counts by stage.
    """
    lost = _rows(accounts, "rejected", ["stage"]).rename({"rows": "rejected"})
    stages = _rows(accounts, "kept", ["stage"])
    counted = stages.join(lost, on="stage", how="left", maintain_order="left")
    return frame(
        Funnel,
        (
            row | {"rejected": row["rejected"] or 0, "paper": paper.get(row["stage"])}
            for row in counted.iter_rows(named=True)
        ),
    )


def list_rejections(accounts: pl.DataFrame) -> pl.DataFrame:
    """Return how many rows each node dropped for each reason, the most first.

    Args:
        accounts: ``Accounts``.
    """
    counts = _rows(accounts, "rejected", ["node", "reason"]).rename({"node": "stage"})
    return counts.sort("stage", "rows", "reason", descending=[False, True, False])


def list_writers(accounts: pl.DataFrame) -> pl.DataFrame:
    """Return how many rows of each table each model wrote with each prompt.

    Args:
        accounts: ``Accounts``.
    """
    counts = _rows(accounts, "written", ["stage", "model", "prompt_digest"])
    return counts.rename({"stage": "table"})


def _rows(accounts: pl.DataFrame, kind: str, by: Sequence[str]) -> pl.DataFrame:
    counted = accounts.filter(kind=kind)
    return counted.group_by(by, maintain_order=True).agg(pl.col("rows").sum())
