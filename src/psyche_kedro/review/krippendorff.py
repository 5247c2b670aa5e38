"""How far several agree beyond chance."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

Apart = Callable[[Any, Any], float]
"""How far two values are apart, squared."""
Scale = Callable[[Mapping[Any, int]], Apart]
"""Makes that of how often every value was given."""


def nominal(counts: Mapping[Any, int]) -> Apart:
    """Return a scale on which values are the same or not."""
    return lambda one, other: float(one != other)


def interval(counts: Mapping[Any, int]) -> Apart:
    """Return a scale on which a step is as far anywhere."""
    return lambda one, other: (one - other) ** 2


def ordinal(counts: Mapping[Any, int]) -> Apart:
    """Return a scale on which two values are as far apart as others lie between."""
    ranked = sorted(counts)

    def apart(one: Any, other: Any) -> float:
        low, high = sorted((ranked.index(one), ranked.index(other)))
        ends = (counts[one] + counts[other]) / 2
        return (sum(counts[value] for value in ranked[low : high + 1]) - ends) ** 2

    return apart


def krippendorff_alpha(
    units: Iterable[Sequence[Hashable]], scale: Scale = nominal
) -> float | None:
    """Return Krippendorff's alpha.

    Args:
        units: Per question, the values that its reviewers gave; a question with fewer
            than two says nothing about agreement.
        scale: What values are: ``nominal``, ``interval`` or ``ordinal``.

    Returns:
        1 for perfect agreement, 0 for chance; ``None`` where no two people looked at
        one question, or all values are one.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).
    """
    paired = [Counter(values) for values in units if len(values) > 1]
    every = sum(paired, Counter[Hashable]())
    if every.total() < 2 or len(every) == 1:  # noqa: PLR2004
        return None
    apart = scale(every)
    observed = sum(_disagreement(c, apart) / (c.total() - 1) for c in paired)
    expected = _disagreement(every, apart) / (every.total() - 1)
    return 1 - observed / expected


def _disagreement(counts: Mapping[Any, int], apart: Apart) -> float:
    """Return how far all ordered pairs of values are apart together."""
    return sum(
        n * m * apart(one, other)
        for one, n in counts.items()
        for other, m in counts.items()
        if one != other
    )
