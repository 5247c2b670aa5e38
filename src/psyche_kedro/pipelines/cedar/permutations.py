"""Whether groups differ more than chance lets them: the test that both chapters use."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

Draw = Callable[[int, int], tuple[float, int]]
"""Takes a number of permutations and a seed; returns a statistic and how many of the
permutations reach it."""

_SAME = 1e-9
"""Sums of the same numbers in another order differ by less."""
BATCH = 1_024
"""Permutations at a time: 5 labellers, 7 cultures and 14 emotions are 4 MB."""


class Tested(NamedTuple):
    """``[n]`` results."""

    statistic: F64
    p: F64
    q: F64


def permutation_test(
    draws: Sequence[Draw], *, permutations: int, fdr: float, seed: int
) -> Tested:
    """Return statistic, p = (1 + reached) / (1 + permutations), and q of every one.

    Where p stands at its floor and the floor is too high for Benjamini-Hochberg, those
    alone are permuted on.

    Args:
        draws: One for each thing that is tested.
        permutations: How many each is tested with.
        fdr: False discovery rate that q will be held against.
        seed: Of the permutations.
    """
    found = [draw(permutations, seed) for draw in draws]
    statistic = np.array([value for value, _ in found])
    reached = np.array([n for _, n in found], float)
    drawn = np.full(len(draws), permutations)
    at_floor = np.flatnonzero(reached == 0).tolist()
    needed = int(np.ceil(len(draws) / fdr))
    if len(at_floor) and needed > len(at_floor) * (1 + permutations):
        drawn[at_floor] = needed
        reached[at_floor] = [draws[n](needed, seed + 1)[1] for n in at_floor]
    p = (1 + reached) / (1 + drawn)
    return Tested(statistic, p, benjamini_hochberg(p))


def count_reached(null: F64, observed: float) -> int:
    """Return how many values of ``null`` reach what was observed."""
    return int((null >= observed - _SAME).sum())


def benjamini_hochberg(p: F64) -> F64:
    """Return the false discovery rate at which each of ``[n]`` p values passes."""
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - dear to import

    return np.asarray(false_discovery_control(p)) if len(p) else p


def divergence_bits(shares: F64) -> F64:
    """Return the Jensen-Shannon divergence of distributions, in bits.

    Args:
        shares: ``[…, groups, values]``.
    """
    return np.asarray(_entropy(shares.mean(-2)) - _entropy(shares).mean(-1))


def _entropy(shares: F64) -> F64:
    from scipy.special import entr  # noqa: PLC0415 - dear to import

    return np.asarray(entr(shares).sum(-1) / np.log(2))
