"""``kedro compare``: what differs between two runs, and in what they came to."""

import difflib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click
import polars as pl

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.commands.project import opened_project
from psyche_kedro.errors import PsycheError
from psyche_kedro.hooks.run_record import PROMPT_TEXTS

_SCORES = "tables/scores.csv"
_CELL = ["role", "benchmark", "cell", "protocol", "metric"]
_SHOWN = ["value", "low", "high"]
_TYPES = dict.fromkeys(_CELL, pl.String()) | dict.fromkeys(_SHOWN, pl.Float64())
_DIGEST_CHARS = 8
_LISTED = 20


class Recorded(NamedTuple):
    """What MLflow holds of a run.

    Attributes:
        name: Its beginning of an id, when it began, its name and how it ended.
        parameters: Models and URLs among them.
        sources: Digest by name.
        prompts: Templates by name.
        scores: ``Scores``; none where the run made none.
    """

    name: str
    parameters: Mapping[str, str]
    sources: Mapping[str, str]
    prompts: Mapping[str, str]
    scores: pl.DataFrame | None


@click.command(name="compare")
@click.argument("runs", nargs=-1)
@click.option("--env", help="Whose MLflow: base, endpoint, paper …")
@in_one_sentence
def compare(runs: tuple[str, ...], env: str | None) -> None:
    """Print what differs between two RUNS of MLflow; without any, list them.

    A run is named by its id or the beginning of it.
    """
    with opened_project(env=env):  # kedro-mlflow tells MLflow where its store is
        known = _runs()
        if not runs:
            click.echo("\n".join(_called(run) for run in known[:_LISTED]))
            return
        if len(runs) != 2:  # noqa: PLR2004 - two
            raise PsycheError("Name two runs, or none to see which there are.")
        first, second = (_recorded(_one(known, name)) for name in runs)
    click.echo("\n".join(describe(first, second)))


def describe(first: Recorded, second: Recorded) -> Iterator[str]:
    """Yield what differs, section by section."""
    yield f"- {first.name}"
    yield f"+ {second.name}"
    yield from _section("parameters", _changed(first.parameters, second.parameters))
    yield from _section("sources", _changed(first.sources, second.sources))
    yield from _section("prompts", _prompts(first.prompts, second.prompts))
    yield from _section("results", _results(first.scores, second.scores))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"\n{title}"
    found = [f"  {line}" for line in lines]
    yield from found or ["  alike"]


def _changed(first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(first.keys() | second.keys()):
        before, after = first.get(key, "–"), second.get(key, "–")
        if before != after:
            yield f"{key}: {before} → {after}"


def _prompts(first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(first.keys() | second.keys()):
        texts = (first.get(name, ""), second.get(name, ""))
        before, after = (text.splitlines() for text in texts)
        yield from difflib.unified_diff(before, after, name, name, lineterm="", n=1)


def _results(first: pl.DataFrame | None, second: pl.DataFrame | None) -> Iterator[str]:
    if first is None or second is None:
        yield "not both runs have scored"
        return
    before, after = (scores.select(*_CELL, *_SHOWN) for scores in (first, second))
    both = before.join(
        after,
        _CELL,
        "full",
        suffix="_after",
        coalesce=True,
        maintain_order="left_right",
    )
    differs = pl.col("value").ne_missing(pl.col("value_after"))
    for row in both.filter(differs).iter_rows(named=True):
        cell = " · ".join(str(row[name]) for name in _CELL)
        yield f"{cell}: {_interval(row, '')} → {_interval(row, '_after')}"


def _interval(row: Mapping[str, Any], when: str) -> str:
    value, low, high = (row[f"{name}{when}"] for name in _SHOWN)
    if value is None:
        return "–"
    bounds = "" if low is None else f" [{low:.2f}, {high:.2f}]"
    return f"{value:.2f}{bounds}"


def _runs() -> list[Any]:
    """Return the whole runs that MLflow holds, the newest first."""
    import mlflow  # noqa: PLC0415 - dear to import

    client = mlflow.MlflowClient()
    found = client.search_runs(
        [experiment.experiment_id for experiment in client.search_experiments()],
        order_by=["attributes.start_time DESC"],
    )
    return [run for run in found if "mlflow.parentRunId" not in run.data.tags]


def _one(known: list[Any], name: str) -> Any:
    """Return the run that is meant.

    Raises:
        PsycheError: If none is, or several are.
    """
    found = [run for run in known if run.info.run_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    raise PsycheError(
        f"{len(found)} runs begin with '{name}': `kedro compare` lists them."
    )


def _called(run: Any) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415

    began = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    return (
        f"{run.info.run_id[:_DIGEST_CHARS]}  {began:%Y-%m-%d %H:%M} UTC"
        f"  {run.info.run_name}  {run.info.status}"
    )


def _recorded(run: Any) -> Recorded:
    prompts, scores = _artifact(run, PROMPT_TEXTS), _artifact(run, _SCORES)
    sources = run.inputs.dataset_inputs if run.inputs else []
    return Recorded(
        _called(run),
        run.data.params,
        {one.dataset.name: one.dataset.digest[:_DIGEST_CHARS] for one in sources},
        json.loads(prompts) if prompts else {},
        pl.read_csv(io.StringIO(scores), schema_overrides=_TYPES) if scores else None,
    )


def _artifact(run: Any, name: str) -> str:
    """Return the text of an artifact; empty where the run left none."""
    import mlflow  # noqa: PLC0415 - dear to import

    client = mlflow.MlflowClient()
    folder = name.rpartition("/")[0] or None
    kept = {one.path for one in client.list_artifacts(run.info.run_id, folder)}
    if name not in kept:
        return ""
    return str(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{name}"))
