"""What the scores are: checked against the packages they stand for."""

import pytest

from psyche_kedro import metrics


@pytest.mark.parametrize(
    ("prediction", "gold", "standard", "elastic"),
    [
        ("BA", "AB", 1, 1),
        ("A", "AB", 0, 1 / 2),
        ("AC", "ABCD", 0, 1 / 2),
        ("AC", "AB", 0, 0),
        ("ABC", "AB", 0, 0),
        ("", "AB", 0, 0),
        ("B", "A", 0, 0),
        ("", "", 0, 0),
        ("A", "", 0, 0),
    ],
)
def test_accuracies_compare_sets_and_a_wrong_label_forfeits_all(
    prediction, gold, standard, elastic
):
    assert metrics.standard_credit(set(prediction), set(gold)) == standard
    assert metrics.elastic_credit(set(prediction), set(gold)) == elastic


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(141, 152, 87.5, 95.9), (121, 152, 72.5, 85.2), (494, 878, 53.0, 59.5)],
)
def test_wilson_intervals_are_those_of_the_benchmark_cells(successes, n, low, high):
    interval = metrics.wilson_interval(successes, n)
    assert 100 * interval.low == pytest.approx(low, abs=0.06)
    assert 100 * interval.high == pytest.approx(high, abs=0.06)


def test_bootstrap_interval_of_one_cell_covers_its_mean_and_is_seeded():
    cell = [0.0, 1.0] * 50
    interval = metrics.bootstrap_interval([cell], n_resamples=999, seed=1)
    assert interval.low == pytest.approx(0.40, abs=0.02)
    assert interval.high == pytest.approx(0.60, abs=0.02)
    assert interval == metrics.bootstrap_interval([cell], n_resamples=999, seed=1)


def test_bootstrap_resamples_within_cells_that_weigh_the_same():
    # A cell without spread leaves only the other's, halved.
    alone = metrics.bootstrap_interval([[0.0, 1.0] * 50], n_resamples=999, seed=1)
    both = metrics.bootstrap_interval(
        [[0.0, 1.0] * 50, [1.0] * 4], n_resamples=999, seed=1
    )
    assert both.high - both.low == pytest.approx((alone.high - alone.low) / 2, abs=0.02)


def test_too_few_values_give_no_interval():
    assert metrics.wilson_interval(0, 0) == (None, None)
    assert metrics.bootstrap_interval([[1.0]], n_resamples=99, seed=1) == (None, None)
    assert metrics.bootstrap_interval([], n_resamples=99, seed=1) == (None, None)
