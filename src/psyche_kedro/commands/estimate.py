"""``kedro estimate``: what a run will cost, before it is spent."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import click
import polars as pl
from kedro.framework.context import KedroContext

from psyche_kedro.commands.estimate_cedar import estimate_cedar
from psyche_kedro.commands.estimate_chapters import estimate_chapters
from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.commands.project import opened_project
from psyche_kedro.commands.run import CONF_SOURCE, PARAMS
from psyche_kedro.hooks.estimate_basis import read_basis
from psyche_kedro.partitions.parts import framed
from psyche_kedro.pipelines.synthesis.costs.nodes import estimate_costs
from psyche_kedro.pipelines.synthesis.costs.pipeline import PARTS
from psyche_kedro.pipelines.synthesis.questions.nodes import (
    measure_topics,
    split_chunks,
)

_INPUTS = {
    "clean_documents": ("documents",),
    "clean_bank_questions": ("bank_questions",),
    "useful_posts": ("clean_posts", "posts"),
}
"""What synthesis reads, and what may stand for it as long as it is not there."""
_RESTS_ON = {
    "last_run": "rates as in the last run",
    "priors": "priors, where no run has measured a rate",
}


@click.command(name="estimate", params=[PARAMS, CONF_SOURCE])
@click.option("--env", help="Whose models and prices: base, endpoint, paper …")
@click.option(
    "--pipeline",
    type=click.Choice(["synthesis", "cedar"]),
    help="One chapter alone, with how far it may be off; every chapter by default.",
)
@in_one_sentence
def estimate_command(
    env: str | None,
    pipeline: str | None,
    params: dict[str, Any],
    conf_source: str | None,
) -> None:
    """Print requests, tokens and money per task and model, of every chapter or one."""
    with opened_project(
        env=env, runtime_params=params, conf_source=conf_source
    ) as context:
        for line in _ESTIMATES[pipeline](context):
            click.echo(line)


def _estimate_every_chapter(context: KedroContext) -> Iterator[str]:
    exists = context.catalog.exists
    there = {
        name: next(filter(exists, (name, *before)), None)
        for name, before in _INPUTS.items()
    }
    found = {name: table for name, table in there.items() if table}
    rows = _synthesis(context, found) if found.keys() == there.keys() else None
    instead = ", ".join(sorted(set(found.values()) - found.keys()))
    yield from estimate_chapters(context, rows, instead or "its inputs")


def _estimate_synthesis(context: KedroContext) -> Iterator[str]:
    rows = _synthesis(context, {name: name for name in _INPUTS})
    rests_on = rows["rests_on"].first()
    yield f"synthesis, by {_RESTS_ON[str(rests_on)]}; low … middle … high"
    yield from describe(rows)


_ESTIMATES = {
    None: _estimate_every_chapter,
    "synthesis": _estimate_synthesis,
    "cedar": estimate_cedar,
}


def _synthesis(context: KedroContext, tables: Mapping[str, str]) -> pl.DataFrame:
    """Return ``CostEstimate``, of the tables that stand for the chapter's inputs."""
    load = context.catalog.load
    inputs = {name: load(table) for name, table in tables.items()}
    rows: pl.DataFrame = framed(estimate_costs)(
        chunks=_chunks(inputs.pop("clean_documents"), load),
        basis=read_basis(context),
        prices=load("params:prices"),
        **inputs,
        **{part: load(f"params:synthesis.{part}") for part in PARTS},
    )
    return rows


def _chunks(documents: pl.DataFrame, load: Callable[[str], Any]) -> pl.DataFrame:
    taxonomy = load("params:synthesis.distillation")
    topics = measure_topics(documents, taxonomy, load("params:synthesis.topics"))
    return split_chunks(documents, topics, load("params:synthesis.chunks"))[0]


def describe(estimates: pl.DataFrame) -> Iterable[str]:
    """Yield a line for each node and model, and what they come to.

    Args:
        estimates: ``CostEstimate``.
    """
    for (node, role), row in estimates.group_by("node", "role", maintain_order=True):
        yield f"  {node:<24} {role:<14} {_sums(row)}"
    yield f"  in all: {_sums(estimates)}{_unpriced(estimates)}"
    yield (
        "  Calls are those the run needs, paid before or not. The store holds"
        f" {estimates['in_store'].sum():,} replies of these models to these nodes: what"
        " of them is asked again costs nothing."
    )


def _sums(rows: pl.DataFrame) -> str:
    """Return what ``rows`` come to: calls, tokens each way, money."""
    currency = next(iter(rows["currency"].drop_nulls()), None)
    money = f"{_range(rows, 'money', '.2f')} {currency}" if currency else "no price"
    return (
        f"calls {_range(rows, 'calls')} · in {_range(rows, 'input_tokens')}"
        f" · out {_range(rows, 'output_tokens')} · {money}"
    )


def _unpriced(estimates: pl.DataFrame) -> str:
    """Return which roles a sum of money leaves out."""
    lacking = estimates.filter(pl.col("currency").is_null())["role"].unique().sort()
    if lacking.is_empty() or estimates["currency"].is_null().all():
        return ""
    return f" without {', '.join(lacking)}, whose model has no price"


def _range(rows: pl.DataFrame, name: str, digits: str = ".0f") -> str:
    spread = rows["calls_spread" if name == "calls" else "tokens_spread"]
    mid = rows[f"{name}_mid"]
    bounds = (mid * (1 - spread), mid, mid * (1 + spread))
    return " … ".join(f"{values.sum():,{digits}}" for values in bounds)
