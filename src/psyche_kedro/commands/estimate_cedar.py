"""``kedro estimate --pipeline=cedar``: models' calls and people's hours."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl
from kedro.framework.context import KedroContext
from kedro.io import DataCatalog

from psyche_kedro.datasets.language_packs import Packs
from psyche_kedro.hooks.estimate_basis import Entry, players_of
from psyche_kedro.llm.prices import cost, price_of
from psyche_kedro.pipelines.cedar import costs
from psyche_kedro.pipelines.cedar.alignment.given import read_given_benchmarks
from psyche_kedro.pipelines.cedar.isolation.pictures import prepare_pictures
from psyche_kedro.pipelines.cedar.isolation.scenarios import read_scenarios
from psyche_kedro.pipelines.synthesis.costs.basis import Player

_LAST = ("divergence", "cedar_items", "annotators")
"""Tables that rates are measured on."""


class Reckoned(NamedTuple):
    """What CEDAR will take.

    Attributes:
        asked: By node and role.
        players: Who each of ``asked`` is, with its entry of the catalog.
        n: Scenarios.
        rates: What is expected of them.
        rests_on: Where the rates come from.
        packs: Languages, by culture.
    """

    asked: list[costs.Asked]
    players: list[tuple[Player, Entry]]
    n: int
    rates: costs.Rates
    rests_on: str
    packs: Packs


def reckon_cedar(context: KedroContext) -> Reckoned:
    """Return what every node of CEDAR will ask, counted on its raw folders."""
    catalog, entries = context.catalog, context.config_loader["catalog"]
    packs = catalog.load("language_packs")
    material = _material(catalog, packs)
    panel = costs.Panel(
        list(entries["cedar_labellers"]["models"]),
        list(entries["cedar_subjects"]["models"]),
        catalog.load("params:cedar.labelling"),
        catalog.load("params:cedar.alignment"),
    )
    is_measured = all(map(catalog.exists, _LAST))
    last = [catalog.load(name) for name in _LAST] if is_measured else None
    rates = costs.measure_rates(*last) if last else costs.Rates()
    asked = costs.estimate(material, packs, panel, rates)
    playing = [players_of(_entry(row, entries))[0] for row in asked]
    rests_on = "the last run" if last else "simulation, where no run has measured any"
    return Reckoned(asked, playing, material.scenarios.height, rates, rests_on, packs)


def estimate_cedar(context: KedroContext) -> Iterator[str]:
    """Yield a line for each node and role, one for people, and what all come to."""
    found = reckon_cedar(context)
    rates, packs = found.rates, found.packs
    yield (
        f"cedar, {found.n:,} scenarios; by {found.rests_on}"
        f" {rates.isolated:.0%} are isolated, {rates.kept:.0%} of these kept"
    )
    yield from _lines(found, context.catalog.load("params:prices"))
    people = context.catalog.load("params:cedar.annotation")
    work = costs.people_work(found.n, packs, people, rates)
    yield (
        f"  people: {work.tasks:,.0f} tasks at {rates.seconds:.0f} s, {work.hours:,.1f}"
        f" hours, {work.hours / len(packs):,.1f} of each culture"
    )


def _material(catalog: DataCatalog, packs: Packs) -> costs.Material:
    """Return what the raw folders hold, read as the run will read it."""
    files = catalog.load("cedar_files")
    look = catalog.load("params:cedar.pictures")
    pictures, _ = prepare_pictures(files["scenarios"], look)
    scenarios, texts, _ = read_scenarios(
        files["scenarios"],
        pictures,
        packs,
        catalog.load("params:cedar.scenarios"),
        catalog.load("params:synthesis.deduplication"),
    )
    given = read_given_benchmarks(files["benchmarks"], packs, look)
    shown = pl.concat([pictures, given.pictures])
    return costs.Material(scenarios, texts, shown, given.items)


def _entry(row: costs.Asked, entries: Mapping[str, Any]) -> Entry:
    """Return the entry of a role; of a panel's it is the name."""
    panels = {"label_provisionally": "labellers", "answer_items": "subjects"}
    panel = panels.get(row.node)
    of = entries[f"cedar_{panel}"]["models"] if panel else entries
    entry: Entry = of[row.role]
    return entry


def _lines(found: Reckoned, prices: Mapping[str, Any]) -> Iterator[str]:
    spent = []
    for row, (player, _) in zip(found.asked, found.players, strict=True):
        money = cost(price_of(prices, player.model), row._asdict())
        spent.append(money["money"])
        yield f"  {row.node:<20} {row.role:<18} {_sums(row)} · {_money(**money)}"
    columns = zip(*(row[2:] for row in found.asked), strict=True)
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
