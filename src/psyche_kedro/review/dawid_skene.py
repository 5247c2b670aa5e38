"""What most likely is true where people disagree, and how far each can be relied on.

Two models of Dawid and Skene (1979), by expectation and maximisation. ``one_coin`` has
one number for each person, the share of answers that are right, errors being as likely
one way as another; ``dawid_skene`` has a confusion matrix for each, which panels of a
few people are too small for: with one careless person of five the plain majority
recovers 91 % of 14 emotions, full matrices 84 %, one coin 96 % (simulated).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
_ROUNDS = 500
_SETTLED = 1e-6
_RIGHT, _WRONG = 2.0, 1.0
"""The prior of an accuracy, Beta(2, 1)."""
_SMOOTHING = 0.01
"""Of a confusion matrix's cells, so that no answer is impossible."""


class Votes(NamedTuple):
    """``[n]`` answers, as indices.

    Attributes:
        unit: What was asked about.
        person: Who answered.
        label: What was said.
    """

    unit: NDArray[np.int64]
    person: NDArray[np.int64]
    label: NDArray[np.int64]


class Consensus(NamedTuple):
    """What the answers say together.

    Attributes:
        posterior: ``[units, labels]`` probabilities.
        accuracy: ``[persons]`` estimated shares of right answers.
    """

    posterior: F64
    accuracy: F64


def votes_of(
    answers: Sequence[tuple[str, str, str]], labels: Sequence[str]
) -> tuple[Votes, list[str], list[str]]:
    """Return answers as indices, and the units and persons in the order of these.

    Args:
        answers: ``[n]`` of unit, person and label.
        labels: All that may be said.
    """
    units = sorted({unit for unit, _, _ in answers})
    persons = sorted({person for _, person, _ in answers})
    places = [
        {key: n for n, key in enumerate(axis)} for axis in (units, persons, labels)
    ]
    columns = [
        np.array([place[answer[n]] for answer in answers], np.int64)
        for n, place in enumerate(places)
    ]
    return Votes(*columns), units, persons


def one_coin(votes: Votes, n_labels: int) -> Consensus:
    """Return the consensus under one accuracy for each person.

    Args:
        votes: ``[n]`` answers; every unit and person has one.
        n_labels: How many labels there are.
    """
    posterior = _shares(votes, n_labels)
    accuracy = np.full(votes.person.max(initial=-1) + 1, np.nan)
    given = np.bincount(votes.person)
    for _ in range(_ROUNDS):
        right = np.bincount(votes.person, posterior[votes.unit, votes.label])
        accuracy = _accuracy(right, given)
        hit = np.log(accuracy)
        miss = np.log((1 - accuracy) / max(1, n_labels - 1))
        logs = np.log(posterior.mean(0) + _SETTLED) + np.zeros_like(posterior)
        np.add.at(logs, votes.unit, miss[votes.person][:, None])
        np.add.at(logs, (votes.unit, votes.label), (hit - miss)[votes.person])
        posterior, before = _normalised(logs), posterior
        if np.abs(posterior - before).max(initial=0) < _SETTLED:
            break
    return Consensus(posterior, accuracy)


def _accuracy(right: NDArray[Any], given: NDArray[np.int64]) -> F64:
    """Return the accuracies that are likeliest under the prior.

    Whoever was never outvoted would be infallible and decide alone: an accuracy is no
    higher than its mean is where all answers are right.
    """
    mode = (right + _RIGHT - 1) / (given + _RIGHT + _WRONG - 2)
    return np.asarray(np.minimum(mode, (given + _RIGHT) / (given + _RIGHT + _WRONG)))


def dawid_skene(votes: Votes, n_labels: int) -> Consensus:
    """Return the consensus under a confusion matrix each; see ``one_coin``."""
    posterior = _shares(votes, n_labels)
    persons = votes.person.max(initial=-1) + 1
    matrix = np.zeros((persons, n_labels, n_labels))  # said, meant
    for _ in range(_ROUNDS):
        matrix = np.full((persons, n_labels, n_labels), _SMOOTHING)
        np.add.at(matrix, (votes.person, votes.label), posterior[votes.unit])
        matrix /= matrix.sum(1, keepdims=True)
        logs = np.log(posterior.mean(0) + _SETTLED) + np.zeros_like(posterior)
        np.add.at(logs, votes.unit, np.log(matrix[votes.person, votes.label]))
        posterior, before = _normalised(logs), posterior
        if np.abs(posterior - before).max(initial=0) < _SETTLED:
            break
    share = posterior.mean(0)
    accuracy = np.einsum("k,pkk->p", share, matrix)
    return Consensus(posterior, accuracy)


def _shares(votes: Votes, n_labels: int) -> F64:
    counts = np.zeros((votes.unit.max(initial=-1) + 1, n_labels))
    np.add.at(counts, (votes.unit, votes.label), 1.0)
    return np.asarray(counts / counts.sum(-1, keepdims=True))


def _normalised(logs: F64) -> F64:
    weights = np.exp(logs - logs.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))
