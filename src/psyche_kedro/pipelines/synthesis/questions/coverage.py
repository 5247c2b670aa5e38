"""Which subfields of psychology have too few questions, and how many are missing.

§2.2 distils questions "to supplement psychological subfields that are
underrepresented" (Type III). It names more than nineteen subfields and no number; the
taxonomy and the target are ours, in ``synthesis.distillation``.
"""

from collections.abc import Iterator
from itertools import cycle
from typing import NamedTuple

import polars as pl

from psyche_kedro.pipelines.synthesis.parameters import (
    Ask,
    DistillationParameters,
    Subfield,
)


class DistillationAsk(NamedTuple):
    """One request: so many questions of one kind about one subfield."""

    subfield: str
    ask: Ask
    sample: int
    """Number of the request among those of its subfield."""


def count_by_subfield(
    texts: pl.Series, taxonomy: tuple[Subfield, ...]
) -> dict[str, int]:
    """Return how many of the ``[n]`` texts name each subfield, by its words."""
    return {
        subfield.name: int(texts.str.contains_any(list(subfield.words)).sum())
        for subfield in taxonomy
    }


def missing_questions(
    counts: dict[str, int], params: DistillationParameters
) -> Iterator[DistillationAsk]:
    """Yield requests for exactly what is missing to the target, kinds in turn."""
    for subfield in params.taxonomy:
        shortfall = params.target - counts[subfield.name]
        for sample, ask in enumerate(cycle(params.asks)):
            if shortfall <= 0:
                break
            count = min(ask.count, shortfall)
            part = ask.model_copy(update={"count": count})
            yield DistillationAsk(subfield.name, part, sample)
            shortfall -= count
