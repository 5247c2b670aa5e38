"""``kedro estimate``: what a chapter will cost, before it is spent."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.utils import find_kedro_project

from psyche_kedro.llm.accounts import Price, read_prices
from psyche_kedro.llm.reply_store import ReplyStore
from psyche_kedro.llm.upkeep import Holding, list_holdings
from psyche_kedro.pipelines.synthesis import parameters
from psyche_kedro.pipelines.synthesis.estimate import (
    NodeEstimate,
    Range,
    Settings,
    Tokens,
    estimate,
)

_INPUTS = ("clean_documents", "clean_bank_questions", "useful_posts")
_LAST = (
    "useful_posts generated_questions rejected_generated_questions question_pool"
    " rejected_pool_questions question_clusters distinct_questions screened_questions"
    " reviewed_questions rationales rationale_rounds reasoning_samples refined_posts"
    " rejected_dialogues empathetic_dialogues"
)
_SETTINGS = {
    "chunks": parameters.ChunkParameters,
    "questions": parameters.QuestionParameters,
    "distillation": parameters.DistillationParameters,
    "rationales": parameters.RationaleParameters,
    "dialogues": parameters.DialogueParameters,
}
_PER = 1_000_000


@click.command(name="estimate")
@click.option("--env", help="Whose models and prices: base, endpoint, paper …")
@click.option(
    "--pipeline",
    type=click.Choice(["synthesis"]),
    default="synthesis",
    show_default=True,
    help="The chapter; synthesis is where nearly all calls are.",
)
@click.option("--params", help="As for `kedro run`, e.g. data=runs/a,raw=books.")
def estimate_command(env: str | None, pipeline: str, params: str | None) -> None:
    """Print calls, tokens and money per node and model, each with its range."""
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    bootstrap_project(project)
    given = dict(pair.split("=", 1) for pair in params.split(",")) if params else None
    with KedroSession.create(project, env=env, runtime_params=given) as session:
        context = session.load_context()
        models = context.config_loader["catalog"]
        settings = context.config_loader["parameters"][pipeline]
        catalog = context.catalog
    inputs = {name: catalog.load(name) for name in _INPUTS}
    last = {name: catalog.load(name) for name in _LAST.split() if catalog.exists(name)}
    roles = {role: models[role] for role in ("teacher_model", "judge_model")}
    rows = estimate(
        inputs,
        Settings(**{key: kind(**settings[key]) for key, kind in _SETTINGS.items()}),
        last=last,
        sizes=_sizes(roles, project),
    )
    source = "the last run's rates" if "reasoning_samples" in last else "priors"
    click.echo(f"{pipeline}, by {source}; low … middle … high")
    for line in _lines(rows, roles, _prices(roles, project)):
        click.echo(line)


def model_id(entry: Mapping[str, Any]) -> str:
    """Return how the store's model names begin for a catalog entry."""
    return str(entry.get("model") or f"offline-{entry.get('role')}")


def measured_sizes(
    holdings: Iterable[Holding], roles: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], Tokens]:
    """Return mean tokens of a call by (node, role), where the store counted any.

    Args:
        holdings: What the store holds by model and task.
        roles: Catalog entries by role.
    """
    sums: dict[tuple[str, str], tuple[int, int, int]] = {}
    for held in holdings:
        for role, entry in roles.items():
            if held.model.startswith(model_id(entry)) and held.input_tokens:
                n, given, made = sums.get((held.task, role), (0, 0, 0))
                sums[held.task, role] = (
                    n + held.replies,
                    given + held.input_tokens,
                    made + held.output_tokens,
                )
    return {key: Tokens(given / n, made / n) for key, (n, given, made) in sums.items()}


def _sizes(
    roles: Mapping[str, Mapping[str, Any]], project: Path
) -> dict[tuple[str, str], Tokens]:
    path = project / next(iter(roles.values()))["store"]
    if not path.exists():
        return {}
    with ReplyStore(path).open() as session:
        return measured_sizes(list_holdings(session), roles)


def _prices(roles: Mapping[str, Mapping[str, Any]], project: Path) -> dict[str, Price]:
    path = next(iter(roles.values())).get("prices", "conf/base/prices.yml")
    return read_prices(project / path)


def _lines(
    rows: list[NodeEstimate],
    roles: Mapping[str, Mapping[str, Any]],
    prices: Mapping[str, Price],
) -> Iterable[str]:
    for row in rows:
        price = prices.get(model_id(roles[row.role]))
        yield (
            f"  {row.node:<24} {row.role:<14} calls {_shown(row.calls)}"
            f" · in {_shown(row.input_tokens)} · out {_shown(row.output_tokens)}"
            f" · {_money(row, price)}"
        )
    totals = [
        _sum(getattr(row, name) for row in rows)
        for name in ("calls", "input_tokens", "output_tokens")
    ]
    calls, given, made = map(_shown, totals)
    yield f"  in all: calls {calls} · in {given} · out {made}"


def _money(row: NodeEstimate, price: Price | None) -> str:
    if price is None:
        return "no price"
    spent = Range(
        *(
            (given * price.input + made * price.output) / _PER
            for given, made in zip(row.input_tokens, row.output_tokens, strict=True)
        )
    )
    return f"{spent.low:,.2f} … {spent.mid:,.2f} … {spent.high:,.2f} {price.currency}"


def _shown(number: Range) -> str:
    return " … ".join(f"{value:,.0f}" for value in number)


def _sum(ranges: Iterable[Range]) -> Range:
    return Range(*map(sum, zip(*ranges, strict=True)))
