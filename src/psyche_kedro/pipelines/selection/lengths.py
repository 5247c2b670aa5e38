"""How long the examples are, before a trainer leaves out what does not fit."""

from pathlib import Path

import polars as pl

from psyche_kedro.text.tokens import (
    CountTokens,
    estimate_from_characters,
    read_tokenizer,
)

_TURN_TOKENS = 5
"""What Qwen2.5's chat template adds to a turn: ``<|im_start|>``, the role, a line
break, ``<|im_end|>`` and a line break."""


def token_counter(folder: str | None) -> tuple[str, CountTokens]:
    """Return what is counted, and the function that counts it.

    Args:
        folder: A model's folder with ``tokenizer.json``; null estimates.
    """
    if folder is None:
        return "tokens (estimated)", estimate_from_characters
    path = Path(folder, "tokenizer.json")
    return f"tokens of {Path(folder).name}", read_tokenizer(path)


def account(
    examples: pl.DataFrame,
    column: str,
    *,
    set_name: str,
    limit: int,
    tokenizer: str | None,
) -> pl.DataFrame:
    """Return rows of ``LengthAccount`` for one set.

    Args:
        examples: A set.
        column: Its messages.
        set_name: Its name.
        limit: Tokens from which the trainer leaves an example out.
        tokenizer: Folder of the base model; null estimates.
    """
    measure, count = token_counter(tokenizer)
    lengths = [
        sum(_TURN_TOKENS + count(message["content"]) for message in messages)
        for messages in examples[column].to_list()
    ]
    n = pl.col("tokens")
    return (
        examples.select("part", "split", tokens=pl.Series(lengths, dtype=pl.Int64))
        .group_by("part", "split")
        .agg(
            n=pl.len().cast(pl.Int64),
            median=n.median(),
            p95=n.quantile(0.95),
            longest=n.max(),
            total=n.sum(),
            n_over=(n > limit).sum().cast(pl.Int64),
        )
        .sort("part", "split")
        .with_columns(
            set_name=pl.lit(set_name),
            measure=pl.lit(measure),
            limit=pl.lit(limit, dtype=pl.Int64),
        )
    )
