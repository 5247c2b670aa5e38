"""What each round was worth: the numbers with which a user decides whether R = 3 pays.

§2.2 sets R = 3 without saying what a round costs. Money is at list price
(``conf/base/prices.yml``); a batch discount is not taken off.

Example row::

    {"round": 3, "played": 116, "accepted": 96, "won": 70, "calls": 232,
     "input_tokens": 190_000, "output_tokens": 81_000, "money": 1.09, …}
"""

from typing import Any

import polars as pl

from psyche_kedro.llm.prices import cost, price_of
from psyche_kedro.tables import RoundSummary, Row, frame

_MONEY = {"money": pl.Float64, "currency": pl.String}
_TOKENS = {name: pl.col(name).sum() for name in ("input_tokens", "output_tokens")}


def summarise_rounds(
    *,
    rationales: pl.DataFrame,
    rationale_rounds: pl.DataFrame,
    reasoning_samples: pl.DataFrame,
    prices: dict[str, Any],
) -> pl.DataFrame:
    """Return what each round took and gave: calls, tokens, money; accepted and won.

    Args:
        rationales: ``Rationales``: what round 0 took, unsolved questions included.
        rationale_rounds: ``RationaleRounds``.
        reasoning_samples: ``ReasoningSamples``.
        prices: Fields of ``Price`` by model id.

    Returns:
        ``RoundSummary``, one row per round.
    """
    accepted = pl.col("outcome") != "reverted"
    gave = rationale_rounds.group_by("round").agg(
        played=pl.len(),
        accepted=accepted.sum(),
        acceptance=accepted.mean(),
        reverted_because=pl.col("reason").drop_nulls().value_counts(sort=True),
        characters=pl.col("rationale").str.len_chars().filter(accepted).mean(),
    )
    took = _taken(
        pl.concat([_attempts(rationales), _refinements(rationale_rounds)]), prices
    )
    won = reasoning_samples.group_by("round").agg(won=pl.len())
    rows = gave.join(took, on="round").join(won, on="round", how="left").sort("round")
    return frame(RoundSummary, map(_summary_row, rows.iter_rows(named=True)))


def _attempts(rationales: pl.DataFrame) -> pl.DataFrame:
    calls = pl.len().cast(pl.Int64)
    return rationales.group_by(round=pl.lit(0, pl.Int64), model="model").agg(
        calls=calls, **_TOKENS
    )


def _refinements(rounds: pl.DataFrame) -> pl.DataFrame:
    # A candidate for each, and an answer for each whose candidate was not refused.
    calls = (pl.len() + pl.col("reply_key").is_not_null().sum()).cast(pl.Int64)
    # A refused candidate's row names no model: who solved a question plays its rounds.
    solver = rounds.filter(round=0).select("question_id", solver="model")
    later = rounds.filter(pl.col("round") > 0).join(solver, on="question_id")
    model = pl.coalesce("model", "solver")
    return later.group_by("round", model=model).agg(calls=calls, **_TOKENS)


def _taken(took: pl.DataFrame, prices: dict[str, Any]) -> pl.DataFrame:
    """Return what each round took of all its models; money only if each has a price."""
    rows = [
        row | cost(price_of(prices, row["model"]), row)
        for row in took.iter_rows(named=True)
    ]
    priced = pl.DataFrame(rows, schema={**took.schema, **_MONEY}, orient="row")
    known = pl.col("money").is_not_null().all()
    return priced.group_by("round").agg(
        pl.col("calls").sum(),
        **_TOKENS,
        money=pl.when(known).then(pl.col("money").sum()),
        currency=pl.when(known).then(pl.col("currency").first()),
    )


def _summary_row(row: Row) -> Row:
    counts = [f"{r['reason']} {r['count']}" for r in row["reverted_because"]]
    return row | {"reverted_because": ", ".join(counts), "won": row["won"] or 0}
