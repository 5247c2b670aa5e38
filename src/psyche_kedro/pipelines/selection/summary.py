"""What the sets are made of, and what of the corpus stands in a benchmark: counts."""

import polars as pl


def set_summary(
    sets: dict[str, pl.DataFrame], contamination_hits: pl.DataFrame
) -> pl.DataFrame:
    """Return how many examples of each part a set holds: ``SetSummary``.

    Args:
        sets: Training sets by name.
        contamination_hits: Rows that match an item; they are looked for in the sets.
    """
    examples = pl.concat(
        examples.select(pl.lit(name).alias("set_name"), "part", "variant", "parent_id")
        for name, examples in sets.items()
    )
    hit = pl.col("parent_id").is_in(contamination_hits["row_id"].implode())
    return examples.group_by("set_name", "part", "variant", maintain_order=True).agg(
        n=pl.len().cast(pl.Int64), n_contaminated=hit.sum().cast(pl.Int64)
    )


def contamination_summary(contamination_hits: pl.DataFrame) -> pl.DataFrame:
    """Return how much of each part matched which benchmark: ``ContaminationSummary``.

    Args:
        contamination_hits: Of the whole corpus, whether or not it entered a set.
    """
    names = ["set_name", "benchmark", "split", "kind"]
    matched = contamination_hits.group_by(names).agg(
        rows=pl.n_unique("row_id").cast(pl.Int64),
        items=pl.n_unique("item_id").cast(pl.Int64),
        pairs=pl.len().cast(pl.Int64),
    )
    return matched.sort(names)
