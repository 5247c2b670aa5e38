"""Intervals and tests: what the oracles say, and what a bootstrap alone would hide."""

import numpy as np
import pytest
from scipy import stats

from psyche_kedro import statistics
from psyche_kedro.statistics import (
    DIFFERENCES,
    Cell,
    Discordant,
    estimate_cell,
    estimate_macro,
    pool,
    resample,
)


def column(values, clusters=None, *, name="cell", n_resamples=2000):
    values = np.array(values, float)[:, None]
    numbers = np.arange(len(values)) if clusters is None else np.array(clusters)
    return resample(Cell(name, values, numbers), n_resamples=n_resamples, seed=7)


def width(estimate):
    return estimate.interval.high - estimate.interval.low


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(141, 152, 87.5, 95.9), (121, 152, 72.5, 85.2), (494, 878, 53.0, 59.5)],
)
def test_wilson_intervals_are_those_of_the_benchmark_cells(successes, n, low, high):
    interval = statistics.wilson_interval(successes, n)
    assert 100 * interval.low == pytest.approx(low, abs=0.06)
    assert 100 * interval.high == pytest.approx(high, abs=0.06)
    scipys = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert interval == pytest.approx((scipys.low, scipys.high), abs=1e-12)


def test_the_bootstrap_of_independent_items_is_scipys():
    values = np.random.default_rng(1).random(300)
    theirs = stats.bootstrap([values], np.mean, method="percentile", rng=3)
    found = estimate_cell(column(values, n_resamples=9999), 0)
    assert found.value == pytest.approx(values.mean())
    assert found.interval == pytest.approx(theirs.confidence_interval, abs=2e-3)
    assert found.parts.sum() == pytest.approx(found.value)


def test_the_same_seed_gives_the_same_interval_and_another_cell_other_draws():
    one, again = column([0, 1] * 50), column([0, 1] * 50)
    assert np.array_equal(one.sums, again.sums)
    assert not np.array_equal(one.sums, column([0, 1] * 50, name="other").sums)


def test_questions_on_one_case_stand_or_fall_together():
    # Fifty cases of four questions, all right or all wrong: as good as fifty items.
    right = np.repeat([0, 1] * 25, 4)
    alone = estimate_cell(column(right), 0)
    together = estimate_cell(column(right, np.repeat(np.arange(50), 4)), 0)
    assert width(together) == pytest.approx(2 * width(alone), rel=0.1)


def test_a_clustered_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(60), 3)
    covered = 0
    for _ in range(300):
        share = rng.beta(2, 1, 60)  # of mean 2/3, another for every case
        right = rng.random(180) < np.repeat(share, 3)
        found = estimate_cell(column(right, clusters, n_resamples=400), 0)
        covered += found.interval.low <= 2 / 3 <= found.interval.high
    assert 0.91 <= covered / 300 <= 0.98


@pytest.mark.parametrize(("value", "low", "high"), [(0, 0, 0.278), (1, 0.722, 1)])
def test_ten_equal_marks_are_no_certainty(value, low, high):
    found = estimate_cell(column([value] * 10), 0)
    assert found.interval == pytest.approx((low, high), abs=1e-3)
    assert found.interval == pytest.approx(statistics.wilson_interval(10 * value, 10))


def test_two_models_that_never_differ_may_still_differ():
    found = estimate_cell(column([0] * 100), 0, bounds=DIFFERENCES)
    assert found.interval == pytest.approx((-0.037, 0.037), abs=1e-3)
    assert found.interval.has_zero


def test_equal_marks_on_a_scale_that_nobody_knows_have_no_interval():
    assert estimate_cell(column([2.0] * 9), 0, bounds=None).interval == (None, None)


def test_the_macro_average_weighs_cells_the_same():
    alone = column([0, 1] * 50)
    other = column([0, 1] * 200, name="other")
    both = estimate_macro([alone, other], 0)
    parts = [width(estimate_cell(cell, 0)) for cell in (alone, other)]
    assert both.value == 0.5
    assert width(both) == pytest.approx(np.hypot(*parts) / 2, rel=0.1)


def test_a_cell_without_spread_adds_its_own_doubt_to_the_macro_average():
    alone, sure = column([0, 1] * 50), column([1] * 4, name="sure")
    both = estimate_macro([alone, sure], 0)
    assert both.value == 0.75
    assert both.interval.low < 0.75 - width(estimate_cell(alone, 0)) / 4 - 0.05
    all_wrong = [column([0] * 20, name=name) for name in "abc"]
    assert width(estimate_macro(all_wrong, 0)) > 0.08


def test_the_micro_average_weighs_items_the_same_and_draws_within_cells():
    cells = [column([0] * 30 + [1] * 10), column([1] * 60, name="other")]
    found = estimate_cell(pool(cells), 0)
    assert found.value == pytest.approx(0.7)
    mean_of_first = estimate_cell(cells[0], 0)
    assert width(found) == pytest.approx(0.4 * width(mean_of_first), rel=1e-6)


def test_items_without_a_mark_are_no_zeros():
    values = np.array([[1, 1], [0, np.nan], [1, 1], [0, np.nan]], float)
    found = resample(Cell("cell", values, np.arange(4)), n_resamples=200, seed=1)
    assert found.means.tolist() == [0.5, 1]
    assert found.n.tolist() == [4, 2]
    assert np.nanmin(found.draws(1)) == 1


def test_too_few_values_give_no_interval():
    assert statistics.wilson_interval(0, 0) == (None, None)
    one_case = column([0, 1, 0.5], [0, 0, 0])
    assert estimate_cell(one_case, 0).interval == (None, None)
    nothing = column([np.nan, np.nan])
    assert estimate_cell(nothing, 0).interval == (None, None)


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (1, 0), (9, 3), (30, 61)])
def test_mcnemar_is_the_sign_test_of_the_items_that_differ(ours, theirs):
    p = statistics.mcnemar_p(Discordant(ours, theirs))
    n = ours + theirs
    assert p == pytest.approx(stats.binomtest(ours, n).pvalue if n else 1)


@pytest.mark.parametrize("discordant", [5, 6, 17, 40, 111])
def test_the_least_difference_is_the_first_that_mcnemar_shows(discordant):
    least = statistics.least_difference(discordant, 200)
    shown = [
        (2 * ours - discordant) / 200
        for ours in range(discordant // 2, discordant + 1)
        if statistics.mcnemar_p(Discordant(ours, discordant - ours)) < 0.05
    ]
    assert least == (min(shown) if shown else None)


def test_holm_never_makes_a_later_p_smaller():
    assert statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )
    assert statistics.holm({}) == {}


def test_the_signs_of_many_differences_tell_what_a_t_test_does():
    values = np.random.default_rng(2).normal(0.1, 1, 500)
    found = estimate_cell(column(values), 0, bounds=None)
    theirs = stats.ttest_1samp(values, 0).pvalue
    assert statistics.sign_flip_p(found.parts) == pytest.approx(theirs, rel=0.1)


def test_the_signs_of_few_differences_are_scipys_permutations():
    values = np.array([0.5, 1, -0.25, 1, 1, 0, 0.5, -1, 0.25, 1])
    theirs = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    found = estimate_cell(column(values), 0, bounds=DIFFERENCES)
    assert statistics.sign_flip_p(found.parts) == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("n", [3, 5, 12])
def test_a_few_items_that_all_go_one_way_are_what_mcnemar_says(n):
    found = estimate_cell(column([1] * n + [0] * 9), 0, bounds=DIFFERENCES)
    exact = statistics.mcnemar_p(Discordant(n, 0))
    assert statistics.sign_flip_p(found.parts) == pytest.approx(exact)


def test_cases_and_cells_are_flipped_whole_and_by_their_weight():
    right = np.repeat([1, 0], [20, 20])
    cases = np.repeat(np.arange(4), 10)
    found = estimate_cell(column(right, cases), 0, bounds=DIFFERENCES)
    assert statistics.sign_flip_p(found.parts) == 0.5
    both = estimate_macro([column([1, 0]), column([1] * 50)], 0, bounds=DIFFERENCES)
    assert both.parts.sum() == pytest.approx(0.75)
    assert both.parts.max() == 0.25


def test_no_difference_is_no_evidence():
    assert statistics.sign_flip_p(np.zeros(9)) == 1
