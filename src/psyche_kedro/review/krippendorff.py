"""How far people agree beyond chance."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return Krippendorff's alpha for nominal values.

    Args:
        units: Per question, the values that its reviewers gave; a question with fewer
            than two says nothing about agreement.

    Returns:
        1 for perfect agreement, 0 for chance; ``None`` where no two people looked at
        one question, or all values are one.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).
    """
    paired = [values for values in units if len(values) > 1]
    observed = sum(_disagreeing(values) / (len(values) - 1) for values in paired)
    every = [value for values in paired for value in values]
    if len(every) < 2 or len(set(every)) == 1:  # noqa: PLR2004
        return None
    expected = _disagreeing(every) / (len(every) - 1)
    return 1 - observed / expected


def _disagreeing(values: Sequence[Hashable]) -> int:
    """Return the ordered pairs of positions whose values differ."""
    n = len(values)
    return n * n - sum(count * count for count in Counter(values).values())
