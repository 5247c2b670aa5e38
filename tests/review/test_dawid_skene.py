"""Who is right where people disagree: one number a person is enough, and is needed."""

import json
from pathlib import Path

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


@pytest.fixture(scope="module")
def crowd_kit():
    """Votes, and what crowd-kit makes of them; see ``ask_crowd_kit.py``."""
    path = Path(__file__).with_name("crowd_kit.json")
    return json.loads(path.read_text("utf-8"))


def letters(text: str) -> np.ndarray:
    return np.array([ord(letter) - ord("A") for letter in text])


def seats(crowd_kit, n: int) -> Votes:
    """The votes of the first ``n`` people."""
    said = np.stack([letters(column) for column in crowd_kit["votes"][:n]], 1)
    unit, person = np.indices(said.shape)
    return Votes(unit.ravel(), person.ravel(), said.ravel())


def test_one_coin_says_what_crowd_kit_says(crowd_kit):
    theirs = crowd_kit["crowd_kit"]
    found = one_coin(seats(crowd_kit, 5), 14)
    assert len(found.posterior) == 1_566
    assert found.accuracy == pytest.approx(theirs["accuracy"], abs=1e-3)
    assert (found.posterior.argmax(1) == letters(theirs["golds"])).all()


def test_a_careless_seat_is_found_and_without_it_the_golds_are_no_worse(crowd_kit):
    golds = letters(crowd_kit["golds"])
    whole, four = (one_coin(seats(crowd_kit, n), 14) for n in (5, 4))
    assert whole.accuracy.argmin() == 4 and whole.accuracy[4] < 0.1
    found = {
        n: (c.posterior.argmax(1) == golds).mean() for n, c in ((5, whole), (4, four))
    }
    assert found[4] >= found[5] > (majority(seats(crowd_kit, 5)) == golds).mean()
    left_out = (majority(seats(crowd_kit, n)) == golds for n in (4, 5))
    without, with_it = (right.mean() for right in left_out)
    assert without > with_it
