"""What is on disk before a run that tells what the run will take.

``kedro estimate`` prints from it; a run reads it before its first node, so that the
report lays an estimate beside the run that knew nothing of it.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from kedro.framework.context import KedroContext
from kedro.io import DataCatalog, DatasetError

from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.llm.store.upkeep import Holding, list_holdings
from psyche_kedro.pipelines.synthesis.costs.basis import (
    LAST,
    PLAYERS,
    Basis,
    Player,
    Tokens,
    count_generated,
    measure_rates,
)
from psyche_kedro.pipelines.synthesis.parameters import DistillationParameters

_LOG = logging.getLogger(__name__)

Entry = Mapping[str, Any]
Entries = Mapping[Player, Entry]


def read_basis(context: KedroContext) -> Basis:
    """Return what the last run's tables and the reply store tell."""
    catalog = context.config_loader["catalog"]
    playing = {name: players_of(catalog[name]) for name in PLAYERS}
    entries = {p: entry for players in playing.values() for p, entry in players}
    last = dict(earlier_tables(context.catalog))
    taxonomy = context.config_loader["parameters"]["synthesis"]["distillation"]
    held = list_held(entries, context.project_path)
    return Basis(
        players={name: [p for p, _ in players] for name, players in playing.items()},
        rates=measure_rates(last),
        generated=count_generated(last, DistillationParameters(**taxonomy)),
        sizes=measured_sizes(held, entries),
        in_store=count_replies(held, entries),
    )


def earlier_tables(catalog: DataCatalog) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield what the last run left, by name; another version's tables are left out."""
    for name in LAST:
        if not catalog.exists(name):
            continue
        try:
            yield name, catalog.load(name)
        except DatasetError:
            _LOG.warning(
                "The table '%s' of an earlier run is not of this version: the estimate"
                " takes priors for what it would tell.",
                name,
            )


def players_of(entry: Entry) -> list[tuple[Player, Entry]]:
    """Return the models of an entry of the catalog, each with its own entry.

    Args:
        entry: One model, or ``models`` by name.
    """
    entries = entry["models"].values() if "models" in entry else [entry]
    return [(_player(each), each) for each in entries]


def _player(entry: Entry) -> Player:
    """Return the role of a model, and how its names begin in the store."""
    role = str(entry.get("role") or entry.get("model"))
    return Player(role, str(entry.get("model") or f"offline-{role}"))


def measured_sizes(holdings: Iterable[Holding], entries: Entries) -> dict[str, Tokens]:
    """Return mean tokens of a call by ``node role``, where the store counted any.

    Args:
        holdings: What the store holds by model and task.
        entries: Of the catalog, by the model that they are.
    """
    sums: dict[str, tuple[int, int, int]] = {}
    for name, held in _by_role(holdings, entries):
        if held.input_tokens:
            n, given, made = sums.get(name, (0, 0, 0))
            sums[name] = (
                n + held.replies,
                given + held.input_tokens,
                made + held.output_tokens,
            )
    return {key: Tokens(given / n, made / n) for key, (n, given, made) in sums.items()}


def count_replies(holdings: Iterable[Holding], entries: Entries) -> dict[str, int]:
    """Return how many replies the store holds by ``node role``."""
    counts: dict[str, int] = {}
    for name, held in _by_role(holdings, entries):
        counts[name] = counts.get(name, 0) + held.replies
    return counts


def _by_role(
    holdings: Iterable[Holding], entries: Entries
) -> Iterable[tuple[str, Holding]]:
    for held in holdings:
        for player, entry in entries.items():
            if _is_of(held.model, player, entry):
                yield f"{held.task} {player.role}", held


def _is_of(model: str, player: Player, entry: Entry) -> bool:
    """Return whether a stored name is the entry's model, of whatever revision."""
    name = model.partition("@")[0]  # gpt-4o is not gpt-4o-mini
    if "model" in entry:
        return name == player.model
    return name.startswith(f"{player.model}-")


def list_held(entries: Entries, project: Path) -> list[Holding]:
    """Return what the store of the models holds; nothing where there is none yet.

    Args:
        entries: Of the catalog, by the model that they are.
        project: What a relative path of the store is below.
    """
    store = next(iter(entries.values())).get("store")
    path = project / str(store)
    if store is None or not path.exists():
        return []
    with ReplyStore(path).open() as session:
        return list_holdings(session)
