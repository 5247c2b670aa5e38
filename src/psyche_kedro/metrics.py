"""What a score is: accuracies on sets, and intervals.

The paper (§3.1) takes *standard* and *elastic* accuracy from PsycoLLM for choice
questions. What open ones are scored by stands in ``text.overlaps``.
"""

from collections.abc import Sequence, Set
from typing import NamedTuple

_CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A confidence interval; nulls where there are too few values for one."""

    low: float | None
    high: float | None


# ---- choice questions ------------------------------------------------------------


def standard_credit(prediction: Set[str], gold: Set[str]) -> float:
    """Return 1 if the labels are exactly the gold ones, else 0.

    Sets, not strings: the public evaluation code compares strings and so fails ``BA``
    against ``AB``.

    Source: §3.1; PsycoLLM (Hu et al., 2024).

    >>> [standard_credit(set(chosen), set("AB")) for chosen in ("BA", "A", "AC", "")]
    [1.0, 0.0, 0.0, 0.0]
    """
    return float(bool(gold) and prediction == gold)


def elastic_credit(prediction: Set[str], gold: Set[str]) -> float:
    """Return ``|prediction| / |gold|`` for a subset of the gold labels, else 0.

    One wrong label forfeits all credit; no label earns none.

    Source: §3.1; PsycoLLM (Hu et al., 2024).

    >>> [elastic_credit(set(chosen), set("AB")) for chosen in ("BA", "A", "AC", "")]
    [1.0, 0.5, 0.0, 0.0]
    """
    return len(prediction) / len(gold) if gold and prediction <= gold else 0.0


def official_credit(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return ``standard_credit`` as PsycoLLM's public code has it: of strings.

    Source: MACLAB-HFUT/Evaluation at 8ff40f3, ``main.py``.

    >>> official_credit("BA", "AB")
    0.0
    """
    return float("".join(said) == "".join(gold))


def official_elastic_credit(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return ``elastic_credit`` as PsycoLLM's public code has it.

    >>> official_elastic_credit("BA", "AB")
    1.0
    """
    return official_credit(said, gold) or elastic_credit(set(said), set(gold))


# ---- intervals -------------------------------------------------------------------


def wilson_interval(successes: int, n: int) -> Interval:
    """Return the 95 % Wilson interval of a proportion, in [0, 1].

    Wilson, not Wald: cells of 150 items near 90 % are where Wald's is too narrow.

    >>> low, high = wilson_interval(135, 150)
    >>> f"{low:.3f} to {high:.3f}"
    '0.842 to 0.938'
    """
    if not n:
        return Interval(None, None)
    from scipy.stats import binomtest  # noqa: PLC0415 - a second to import

    interval = binomtest(successes, n).proportion_ci(_CONFIDENCE, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def bootstrap_interval(
    cells: Sequence[Sequence[float]], *, n_resamples: int, seed: int
) -> Interval:
    """Return the 95 % percentile interval of the unweighted mean of the cells' means.

    Args:
        cells: ``[n_cells][n_items]`` values; items are resampled within their cell.
        n_resamples: Bootstrap samples.
        seed: Of the resampling; the same seed gives the same interval.

    >>> large, small = [1.0] * 80 + [0.0] * 20, [1.0] * 5 + [0.0] * 5
    >>> low, high = bootstrap_interval([large, small], n_resamples=1000, seed=0)
    >>> f"{low:.2f} to {high:.2f}"
    '0.50 to 0.81'
    """
    if not cells or any(len(cell) < 2 for cell in cells):  # noqa: PLR2004 - one varies not
        return Interval(None, None)
    import numpy as np  # noqa: PLC0415 - with scipy
    from scipy.stats import bootstrap  # noqa: PLC0415 - a second to import

    interval = bootstrap(
        [np.asarray(cell) for cell in cells],
        lambda *cells, axis: np.mean([c.mean(axis=axis) for c in cells], axis=0),
        n_resamples=n_resamples,
        batch=256,  # 256 x 2,321 items (CPsyExam's largest cell) is 5 MB
        confidence_level=_CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(interval.low), float(interval.high))
