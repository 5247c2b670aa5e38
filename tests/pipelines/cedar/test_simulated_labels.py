"""What isolation keeps and loses in an invented world of noisy labellers.

Every labeller errs its own way in each culture (0.5 logits). Half of the scenarios are
felt alike everywhere; in the others one to three cultures put another emotion 3 logits
above the first.
"""

import numpy as np
import polars as pl
import pytest
from test_isolation import ISOLATION, measured

from packs import CULTURES, EMOTIONS
from psyche_kedro.pipelines.cedar.isolation.divergence import draw_of, shares_of
from psyche_kedro.pipelines.cedar.permutations import (
    count_reached,
    divergence_bits,
    permutation_test,
)

N, CULTURE_COUNT, EMOTION_COUNT = 200, len(CULTURES), len(EMOTIONS)


def world(labellers: int, samples: int, *, noise: float = 0.5, is_flat: bool = False):
    """Return which scenarios differ, and ``[n, labellers, cultures, samples]``."""
    rng = np.random.default_rng(3)
    logits = np.repeat(rng.normal(0, 1.5, (N, 1, EMOTION_COUNT)), CULTURE_COUNT, 1)
    differs = np.arange(N) % 2 == 1
    for i in np.flatnonzero(differs):
        for c in rng.choice(CULTURE_COUNT, rng.integers(1, 4), replace=False):
            first = logits[i, c].argmax()
            other = (first + rng.integers(1, EMOTION_COUNT)) % EMOTION_COUNT
            logits[i, c, other] = logits[i, c, first] + 3
    size = (N, labellers, CULTURE_COUNT, EMOTION_COUNT)
    logits = logits[:, None] + rng.normal(0, noise, size)
    if is_flat:
        logits[:, :, -1] *= 0.5
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    drawn = rng.random((*size[:3], samples, 1)) > shares.cumsum(-1)[..., None, :]
    return differs, np.minimum(drawn.sum(-1), EMOTION_COUNT - 1)


def divergence(said) -> pl.DataFrame:
    _, labellers, _, samples = said.shape
    names = "abcde"[:labellers]

    def answer(i, culture, who, k):
        return EMOTIONS[said[i, names.index(who), CULTURES.index(culture), k]]

    return measured(answer, n=N, labellers=names, samples=samples)


def kept(rows: pl.DataFrame):
    """By q alone, and by q and clear labels."""
    by_q = (rows["q"] <= ISOLATION.fdr).to_numpy()
    return by_q, (rows["verdict"] == "isolated").to_numpy()


def test_languages_that_are_alike_are_seldom_told_apart_and_others_nearly_always():
    differs, said = world(5, 4)
    by_q, isolated = kept(divergence(said))
    assert by_q[~differs].mean() <= 0.07
    assert isolated[~differs].mean() <= 0.03
    assert by_q[differs].mean() >= 0.9
    assert isolated[differs].mean() >= 0.6


def test_a_language_in_which_all_are_unsure_isolates_nothing_by_itself():
    differs, said = world(5, 4, is_flat=True)
    _, isolated = kept(divergence(said))
    assert isolated[~differs].mean() <= 0.03


def samples_permuted(said):
    """The test of a scenario with the wrong null: a labeller's samples change place."""

    def draw(permutations: int, seed: int) -> tuple[float, int]:
        rng = np.random.default_rng(seed)
        observed = float(divergence_bits(shares_of(counted(said)).mean(0)))
        pooled = said.reshape(len(said), -1)
        null = [
            divergence_bits(shares_of(counted(dealt.reshape(said.shape))).mean(0))
            for dealt in (rng.permuted(pooled, axis=1) for _ in range(permutations))
        ]
        return observed, count_reached(np.array(null), observed)

    return draw


def counted(said):
    return (said[..., None] == np.arange(EMOTION_COUNT)).sum(-2)


@pytest.mark.parametrize(
    ("null", "at_least", "at_most"),
    [(lambda one: draw_of(counted(one)), 0, 0.07), (samples_permuted, 0.3, 1)],
    ids=["cultures", "samples"],
)
def test_the_null_permutes_cultures_for_samples_share_their_labellers_error(
    null, at_least, at_most
):
    differs, said = world(3, 8, noise=1.0)
    alike = said[~differs][:60]
    tested = permutation_test(
        [null(one) for one in alike], permutations=99, fdr=0.1, seed=1
    )
    assert at_least <= (tested.p <= 0.05).mean() <= at_most
