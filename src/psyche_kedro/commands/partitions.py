"""``kedro partitions``: what finished parts take, and what can go."""

from typing import Any

import click

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.commands.project import opened_project
from psyche_kedro.commands.run import PARAMS
from psyche_kedro.errors import PartitionError
from psyche_kedro.partitions.store import Kept, PartitionStore

_MB = 1_000_000


@click.group(name="partitions")
def partitions() -> None:
    """What the work on parts of tables and books has left in its store."""


@partitions.command(name="show", params=[PARAMS])
@click.option("--env", help="Whose catalog: base, endpoint, paper …")
@in_one_sentence
def show(env: str | None, params: dict[str, Any]) -> None:
    """Print how many parts of each work are finished, and what they take."""
    for one in what_is_kept(_store(env, params)):
        click.echo(
            f"{one.work:<24}{one.partitions:>9,} parts{one.n_bytes / _MB:>12,.1f} MB"
            f"{len(one.folders):>9,} not needed by the last run"
        )


@partitions.command(name="prune", params=[PARAMS])
@click.option("--env", help="Whose catalog: base, endpoint, paper …")
@in_one_sentence
def prune(env: str | None, params: dict[str, Any]) -> None:
    """Delete what the last finished run of each work did not need."""
    store = _store(env, params)
    for one in what_is_kept(store):
        store.remove(one.folders)
        click.echo(f"{one.work}: {len(one.folders):,} removed")


def what_is_kept(store: PartitionStore) -> list[Kept]:
    """Return what stands there.

    Raises:
        PartitionError: If nothing does: the root may be misspelt.
    """
    if kept := list(store.kept()):
        return kept
    raise PartitionError(
        f"No work on parts has left anything at {store.root}: name the output root of a"
        " run with `--params data=...`, or run something first."
    )


def _store(env: str | None, params: dict[str, Any]) -> PartitionStore:
    with opened_project(env=env, runtime_params=params) as context:
        store: PartitionStore = context.catalog.get("map_engine").store
        return store
