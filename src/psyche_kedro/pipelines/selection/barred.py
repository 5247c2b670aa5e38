"""Which rows enter no set: they hold a benchmark's item, or give way to a twin."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from psyche_kedro.pipelines.selection.parameters import DecontaminationParameters

HELD_OUT = "held_out"
"""The part of questions that are held out of both sets."""
_PARTS = {"D_p": ("D_pc", "D_pr", HELD_OUT)}
"""What the rows of ``contamination_hits`` become where it is not a part."""


class Bar(NamedTuple):
    """Why a row enters no set.

    Attributes:
        reason: As a slug.
        twin: Part and id of the row that stands in its place.
    """

    reason: str
    twin: str | None = None


Barred = Mapping[tuple[str, str], Bar]
"""By part and parent id: a bank's question and a public set's may share an id."""


def contaminated(hits: pl.DataFrame, params: DecontaminationParameters) -> Barred:
    """Return what each row is barred for: ``exemplar`` where nothing else hits it.

    Args:
        hits: ``ContaminationHits``.
        params: ``selection.decontamination``; nothing is barred unless it drops hits.
    """
    if not params.drop_hits:
        return {}
    is_shown = pl.col("split") == "exemplar"
    first_shown = hits.sort(~is_shown).select("set_name", "row_id", is_shown)
    return {
        (part, row_id): Bar("exemplar" if shown else "contaminated")
        for name, row_id, shown in first_shown.iter_rows()
        for part in _PARTS.get(name, (name,))
    }


def repeated(twins: pl.DataFrame) -> Barred:
    """Return the rows that give way, each with what stands in its place.

    Args:
        twins: ``RepeatedExamples``.
    """
    named = twins.select("part", "row_id", "kind", "twin_part", "twin_id")
    return {
        (part, row_id): Bar(kind, f"{twin_part} {twin_id}")
        for part, row_id, kind, twin_part, twin_id in named.iter_rows()
    }


def without(rows: pl.DataFrame, barred: Barred) -> pl.DataFrame:
    """Return the rows that are not barred.

    Args:
        rows: With ``part`` and ``row_id``.
        barred: Those that are.
    """
    schema = {"part": pl.String, "row_id": pl.String}
    out = pl.DataFrame(list(barred), schema=schema, orient="row")
    return rows.join(out, on=["part", "row_id"], how="anti")
