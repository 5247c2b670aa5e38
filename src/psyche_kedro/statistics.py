"""How sure a score is, and whether two models differ by more than noise.

Four rules, in the words of the field:

- A proportion has Wilson's interval; any other mean the percentile bootstrap's.
- The bootstrap draws clusters, not items: the questions on one case stand or fall
  together. It draws within each cell, as the exam's average weighs cells.
- Two models are compared on the items that both answered, with the same draws; where
  an item is right or wrong, McNemar's exact test decides.
- Where all values are the same, a bootstrap would claim certainty. There the share of
  items that differ is taken to be as high as Wilson's interval of none allows.

Every draw is seeded by the cell's name, so that one more model or cell changes no
other's interval.

Source: Miller 2024, "Adding Error Bars to Evals"; Zou and Donner 2008 for sums of
intervals.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from typing import NamedTuple, TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt

Name = TypeVar("Name", bound=Hashable)
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

CONFIDENCE = 0.95
_SIGNIFICANCE = 1 - CONFIDENCE
_TAILS = (_SIGNIFICANCE / 2, 1 - _SIGNIFICANCE / 2)
_EPSILON = 1e-9
_FEWEST = 2
"""Clusters that a bootstrap needs: one varies not."""


class Interval(NamedTuple):
    """A confidence interval; nulls where there are too few values for one."""

    low: float | None
    high: float | None

    @property
    def has_zero(self) -> bool:
        """Whether no difference is among what it holds, or nothing is known."""
        return self.low is None or self.high is None or self.low <= 0 <= self.high


NO_INTERVAL = Interval(None, None)


def wilson_interval(successes: float, n: int) -> Interval:
    """Return the 95 % Wilson interval of a proportion, in [0, 1].

    Wilson, not Wald: cells of 150 items near 90 % are where Wald's is too narrow.

    >>> low, high = wilson_interval(135, 150)
    >>> f"{low:.3f} to {high:.3f}"
    '0.842 to 0.938'
    """
    if not n:
        return NO_INTERVAL
    from statsmodels.stats.proportion import (  # noqa: PLC0415 - seconds to import
        proportion_confint,
    )

    low, high = proportion_confint(successes, n, _SIGNIFICANCE, method="wilson")
    return Interval(float(low), float(high))


# ---- resampling ------------------------------------------------------------------


class Cell(NamedTuple):
    """The values of one cell, of which a column is a model or a pair of models."""

    name: str
    values: F64
    """``[n_items][n_columns]``; NaN where an item has none."""
    clusters: I64
    """``[n_items]`` numbers."""


class Resampled(NamedTuple):
    """The columns of a cell, as they are and as they are drawn again."""

    means: F64
    """``[n_columns]``"""
    n: I64
    """``[n_columns]`` items that have a value."""
    n_clusters: I64
    """``[n_columns]`` clusters that have a value."""
    constant: npt.NDArray[np.bool_]
    """``[n_columns]``: whether all values are the same."""
    sums: F64
    """``[n_resamples][n_columns]`` of the values drawn."""
    counts: F64
    """``[n_resamples][n_columns]`` of the items drawn that have a value."""
    of_clusters: F64
    """``[n_clusters][n_columns]`` sums of the values."""

    def draws(self, column: int) -> F64:
        """Return ``[n_resamples]`` means of a column; NaN where a draw has no value."""
        with np.errstate(invalid="ignore"):
            return self.sums[:, column] / self.counts[:, column]


def resample(cell: Cell, *, n_resamples: int, seed: int) -> Resampled:
    """Return the columns of ``cell`` beside their bootstrap by clusters.

    Args:
        cell: Values by item.
        n_resamples: Bootstrap samples.
        seed: Of the draws; with the cell's name it settles them.
    """
    known = ~np.isnan(cell.values)
    order = np.argsort(cell.clusters, kind="stable")
    starts = np.flatnonzero(np.diff(cell.clusters[order], prepend=-1))
    filled = np.where(known, cell.values, 0.0)
    sums = np.add.reduceat(filled[order], starts)
    counts = np.add.reduceat(known[order].astype(np.float64), starts)
    weights = _weights(len(starts), n_resamples, [seed, crc32(cell.name.encode())])
    with np.errstate(invalid="ignore"):
        means = filled.sum(axis=0) / known.sum(axis=0)
    lowest = np.where(known, cell.values, np.inf).min(axis=0)
    highest = np.where(known, cell.values, -np.inf).max(axis=0)
    return Resampled(
        means=means,
        n=known.sum(axis=0),
        n_clusters=(counts > 0).sum(axis=0),
        constant=lowest >= highest,
        sums=weights @ sums,
        counts=weights @ counts,
        of_clusters=sums,
    )


def _weights(n_clusters: int, n_resamples: int, seed: Sequence[int]) -> F64:
    """Return ``[n_resamples][n_clusters]``: how often each cluster is drawn."""
    drawn = np.random.default_rng(seed).integers(
        n_clusters, size=(n_resamples, n_clusters)
    )
    drawn += n_clusters * np.arange(n_resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n_clusters)
    return counts.reshape(n_resamples, n_clusters).astype(np.float64)


class Estimate(NamedTuple):
    """A mean with its interval."""

    value: float
    interval: Interval
    parts: F64
    """``[n_clusters]``: what each cluster gives to the value; their sum is it."""


Bounds = tuple[float, float]
SHARES: Bounds = (0.0, 1.0)
DIFFERENCES: Bounds = (-1.0, 1.0)


def estimate_cell(
    found: Resampled, column: int, *, bounds: Bounds | None = SHARES
) -> Estimate:
    """Return the mean of one column of a cell.

    Args:
        found: The cell.
        column: Which of its columns.
        bounds: What a value may be; None where that is not known.
    """
    value, n = float(found.means[column]), int(found.n_clusters[column])
    if found.constant[column]:
        interval = _constant(value, n, bounds)
    elif n < _FEWEST:
        interval = NO_INTERVAL
    else:
        interval = _percentiles(found.draws(column))
    return Estimate(
        value, interval, found.of_clusters[:, column] / max(1, found.n[column])
    )


def estimate_macro(
    cells: Sequence[Resampled], column: int, *, bounds: Bounds | None = SHARES
) -> Estimate:
    """Return the unweighted mean of one column's means over the cells.

    Args:
        cells: Those of the exam.
        column: Which column of each.
        bounds: What a value may be; None where that is not known.
    """
    parts = [estimate_cell(cell, column, bounds=bounds) for cell in cells]
    if any(part.interval == NO_INTERVAL for part in parts):
        interval = NO_INTERVAL
    elif any(cell.constant[column] for cell in cells):
        interval = _of_mean(parts)
    else:
        interval = _percentiles(np.mean([cell.draws(column) for cell in cells], axis=0))
    return Estimate(
        value=float(np.mean([part.value for part in parts])),
        interval=interval,
        parts=np.concatenate([part.parts for part in parts]) / len(parts),
    )


def pool(cells: Sequence[Resampled]) -> Resampled:
    """Return all cells as one in which every item weighs the same, drawn by cell."""
    n = np.sum([cell.n for cell in cells], axis=0)
    totals = [np.where(cell.n > 0, cell.means * cell.n, 0.0) for cell in cells]
    with np.errstate(invalid="ignore"):
        means = np.sum(totals, axis=0) / n
    same = [c.constant & ((c.n == 0) | np.isclose(c.means, means)) for c in cells]
    return Resampled(
        means=means,
        n=n,
        n_clusters=np.sum([cell.n_clusters for cell in cells], axis=0),
        constant=np.all(same, axis=0),
        sums=np.sum([cell.sums for cell in cells], axis=0),
        counts=np.sum([cell.counts for cell in cells], axis=0),
        of_clusters=np.concatenate([cell.of_clusters for cell in cells]),
    )


def _percentiles(draws: F64) -> Interval:
    # A draw may hold none of the few items that a column has a value of.
    low, high = np.quantile(draws[~np.isnan(draws)], _TAILS)
    return Interval(float(low), float(high))


def _constant(value: float, n: int, bounds: Bounds | None) -> Interval:
    others = wilson_interval(0, n).high
    if bounds is None or others is None:
        return NO_INTERVAL
    return Interval(max(bounds[0], value - others), min(bounds[1], value + others))


def _of_mean(parts: Sequence[Estimate]) -> Interval:
    """Return the interval of the mean of independent parts, from theirs."""
    value = np.mean([part.value for part in parts])
    lows, highs = zip(*(part.interval for part in parts), strict=True)
    values = np.array([part.value for part in parts])
    below, above = np.linalg.norm(values - lows), np.linalg.norm(highs - values)
    return Interval(
        float(value - below / len(parts)), float(value + above / len(parts))
    )


# ---- two models ------------------------------------------------------------------


class Discordant(NamedTuple):
    """Items that one model has right and the other wrong, either way."""

    ours: int
    theirs: int

    @property
    def n(self) -> int:
        """Both together."""
        return self.ours + self.theirs


def mcnemar_p(discordant: Discordant) -> float:
    """Return the p of the exact two-sided McNemar test.

    >>> round(mcnemar_p(Discordant(6, 0)), 3)
    0.031
    """
    from statsmodels.stats.contingency_tables import (  # noqa: PLC0415 - seconds to import
        mcnemar,
    )

    table = [[0, discordant.ours], [discordant.theirs, 0]]
    return float(mcnemar(table, exact=True).pvalue)


_MOST_EXACT = 12
"""Clusters whose every combination of signs is tried."""


def sign_flip_p(parts: F64) -> float:
    """Return the two-sided p of a mean difference, by the signs of its clusters.

    Were two models alike, each cluster's difference could as well be the other way. Of
    few clusters every combination of signs is tried; of many the normal approximation
    of the same distribution stands.

    Args:
        parts: ``[n_clusters]`` of an ``Estimate`` of differences.

    >>> sign_flip_p(np.array([0.2, 0.2, 0.2, 0.2, 0.2]))
    0.0625
    """
    apart = parts[parts != 0]
    total = abs(apart.sum())
    if total == 0:
        return 1.0
    if len(apart) <= _MOST_EXACT:
        signs = np.array(list(product((-1, 1), repeat=len(apart))))
        return float((abs(signs @ apart) >= total * (1 - _EPSILON)).mean())
    from scipy.stats import norm  # noqa: PLC0415 - a second to import

    return float(2 * norm.sf(total / np.linalg.norm(apart)))


def holm(p: Mapping[Name, float]) -> dict[Name, float]:
    """Return p values after Holm's step-down for as many tests, by name."""
    if not p:
        return {}
    from statsmodels.stats.multitest import (  # noqa: PLC0415 - seconds to import
        multipletests,
    )

    adjusted = multipletests(list(p.values()), method="holm")[1]
    return dict(zip(p, map(float, adjusted), strict=True))


def least_difference(discordant: int, n: int) -> float | None:
    """Return the least difference that McNemar's test can show, as a share of ``n``.

    It is the least that has a p below .05 before any correction, where ``discordant``
    items set two models apart; null where even all of them one way would not do.

    >>> least_difference(6, 100), least_difference(5, 100)
    (0.06, None)
    """
    from scipy.stats import binom  # noqa: PLC0415 - a second to import

    one_way = int(binom.isf(_SIGNIFICANCE / 2, discordant, 0.5)) + 1
    return (2 * one_way - discordant) / n if one_way <= discordant else None


def difference_interval(
    one: Interval, other: Interval, *, values: tuple[float, float]
) -> Interval:
    """Return the interval of the difference of two independent values, from theirs.

    Of two proportions with Wilson's intervals this is Newcombe's.

    >>> a, b = wilson_interval(56, 70), wilson_interval(48, 80)
    >>> low, high = difference_interval(a, b, values=(0.8, 0.6))
    >>> f"{low:.4f} to {high:.4f}"
    '0.0524 to 0.3339'
    """
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return NO_INTERVAL
    (value, compared), difference = values, values[0] - values[1]
    return Interval(
        difference - math.hypot(value - one.low, other.high - compared),
        difference + math.hypot(one.high - value, compared - other.low),
    )
