"""A part of the exams, for a quick look: the same items for every model and run."""

import polars as pl

from psyche_kedro.pipelines.evaluation.parameters import LimitParameters
from psyche_kedro.tables import lot


def limit_items(items: pl.DataFrame, limit: LimitParameters) -> pl.DataFrame:
    """Return at most ``limit.per_cell`` items of each cell, in their order.

    The draw orders a cell's items by a digest of seed and id: neither the order of the
    files nor a new item elsewhere changes it, and a smaller limit asks a part of what a
    larger one asks.

    Args:
        items: Rows of ``benchmark_items`` that would be asked.
        limit: ``evaluation.limit``.
    """
    if limit.per_cell is None:
        return items
    drawn = [lot(limit.seed, item_id) for item_id in items["item_id"]]
    place = pl.col("drawn").rank("ordinal").over("benchmark", "split", "cell")
    placed = items.with_columns(drawn=pl.Series(drawn, dtype=pl.String))
    return placed.filter(place <= limit.per_cell).drop("drawn")
