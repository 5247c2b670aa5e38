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
    Basis,
    Tokens,
    count_generated,
    measure_rates,
)
from psyche_kedro.pipelines.synthesis.parameters import DistillationParameters

_LOG = logging.getLogger(__name__)

ROLES = ("teacher_model", "judge_model")

Entries = Mapping[str, Mapping[str, Any]]


def read_basis(context: KedroContext) -> Basis:
    """Return what the last run's tables and the reply store tell."""
    entries = context.config_loader["catalog"]
    roles = {role: entries[role] for role in ROLES}
    last = dict(earlier_tables(context.catalog))
    taxonomy = context.config_loader["parameters"]["synthesis"]["distillation"]
    held = _holdings(roles, context.project_path)
    return Basis(
        models={role: model_id(entry) for role, entry in roles.items()},
        rates=measure_rates(last),
        generated=count_generated(last, DistillationParameters(**taxonomy)),
        sizes=measured_sizes(held, roles),
        in_store=count_replies(held, roles),
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


def model_id(entry: Mapping[str, Any]) -> str:
    """Return how the store's model names begin for a catalog entry."""
    return str(entry.get("model") or f"offline-{entry.get('role')}")


def measured_sizes(holdings: Iterable[Holding], roles: Entries) -> dict[str, Tokens]:
    """Return mean tokens of a call by ``node role``, where the store counted any.

    Args:
        holdings: What the store holds by model and task.
        roles: Catalog entries by role.
    """
    sums: dict[str, tuple[int, int, int]] = {}
    for name, held in _by_role(holdings, roles):
        if held.input_tokens:
            n, given, made = sums.get(name, (0, 0, 0))
            sums[name] = (
                n + held.replies,
                given + held.input_tokens,
                made + held.output_tokens,
            )
    return {key: Tokens(given / n, made / n) for key, (n, given, made) in sums.items()}


def count_replies(holdings: Iterable[Holding], roles: Entries) -> dict[str, int]:
    """Return how many replies the store holds by ``node role``."""
    counts: dict[str, int] = {}
    for name, held in _by_role(holdings, roles):
        counts[name] = counts.get(name, 0) + held.replies
    return counts


def _by_role(
    holdings: Iterable[Holding], roles: Entries
) -> Iterable[tuple[str, Holding]]:
    for held in holdings:
        for role, entry in roles.items():
            if _is_of(held.model, entry):
                yield f"{held.task} {role}", held


def _is_of(model: str, entry: Mapping[str, Any]) -> bool:
    """Return whether a stored name is the entry's model, of whatever revision."""
    name = model.partition("@")[0]  # gpt-4o is not gpt-4o-mini
    if "model" in entry:
        return name == str(entry["model"])
    return name.startswith(f"{model_id(entry)}-")


def _holdings(roles: Entries, project: Path) -> list[Holding]:
    store = next(iter(roles.values())).get("store")
    path = project / str(store)
    if store is None or not path.exists():
        return []
    with ReplyStore(path).open() as session:
        return list_holdings(session)
