"""``kedro status``: what stands in the output root, and what has been overtaken."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import click
from kedro.framework.project import pipelines
from kedro.io import DataCatalog

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.commands.project import opened_project
from psyche_kedro.commands.run import PARAMS
from psyche_kedro.hooks.lineage import Ledger, Lineage
from psyche_kedro.hooks.lineage_check import configured, read_ledger


class Standing(NamedTuple):
    """How one dataset of a chapter stands."""

    name: str
    rows: int | None
    made: str
    """When, by the run that made it; empty where no run that ended did."""
    state: str
    """``fresh``, ``stale`` or ``missing``."""


@click.command(name="status", params=[PARAMS])
@click.option("--env", help="Whose catalog and parameters: base, endpoint, paper …")
@in_one_sentence
def status(env: str | None, params: dict[str, Any]) -> None:
    """Print every chapter's datasets: rows, when they were made, fresh or stale."""
    with opened_project(env=env, runtime_params=params) as context:
        ledger = read_ledger(context.catalog)
        lineage = Lineage(context.catalog, configured(context), ledger)
        chapters = {
            name: list(_standings(made.all_outputs(), context.catalog, lineage, ledger))
            for name, made in pipelines.items()
            if name != "__default__"
        }
        for line in describe(chapters):
            click.echo(line)
        for sentence in lineage.stale(set(ledger.made)):
            click.echo(f"stale: {sentence}")


def describe(chapters: dict[str, list[Standing]]) -> Iterator[str]:
    """Yield a line for each chapter and dataset, and what to run next."""
    for chapter, standings in chapters.items():
        yield chapter
        for one in standings:
            rows = "" if one.rows is None else f"{one.rows:,}"
            yield f"  {one.name:<32}{rows:>12}  {one.state:<8}{one.made}".rstrip()
    due = [
        chapter
        for chapter, standings in chapters.items()
        if any(one.state != "fresh" for one in standings)
    ]
    if due:
        yield (
            f"to make anew: kedro run --pipelines={','.join(due)} (`kedro estimate`"
            " says what the calls will cost)"
        )


def _standings(
    names: set[str], catalog: DataCatalog, lineage: Lineage, ledger: Ledger
) -> Iterator[Standing]:
    for name in sorted(names):
        if name not in catalog or not lineage.version(name):
            continue
        dataset = catalog.get(name)
        if not dataset.exists():
            yield Standing(name, None, "", "missing")
            continue
        made = ledger.made.get(name)
        rows = dataset.height() if hasattr(dataset, "height") else None
        state = "stale" if lineage.stale({name}) else "fresh"
        yield Standing(name, rows, made.at if made else "", state)
