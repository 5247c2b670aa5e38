r"""What a table of answers says of a model: consistent, aligned, or neither.

Answers and golds are ``[scenarios, cultures]`` arrays of label numbers; an answer that
is unread or missing is -1 and matches nothing. With ``match[l, c]``, whether the answer
in language l is the gold of culture c:

=============  =====================================================================
consistency    share of pairs of languages with one answer
alignment      mean of ``match[l, l]``
shuffled       mean of ``match``: alignment if the answers fell to cultures at random
gain           alignment - shuffled: 0 for any model that ignores culture
best           alignment under the best assignment of answers to cultures
efficiency     gain / (best - shuffled)
pull           answers in other languages that are the English gold and not their own
=============  =====================================================================

Raw alignment alone would show the opposite of CEDAR's finding: on an open substitute,
consistency correlates +0.76 with alignment over eight models and -0.98 with gain.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from psyche_kedro.statistics import NO_INTERVAL, Interval

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_POOL = 1_000
"""Permutations of the cultures, of which every draw takes one for each scenario."""
_LEVELS = [2.5, 97.5]


class PerScenario(NamedTuple):
    """``[scenarios]`` values, whose means are the measures."""

    consistency: F64
    alike: F64
    """Whether all languages have one answer."""
    alignment: F64
    shuffled: F64
    best: F64
    pull: F64

    @property
    def gain(self) -> F64:
        """What answering in a language adds."""
        return self.alignment - self.shuffled


def measure(answers: I64, golds: I64, english: int) -> PerScenario:
    """Return the measures of every scenario.

    Args:
        answers: ``[scenarios, cultures]``.
        golds: ``[scenarios, cultures]``.
        english: Number of the English culture; -1 where there is none.
    """
    match = matches(answers, golds)
    first, second = np.triu_indices(answers.shape[1], 1)
    same = (answers[:, first] == answers[:, second]) & (answers[:, first] >= 0)
    own = np.einsum("sll->sl", match)
    pulled = match[:, :, english] & ~own
    others = np.arange(answers.shape[1]) != english
    return PerScenario(
        consistency=same.mean(1),
        alike=same.all(1).astype(float),
        alignment=own.mean(1),
        shuffled=match.mean((1, 2)),
        best=_best(match),
        pull=pulled[:, others].mean(1) if english >= 0 else np.zeros(len(match)),
    )


def matches(answers: I64, golds: I64) -> NDArray[np.bool_]:
    """Return ``[scenarios, languages, cultures]``: whether an answer is a gold."""
    return np.asarray(answers[:, :, None] == golds[:, None, :])


def _best(match: NDArray[np.bool_]) -> F64:
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - dear to import

    found = [m[linear_sum_assignment(m, maximize=True)].mean() for m in match * 1.0]
    return np.array(found, float)


def efficiency(of: PerScenario) -> float | None:
    """Return gain / (best - shuffled); None where the answers differ nowhere."""
    room = float((of.best - of.shuffled).sum())
    return float(of.gain.sum()) / room if room > 0 else None


def gain_p(answers: I64, golds: I64, *, permutations: int, seed: int) -> float:
    """Return how often chance reaches the gain: answers dealt to cultures at random.

    Args:
        answers: ``[scenarios, cultures]``.
        golds: ``[scenarios, cultures]``.
        permutations: How many.
        seed: Of the draws.
    """
    match = matches(answers, golds)
    rng = np.random.default_rng(seed)
    cultures = np.arange(answers.shape[1])
    pool = rng.permuted(np.tile(cultures, (_POOL, 1)), axis=1)
    table = np.stack([match[:, cultures, order].sum(1) for order in pool], 1)
    observed = np.einsum("sll->sl", match).sum()
    rows = np.arange(len(match))
    drawn = rng.integers(_POOL, size=(permutations, len(match)))
    reached = sum(int(table[rows, draw].sum() >= observed) for draw in drawn)
    return (1 + reached) / (1 + permutations)


def resamples(n: int, n_resamples: int, seed: int) -> I64:
    """Return ``[n_resamples, n]`` scenarios drawn with replacement.

    The languages of a scenario are one cluster and stay together.
    """
    return np.random.default_rng(seed).integers(n, size=(n_resamples, n))


def interval(values: F64) -> Interval:
    """Return the middle 95 % of resampled values; nulls where there are none."""
    known = values[~np.isnan(values)]
    if not len(known):
        return NO_INTERVAL
    low, high = np.percentile(known, _LEVELS)
    return Interval(float(low), float(high))


def resampled_means(values: F64, drawn: I64) -> F64:
    """Return ``[n_resamples]`` means."""
    return np.asarray(values[drawn].mean(1))


def resampled_efficiency(of: PerScenario, drawn: I64) -> F64:
    """Return ``[n_resamples]`` efficiencies, NaN where answers differ nowhere."""
    gain, room = of.gain[drawn].sum(1), (of.best - of.shuffled)[drawn].sum(1)
    found = np.divide(gain, room, out=np.full(len(gain), np.nan), where=room > 0)
    return np.asarray(found)


def macro_f1(answers: I64, golds: I64) -> float:
    """Return the mean F1 over the emotions that are golds.

    Args:
        answers: ``[n]`` label numbers, -1 for none.
        golds: ``[n]`` label numbers.
    """
    scores = []
    for emotion in np.unique(golds):
        right = ((answers == emotion) & (golds == emotion)).sum()
        said, meant = (answers == emotion).sum(), (golds == emotion).sum()
        scores.append(2 * right / (said + meant))
    return float(np.mean(scores))


def plurality_everywhere(golds: I64) -> I64:
    """Return each scenario's most frequent gold in all its cultures.

    No model that answers alike in all languages can be right more often.
    """
    most = [np.bincount(row).argmax() for row in golds]
    return np.repeat(np.array(most, np.int64)[:, None], golds.shape[1], 1)
