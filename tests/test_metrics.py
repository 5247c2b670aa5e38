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
