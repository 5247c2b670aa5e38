"""``kedro estimate --pipeline=cedar``: models' calls and people's hours."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from kedro.framework.context import KedroContext

from psyche_kedro.pipelines.cedar import costs, parameters
from psyche_kedro.pipelines.cedar.alignment.given import read_given_benchmarks
from psyche_kedro.pipelines.cedar.isolation.pictures import prepare_pictures
from psyche_kedro.pipelines.cedar.isolation.scenarios import read_scenarios
from psyche_kedro.pipelines.synthesis.costs.prices import cost, price_of
from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters

_LAST = ("divergence", "cedar_items", "annotators")
"""Tables that rates are measured on."""


def estimate_cedar(context: KedroContext) -> Iterator[str]:
    """Yield a line for each node and role, one for people, and what all come to."""
    configured = context.config_loader["parameters"]
    settings = configured["cedar"]
    packs = context.catalog.load("language_packs")
    material = _material(context, packs)
    entries = context.config_loader["catalog"]
    models = dict(_models(entries))
    panel = costs.Panel(
        list(entries["cedar_labellers"]["models"]),
        list(entries["cedar_subjects"]["models"]),
        parameters.LabellingParameters(**settings["labelling"]),
        parameters.AlignmentParameters(**settings["alignment"]),
    )
    is_measured = all(context.catalog.exists(name) for name in _LAST)
    last = [context.catalog.load(name) for name in _LAST] if is_measured else None
    rates = costs.measure_rates(*last) if last else costs.Rates()
    rests_on = "the last run" if last else "simulation, where no run has measured any"
    yield (
        f"cedar, {material.scenarios.height:,} scenarios; by {rests_on}"
        f" {rates.isolated:.0%} are isolated, {rates.kept:.0%} of these kept"
    )
    asked = costs.estimate(material, packs, panel, rates)
    yield from _lines(asked, models, configured["prices"])
    people = parameters.AnnotationParameters(**settings["annotation"])
    work = costs.people_work(material.scenarios.height, packs, people, rates)
    yield (
        f"  people: {work.tasks:,.0f} tasks at {rates.seconds:.0f} s, {work.hours:,.1f}"
        f" hours, {work.hours / len(packs):,.1f} of each culture"
    )


def _material(context: KedroContext, packs: Any) -> costs.Material:
    """Return what the raw folders hold, read as the run will read it."""
    configured = context.config_loader["parameters"]
    settings = configured["cedar"]
    files = context.catalog.load("cedar_files")
    look = parameters.PictureParameters(**settings["pictures"])
    pictures, _ = prepare_pictures(files["scenarios"], look)
    scenarios, texts, _ = read_scenarios(
        files["scenarios"],
        pictures,
        packs,
        parameters.ScenarioParameters(**settings["scenarios"]),
        DeduplicationParameters(**configured["synthesis"]["deduplication"]),
    )
    given = read_given_benchmarks(files["benchmarks"], packs, look)
    shown = pl.concat([pictures, given.pictures])
    return costs.Material(scenarios, texts, shown, given.items)


def _models(entries: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the model of every role, a panel's by node and name."""
    for role in ("cedar_translator", "cedar_judge"):
        yield role, _model(entries[role])
    panels = {"label_provisionally": "labellers", "answer_items": "subjects"}
    for node, panel in panels.items():
        for name, entry in entries[f"cedar_{panel}"]["models"].items():
            yield f"{node} {name}", _model(entry)


def _model(entry: Mapping[str, Any]) -> str:
    return str(entry.get("model") or f"offline-{entry.get('role')}")


def _lines(
    asked: Sequence[costs.Asked], models: Mapping[str, str], prices: Mapping[str, Any]
) -> Iterator[str]:
    spent = []
    for row in asked:
        model = models.get(row.role) or models[f"{row.node} {row.role}"]
        money = cost(price_of(prices, model), row._asdict())
        spent.append(money["money"])
        yield f"  {row.node:<20} {row.role:<18} {_sums(row)} · {_money(**money)}"
    columns = zip(*(row[2:] for row in asked), strict=True)
    whole = costs.Asked("in all", "", *map(sum, columns))
    known = [money for money in spent if money is not None]
    priced = f"{sum(known):,.2f} where there is a price" if known else "no price"
    yield f"  {'in all':<20} {'':<18} {_sums(whole)} · {priced}"


def _sums(row: costs.Asked) -> str:
    return (
        f"calls {row.calls:,.0f} · pictures {row.pictures:,.0f}"
        f" · in {row.input_tokens:,.0f} · out {row.output_tokens:,.0f}"
    )


def _money(money: float | None, currency: str | None) -> str:
    return "no price" if money is None else f"{money:,.2f} {currency}"
