"""The corpus as a product: Parquet shards, a dataset card, and what was withheld.

The paper released neither data nor card (ours). A row leaves the house only if someone
may pass it on: its source has a declared licence that allows it, a language model wrote
what it claims a model wrote, and people's words were de-identified by more than rules.
The last two, and a missing licence, can be forced by name, and the card then says so;
a licence that forbids cannot.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from importlib.resources import files
from typing import Any, NamedTuple

import polars as pl
from jinja2 import Environment, StrictUndefined

from psyche_kedro import __version__
from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    has_model_read,
)
from psyche_kedro.pipelines.selection.parameters import Licence, ReleaseParameters
from psyche_kedro.tables import content_id

_PROVENANCE = (
    "source",
    "origin",
    "chunk_id",
    "round",
    "models",
    "prompt_digests",
    "deid_level",
    "licence",
)
"""Columns that every released row has beside its set's own."""

_TYPES: dict[Any, str] = {pl.String: "string", pl.Int64: "int64", pl.Float64: "float64"}
# autoescape is off because the output is Markdown, not HTML.
_JINJA = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701


class Judged(NamedTuple):
    """Examples with ``licence`` and ``withheld`` (a reason, or null)."""

    sft: pl.DataFrame
    grpo: pl.DataFrame

    def items(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield both sets by name."""
        yield "sft", self.sft
        yield "grpo", self.grpo


def judge_examples(
    examples: pl.DataFrame, provenance: pl.DataFrame, params: ReleaseParameters
) -> pl.DataFrame:
    """Return the examples with their provenance, licence and reason to withhold.

    Args:
        examples: A set.
        provenance: ``ExampleProvenance``.
        params: ``selection.release``.
    """
    traced = examples.join(
        provenance.drop("part"), on="example_id", how="left", maintain_order="left"
    )
    licences = {
        source: licence_of(source, params.licences)
        for source in traced["source"].unique()
    }
    known = [licences[source] for source in traced["source"]]
    reasons = [
        _reason(row, licence, params.force.names)
        for row, licence in zip(traced.iter_rows(named=True), known, strict=True)
    ]
    names = [licence.name if licence else "unknown" for licence in known]
    return traced.with_columns(
        licence=pl.Series(names, dtype=pl.String),
        withheld=pl.Series(reasons, dtype=pl.String),
    )


def licence_of(source: str, licences: Sequence[Licence]) -> Licence | None:
    """Return the first licence one of whose patterns fits ``source``."""
    for licence in licences:
        if any(fnmatch(source, pattern) for pattern in licence.sources):
            return licence
    return None


def _reason(
    row: Mapping[str, Any], licence: Licence | None, force: frozenset[str]
) -> str | None:
    if licence is not None and not licence.redistribute:
        return "licence_forbids"
    found = {
        "offline": any(model.startswith("offline") for model in row["models"]),
        "rules_only": row["deid_level"] is not None
        and not has_model_read(row["deid_level"]),
        "unknown_licence": licence is None,
    }
    return next((r for r, is_so in found.items() if is_so and r not in force), None)


def released(examples: pl.DataFrame) -> pl.DataFrame:
    """Return the rows and columns that leave the house."""
    return examples.filter(pl.col("withheld").is_null()).drop("withheld")


def shards(judged: Judged, rows_per_shard: int) -> dict[str, pl.DataFrame]:
    """Return the Parquet files by path below the release folder."""
    found = {}
    for name, examples in judged.items():
        for (split,), rows in _by_split(released(examples)):
            count = -(-rows.height // rows_per_shard)
            for i, part in enumerate(rows.iter_slices(rows_per_shard)):
                path = f"data/{name}/{split}-{i:05d}-of-{count:05d}.parquet"
                found[path] = part
    return found


def _by_split(rows: pl.DataFrame) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    yield from rows.partition_by("split", as_dict=True, maintain_order=True).items()


def card(
    judged: Judged, hits: pl.DataFrame, variant: str, params: ReleaseParameters
) -> str:
    """Return the dataset card, in the Hub's format."""
    template = files(__package__) / "templates" / "dataset_card.md.jinja"
    every = _described(judged)
    out = every.filter(pl.col("withheld").is_null())
    withheld = every.filter(pl.col("withheld").is_not_null())
    return _JINJA.from_string(template.read_text(encoding="utf-8")).render(
        name=params.name,
        licence=_combined(out["licence"].unique().to_list()),
        configs=list(_configs(judged)),
        variant=variant,
        forced=sorted(params.force.names),
        parts=_counts(out, "set", "part", "split"),
        sources=_counts(out, "part", "source", "licence"),
        withheld=_counts(
            withheld.rename({"withheld": "reason"}), "part", "source", "reason"
        ),
        makers=list(_makers(out)),
        n_hits=hits.height,
        contaminated=variant.endswith("-contaminated"),
        version=__version__,
        digest=content_id(*sorted(out["example_id"])),
    )


def _described(judged: Judged) -> pl.DataFrame:
    """Return every example without its text: what a card counts."""
    columns = ("example_id", "part", "split", *_PROVENANCE, "withheld")
    return pl.concat(
        examples.select(columns).with_columns(set=pl.lit(name))
        for name, examples in judged.items()
    )


def _combined(licences: list[str]) -> str:
    """Return the licence of all parts, or ``other`` where they differ."""
    return licences[0] if len(licences) == 1 and licences[0] != "unknown" else "other"


def _counts(rows: pl.DataFrame, *by: str) -> list[dict[str, Any]]:
    return rows.group_by(*by).agg(n=pl.len()).sort(*by).to_dicts()


def _makers(rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for (part,), group in rows.partition_by(
        "part", as_dict=True, maintain_order=True
    ).items():
        yield {
            "part": part,
            "models": sorted(set(group["models"].explode().drop_nulls())),
            "prompts": sorted(set(group["prompt_digests"].explode().drop_nulls())),
        }


def _configs(judged: Judged) -> Iterator[dict[str, Any]]:
    for name, examples in judged.items():
        rows = released(examples)
        splits = [str(split) for (split,), _ in _by_split(rows)]
        if splits:
            features = "\n".join(features_yaml(rows.schema))
            yield {"name": name, "splits": splits, "features": features}


def features_yaml(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the Hub's YAML for the columns of a table."""
    for name, dtype in schema.items():
        yield f"  - name: {name}"
        inner = dtype.inner if isinstance(dtype, pl.List) else None
        if isinstance(inner, pl.Struct):
            yield "    list:"
            for field in inner.fields:
                yield f"    - name: {field.name}"
                yield f"      dtype: {_TYPES[type(field.dtype)]}"
        elif inner is not None:
            yield f"    list: {_TYPES[type(inner)]}"
        else:
            yield f"    dtype: {_TYPES[type(dtype)]}"
