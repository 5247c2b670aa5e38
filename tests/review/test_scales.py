"""Krippendorff's alpha on his own example, on three scales."""

import pytest

from psyche_kedro.review.krippendorff import (
    interval,
    krippendorff_alpha,
    nominal,
    ordinal,
)

# Four observers, twelve units; Krippendorff (2011), section E.
UNITS = [
    [1, 1, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [5, 5, 5],
    [1, 1],
    [3],
]


@pytest.mark.parametrize(
    ("scale", "alpha"), [(nominal, 0.743), (ordinal, 0.815), (interval, 0.849)]
)
def test_alpha_is_that_of_krippendorffs_own_example(scale, alpha):
    assert krippendorff_alpha(UNITS, scale) == pytest.approx(alpha, abs=0.0005)


def test_a_far_miss_weighs_more_than_a_near_one_where_steps_count():
    near, far = [[0, 1], [3, 3], [0, 0]], [[0, 3], [3, 3], [0, 0]]
    assert krippendorff_alpha(near, interval) > krippendorff_alpha(far, interval)
    assert krippendorff_alpha([[2, 2], [2, 2]], interval) is None
