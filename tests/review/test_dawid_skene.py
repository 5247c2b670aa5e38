"""Who is right where people disagree: one number a person is enough, and is needed."""

import numpy as np
import pytest

from psyche_kedro.review.dawid_skene import Votes, dawid_skene, one_coin, votes_of


def panel(accuracies, n=400, n_labels=14, seed=0):
    """Golds, and the votes of people who are right that often."""
    rng = np.random.default_rng(seed)
    golds = rng.integers(n_labels, size=n)
    right = rng.random((n, len(accuracies))) < np.array(accuracies)
    other = (golds[:, None] + rng.integers(1, n_labels, right.shape)) % n_labels
    said = np.where(right, golds[:, None], other)
    unit, person = np.indices(said.shape)
    return golds, Votes(unit.ravel(), person.ravel(), said.ravel())


def majority(votes: Votes, n_labels=14):
    counts = np.zeros((votes.unit.max() + 1, n_labels))
    np.add.at(counts, (votes.unit, votes.label), 1)
    return counts.argmax(1)


def test_one_coin_recovers_more_than_the_majority_and_than_full_matrices():
    golds, votes = panel([0.72, 0.72, 0.72, 0.72, 1 / 14], n=600)
    recovered = {
        "majority": (majority(votes) == golds).mean(),
        "matrices": (dawid_skene(votes, 14).posterior.argmax(1) == golds).mean(),
        "one coin": (one_coin(votes, 14).posterior.argmax(1) == golds).mean(),
    }
    assert recovered["one coin"] > max(recovered["majority"], recovered["matrices"])


def test_each_persons_accuracy_is_found():
    _, votes = panel([0.9, 0.8, 0.7, 0.6, 1 / 14], n=2_000)
    found = one_coin(votes, 14).accuracy
    assert found == pytest.approx([0.9, 0.8, 0.7, 0.6, 1 / 14], abs=0.04)


def test_who_was_never_outvoted_is_not_infallible():
    answers = [(f"u{n}", p, "a") for n in range(4) for p in ("x", "y", "z")]
    split = [("s", "x", "a"), ("s", "y", "b"), ("s", "z", "b")]
    votes, units, _ = votes_of([*answers, *split], ["a", "b"])
    found = one_coin(votes, 2)
    assert found.accuracy.max() < 1
    assert found.posterior[units.index("s")].min() > 0.01


def test_posteriors_are_probabilities_and_unanimity_is_almost_sure():
    _, votes = panel([0.8] * 5)
    for model in (one_coin, dawid_skene):
        posterior = model(votes, 14).posterior
        assert posterior.sum(1) == pytest.approx(np.ones(len(posterior)))
    votes, *_ = votes_of([("u", p, "a") for p in "vwxyz"], ["a", "b"])
    assert one_coin(votes, 2).posterior[0, 0] > 0.99


def test_as_much_is_recovered_as_by_crowd_kit():
    aggregation = pytest.importorskip("crowdkit.aggregation")
    import pandas as pd

    golds, votes = panel([0.75, 0.75, 0.75, 0.75, 1 / 14], n=1_000)
    columns = {"task": votes.unit, "worker": votes.person, "label": votes.label}
    model = aggregation.OneCoinDawidSkene(n_iter=100)
    theirs = model.fit_predict(pd.DataFrame(columns)).loc[range(len(golds))].to_numpy()
    ours = one_coin(votes, 14).posterior.argmax(1)
    assert (ours == golds).mean() == pytest.approx((theirs == golds).mean(), abs=0.01)
    assert (ours == theirs).mean() > 0.95
