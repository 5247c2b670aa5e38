"""What the report shows of the money: what rounds are worth, what calls were needed."""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    Findings,
    Row,
    Section,
    Table,
    count,
    counted,
    money,
    part_of,
    percent,
    plain,
)

_CHOOSERS = {
    "judge": "the judge",
    "only": "no contest",
    "rule": "the written rule",
}


def rounds(findings: Findings) -> Section:
    """Return what each refinement round was worth."""
    title = "Rounds of refinement"
    summary = findings.summaries.round_summary
    if summary.is_empty():
        return Section(title, "There was no verified rationale to refine.")
    columns = ["Round", "Played", "Accepted", "Acceptance", "Won", "Mean characters"]
    costs = ["Calls", "Input tokens", "Output tokens", "Cost", "Cost of each won"]
    rows = [_round_row(row) for row in summary.to_dicts()]
    return Section(
        title,
        "Round 0 is the verified first rationale, and took the calls of all attempts. "
        "A candidate that fails its check is reverted; of what stands, the judge "
        "chooses one rationale per question: that round won. "
        f"{_choices(findings)} {_worth(summary)}",
        [Table([*columns, *costs, "Reverted because"], rows, n_names=1)],
    )


def _round_row(row: Mapping[str, Any]) -> Row:
    return plain(
        str(row["round"]),
        *(count(row[name]) for name in ("played", "accepted")),
        percent(row["acceptance"]),
        count(row["won"]),
        ABSENT if row["characters"] is None else f"{row['characters']:.0f}",
        count(row["calls"]),
        # No token is no count: not every server counts.
        *(count(row[way] or None) for way in ("input_tokens", "output_tokens")),
        money(row["money"], row["currency"]),
        _spent(row, row["won"]),
        row["reverted_because"] or ABSENT,
    )


def _spent(row: Mapping[str, Any], n: int) -> str:
    """Return a round's cost by ``n``: in money, else in tokens, else in calls."""
    if not n:
        return ABSENT
    if row["money"] is not None:
        return money(row["money"] / n, row["currency"])
    tokens = (row["input_tokens"] or 0) + (row["output_tokens"] or 0)
    if tokens:
        return f"{tokens / n:,.0f} tokens"
    return f"{row['calls'] / n:.1f} calls"


def _worth(summary: pl.DataFrame) -> str:
    """Return what the rounds changed and took, and what the last one did."""
    first, *later = summary.to_dicts()
    if not later:
        return "No round of refinement was played."
    won = sum(row["won"] for row in later)
    last, total = later[-1], first["won"] + won
    measure = _measure(summary)
    took = {row["round"]: measure(row) for row in [first, *later]}
    all_ = sum(took.values()) or 1
    return (
        f"Do they pay? For {part_of(won, total)} questions the judge preferred a later "
        f"rationale to the first, for {percent((all_ - took[0]) / all_)} of the cost; "
        f"round {last['round']} alone won {count(last['won'])}, for "
        f"{percent(took[last['round']] / all_)}. Whether a student learns more from "
        "them, a judge's preference does not say."
    )


def _measure(summary: pl.DataFrame) -> Callable[[Mapping[str, Any]], float]:
    """Return what all rounds can be compared by: money, else tokens, else calls."""
    if not summary["money"].has_nulls():
        return lambda row: float(row["money"])
    tokens = ("input_tokens", "output_tokens")
    if all(summary[name].fill_null(0).min() for name in tokens):
        return lambda row: float(sum(row[name] for name in tokens))
    return lambda row: float(row["calls"])


def _choices(findings: Findings) -> str:
    """Return who chose, and how often two votes named different rounds."""
    chosen = findings.counts("reasoning_samples", kind="kept")
    by = counted({_CHOOSERS[name]: n for name, n in chosen.items()})
    told = f"Who chose: {by}. " if by else ""
    votes = findings.counts("votes_agree")
    if not votes:
        return f"{told}No second vote was read: position bias is not measured."
    differ = votes.get("false", 0)
    return (
        f"{told}Shown in the reverse order, the judge named another round for "
        f"{part_of(differ, sum(votes.values()))}: there it went by position."
    )


# ---- calls -----------------------------------------------------------------------

_RESTS_ON = {
    "last_run": "the rates of the run before",
    "priors": "priors, where no run before had measured a rate",
}


def calls(findings: Findings) -> Section:
    """Return what the models were asked, beside what was expected before the run."""
    title = "Model calls, estimated and needed"
    needed, expected = findings.summaries.model_calls, findings.summaries.cost_estimate
    if needed.is_empty() and expected.is_empty():
        return Section(title, "No model was asked, and no estimate was made.")
    rows = _beside(expected, needed)
    bases = [_RESTS_ON[name] for name in expected["rests_on"].unique()]
    names = ["Chapter", "Task", "Role", "Model"]
    columns = ["Calls estimated", "Calls", "Off by", "From the store", "Failed"]
    tokens = ["Tokens estimated", "Tokens", "Off by", "Cost estimated", "Spent"]
    called, paid = (list(map(cells, rows)) for cells in (_call_row, _token_row))
    return Section(
        title,
        "Estimated for synthesis before the first node ran, from "
        f"{', '.join(bases) or 'nothing: there is no estimate'}; low – middle – high. "
        "A call counts where the run needed it, also where the store answered; only "
        f"what was sent is spent. {_told(rows)}",
        # Two, so that money is seen on a page.
        [Table([*names, *columns], called, 4), Table([*names, *tokens], paid, 4)],
    )


def _beside(expected: pl.DataFrame, needed: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the estimate's rows with what became of them, then all other calls."""
    estimates = expected.with_columns(chapter=pl.lit("synthesis"), task=pl.col("node"))
    together = estimates.join(
        needed,
        ["chapter", "role", "task"],
        how="full",
        coalesce=True,
        maintain_order="left_right",
    )
    return together.to_dicts()


def _asked(row: Mapping[str, Any]) -> list[str]:
    return [row["chapter"], row["task"], row["role"], row["model"] or ABSENT]


def _call_row(row: Mapping[str, Any]) -> Row:
    calls = row["calls"]
    return plain(
        *_asked(row),
        _range(row["calls_mid"], row["calls_spread"]),
        count(calls),
        _off_by(calls, row["calls_mid"]),
        count(row["stored"]),
        count(row["failures"]),
    )


def _token_row(row: Mapping[str, Any]) -> Row:
    tokens, expected = _sum_of(row, "tokens"), _sum_of(row, "tokens_mid")
    return plain(
        *_asked(row),
        _range(expected, row["tokens_spread"]),
        count(tokens or None),
        _off_by(tokens, expected),
        money(row["money_mid"], row["currency"]),
        money(row["money"] or None, row["currency"] or ""),
    )


def _sum_of(row: Mapping[str, Any], what: str) -> int | None:
    parts = [row[f"input_{what}"], row[f"output_{what}"]]
    return None if None in parts else sum(parts)


def _range(mid: float | None, spread: float) -> str:
    if mid is None:
        return ABSENT
    bounds = (mid * (1 - spread), mid, mid * (1 + spread))
    return " – ".join(f"{value:,.0f}" for value in bounds)


def _off_by(actual: float | None, expected: float | None) -> str:
    """Return how far an estimate was off, in percent of what was needed."""
    if not actual or expected is None:
        return ABSENT
    return f"{100 * (expected - actual) / actual:+.0f} %"


def _told(rows: list[dict[str, Any]]) -> str:
    both = [r for r in rows if r["calls"] is not None and r["calls_mid"] is not None]
    if not both:
        return ""
    expected = sum(row["calls_mid"] for row in both)
    actual = sum(row["calls"] for row in both)
    return (
        f"In all: {expected:,.0f} calls estimated, {actual:,} needed "
        f"({_off_by(actual, expected)})."
    )
