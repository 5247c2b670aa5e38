"""What the report shows of the way to a benchmark: what became of the scenarios."""

import polars as pl

from psyche_kedro.pipelines.cedar.costs import HOUR, SECONDS
from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    Section,
    Table,
    count,
    number,
    plain,
)

_SCENARIOS = 1_566
"""Of the paper's benchmark."""


def stage_sections(
    funnel: pl.DataFrame, accounts: pl.DataFrame, summary: pl.DataFrame
) -> list[Section]:
    """Return what became of the scenarios, stage by stage.

    Args:
        funnel: ``Funnel``.
        accounts: What the three chapters count of themselves.
        summary: ``AnnotationSummary``.
    """
    return [
        _funnel(funnel),
        _rejections(accounts),
        _isolation(accounts),
        _annotation(summary),
        _taken(accounts, summary),
    ]


def _funnel(funnel: pl.DataFrame) -> Section:
    rows = [
        plain(r["stage"], count(r["rows"]), count(r["rejected"]), r["paper"] or ABSENT)
        for r in funnel.iter_rows(named=True)
    ]
    return Section(
        "Funnel",
        "Rows kept and rejected at every stage. A scenario is one row, an item is a"
        " scenario in one language.",
        [Table(["Stage", "Kept", "Rejected", "Abstract"], rows, n_names=1)],
    )


def _rejections(accounts: pl.DataFrame) -> Section:
    gone = accounts.filter(pl.col("kind").is_in(["rejected", "withheld"]))
    counted = gone.group_by("node", "reason", maintain_order=True).agg(
        pl.col("rows").sum()
    )
    rows = [plain(node, reason, count(n)) for node, reason, n in counted.iter_rows()]
    return Section(
        "Why rows are gone",
        "Every dropped row has a reason; the tables of rejections name it.",
        [Table(["Node", "Reason", "Rows"], rows)],
    )


def _isolation(accounts: pl.DataFrame) -> Section:
    by_rule = _grouped(accounts, "divergence")
    by_plurality = _grouped(accounts, "plurality_differs")
    read = _grouped(accounts, "provisional_labels")
    rows = [
        plain(
            "permutation test and two clear labels", count(by_rule.get("isolated", 0))
        ),
        plain("any two pluralities differ", count(by_plurality.get("true", 0))),
    ]
    labels = ", ".join(f"{count(n)} {outcome}" for outcome, n in read.items())
    return Section(
        "Isolation",
        "Scenarios that each rule would send to people. The second keeps 55 to 92 % of"
        f" universal scenarios in simulation. Provisional labels: {labels or ABSENT}.",
        [Table(["Rule", "Scenarios"], rows, n_names=1)],
    )


def _grouped(accounts: pl.DataFrame, stage: str) -> dict[str, int]:
    own = accounts.filter(stage=stage, kind="beside").drop_nulls("group")
    return dict(own.select("group", "rows").iter_rows())


def _annotation(summary: pl.DataFrame) -> Section:
    measures = summary["measure"].unique(maintain_order=True).to_list()
    cells = {
        (group, measure): value
        for measure, group, value, _ in summary.iter_rows()
        if value is not None
    }
    rows = [
        plain(group, *(number(cells.get((group, measure))) for measure in measures))
        for group in summary["group"].unique(maintain_order=True)
    ]
    return Section(
        "Annotation",
        "Per culture: tasks that wait, Krippendorff's alpha, people left out, the share"
        " of golds by who decided them, and how often simpler and larger rules agree"
        " with the gold.",
        [Table(["Culture", *measures], rows, n_names=1)],
    )


def _taken(accounts: pl.DataFrame, summary: pl.DataFrame) -> Section:
    """Return what the benchmark took, and what one of the paper's size would take."""
    took = _counts(accounts, summary)
    items = took["scenarios of the benchmark"]
    rows = [
        plain(name, f"{n:,.1f}", f"{n * _SCENARIOS / items:,.0f}" if items else ABSENT)
        for name, n in took.items()
    ]
    return Section(
        "What it took",
        "This run, and at its rates a benchmark of as many scenarios as the paper's."
        f" People whom nobody timed are reckoned at {SECONDS:.0f} seconds a task.",
        [Table(["", "This run", f"{_SCENARIOS:,} scenarios"], rows, n_names=1)],
    )


def _counts(accounts: pl.DataFrame, summary: pl.DataFrame) -> dict[str, float]:
    waiting = summary.filter(measure="waiting").select("group", tasks="n")
    timed = summary.filter(measure="median_seconds").select("group", "value")
    people = waiting.join(timed, on="group")
    seconds = people["tasks"] * people["value"].fill_null(SECONDS)
    items = _rows(accounts, "cedar_items", "kept")
    return {
        "scenarios": _rows(accounts, "scenarios", "kept"),
        "provisional labels": _rows(accounts, "provisional_labels", "beside"),
        "scenarios put to people": _rows(accounts, "isolated_scenarios", "kept"),
        "their tasks": float(people["tasks"].sum()),
        "their hours": float(seconds.sum()) / HOUR,
        "scenarios of the benchmark": items / max(1, people.height),
    }


def _rows(accounts: pl.DataFrame, stage: str, kind: str) -> float:
    own = accounts.filter(stage=stage, kind=kind)
    return float(own["rows"].sum())
