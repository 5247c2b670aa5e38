r"""How far cultures differ beyond what one labeller differs from itself.

The statistic of a scenario is the Jensen-Shannon divergence, in bits, of its cultures'
label shares, each the mean over the labellers:

    D = H(mean_c P_c) - mean_c H(P_c),   P_c = mean_l S_lc

Under the null a labeller's shares are the same whatever the culture, up to its noise.
The exchangeable unit is therefore (labeller, culture), and cultures are permuted within
each labeller. Samples of one labeller share its error: permuting *them* keeps up to
84 % of universal scenarios at 3 labellers with 8 samples. What each rule keeps in
simulation stands in ``docs/cedar_map.md``.

A language in which every labeller is unsure is not exchangeable with the others. So an
isolated scenario has besides a small q at least ``min_labels`` *clear* labels: a
culture's plurality that has ``clear_share`` and is that of most labellers.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from psyche_kedro.datasets.language_packs import Packs
from psyche_kedro.pipelines.cedar.parameters import (
    IsolationParameters,
    LabellingParameters,
)
from psyche_kedro.pipelines.cedar.permutations import (
    BATCH,
    Draw,
    Tested,
    count_reached,
    divergence_bits,
    permutation_test,
)
from psyche_kedro.pipelines.cedar.tables import (
    CedarRejections,
    Divergence,
    Scenarios,
)
from psyche_kedro.tables import Row, frame, rejection

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class Shares(NamedTuple):
    """What was said of each scenario.

    Attributes:
        counts: ``[scenarios, labellers, cultures, emotions]`` readable labels.
        asked: ``[scenarios, labellers, cultures]`` questions.
    """

    counts: I64
    asked: I64


def measure_divergence(
    scenarios: pl.DataFrame,
    provisional_labels: pl.DataFrame,
    packs: Packs,
    labelling: LabellingParameters,
    params: IsolationParameters,
) -> pl.DataFrame:
    """Return how far the labels of every scenario's cultures differ.

    Args:
        scenarios: ``Scenarios``.
        provisional_labels: ``ProvisionalLabels``.
        packs: Languages, by culture.
        labelling: ``cedar.labelling``.
        params: ``cedar.isolation``.

    Returns:
        ``Divergence``: a row for every scenario.
    """
    emotions = list(next(iter(packs.values())).emotions)
    ids = scenarios["scenario_id"].to_list()
    said = count_labels(provisional_labels, ids, list(packs), emotions)
    usable = _usable(said, labelling)
    measured = _tested(said, usable, params)
    rows = (
        _row(scenario, said.counts[n][usable[n]], list(packs), emotions)
        | measured.get(n, dict.fromkeys(Tested._fields))
        | {"n_read": int(said.counts[n].sum()), "is_asked": bool(said.asked[n].any())}
        for n, scenario in enumerate(ids)
    )
    return frame(Divergence, (_judged(row, params) for row in rows))


def _tested(
    said: Shares, usable: NDArray[np.bool_], params: IsolationParameters
) -> dict[int, Row]:
    """Return statistic, p and q of the scenarios of which enough was read."""
    measured = np.flatnonzero(usable.any(1))
    tested = permutation_test(
        [draw_of(said.counts[n][usable[n]]) for n in measured],
        permutations=params.permutations,
        fdr=params.fdr,
        seed=params.seed,
    )
    values = zip(*(column.tolist() for column in tested), strict=True)
    return {
        int(n): Tested._make(value)._asdict()
        for n, value in zip(measured, values, strict=True)
    }


def count_labels(
    labels: pl.DataFrame,
    ids: Sequence[str],
    cultures: Sequence[str],
    emotions: Sequence[str],
) -> Shares:
    """Return how often each labeller gave each emotion.

    Args:
        labels: ``ProvisionalLabels``.
        ids: Scenarios, in order.
        cultures: In order.
        emotions: In order.
    """
    labellers = labels["labeller"].unique().sort().to_list()
    counts = np.zeros(
        (len(ids), len(labellers), len(cultures), len(emotions)), np.int64
    )
    asked = np.zeros(counts.shape[:3], np.int64)
    axes = (
        {k: n for n, k in enumerate(axis)}
        for axis in (ids, labellers, cultures, emotions)
    )
    scenario_at, labeller_at, culture_at, emotion_at = axes
    grouped = labels.group_by("scenario_id", "labeller", "culture", "label").len()
    for scenario, labeller, culture, label, n in grouped.iter_rows():
        cell = scenario_at[scenario], labeller_at[labeller], culture_at[culture]
        asked[cell] += n
        if label is not None:
            counts[(*cell, emotion_at[label])] = n
    return Shares(counts, asked)


def _usable(said: Shares, params: LabellingParameters) -> NDArray[np.bool_]:
    """Return ``[scenarios, labellers]``: who said enough of a scenario to be counted.

    A labeller counts with a label in every culture; a scenario with enough labellers,
    and enough of all labels readable in every culture.
    """
    speaks = (said.counts.sum(-1) > 0).all(-1)
    read = said.counts.sum((1, 3)) / np.maximum(1, said.asked.sum(1))
    enough = (speaks.sum(1) >= params.min_labellers) & (read >= params.min_read).all(1)
    return np.asarray(speaks & enough[:, None])


# ---- tested ----------------------------------------------------------------------


def draw_of(counts: I64) -> Draw:
    """Return the test of one scenario: cultures permuted within each labeller.

    Args:
        counts: ``[labellers, cultures, emotions]``.
    """
    shares = shares_of(counts[..., counts.any((0, 1))])
    labellers, cultures, said = shares.shape

    def draw(permutations: int, seed: int) -> tuple[float, int]:
        observed = float(divergence_bits(shares.mean(0)))
        reached = 0
        for start in range(0, permutations, BATCH):
            size = min(BATCH, permutations - start)
            dealt = _dealt(size, labellers, cultures, (seed, start))
            mixed = dealt @ shares.reshape(-1, said)
            null = divergence_bits(mixed.reshape(size, cultures, said))
            reached += count_reached(null, observed)
        return observed, reached

    return draw


@lru_cache(maxsize=1)
def _dealt(size: int, labellers: int, cultures: int, seed: tuple[int, int]) -> F64:
    """Return ``[size * cultures, labellers * cultures]`` weights of permutations.

    A culture of a permutation is the mean of one culture of each labeller. The matrix
    is the same for every scenario of as many labellers, and one product with it deals a
    scenario's shares in all permutations at once.
    """
    rng = np.random.default_rng(seed)
    order = rng.random((size, labellers, cultures)).argsort(-1)
    dealt = np.zeros((size, cultures, labellers, cultures))
    permutation, labeller, culture = np.indices(order.shape)
    dealt[permutation, culture, labeller, order] = 1 / labellers
    return dealt.reshape(size * cultures, labellers * cultures)


def shares_of(counts: I64) -> F64:
    """Return counts as shares of 1 along the last axis."""
    return np.asarray(counts / counts.sum(-1, keepdims=True))


# ---- told ------------------------------------------------------------------------


def _row(
    scenario: str, counts: I64, cultures: Sequence[str], emotions: Sequence[str]
) -> Row:
    """Return what the usable labellers say: ``[labellers, cultures, emotions]``."""
    row: Row = {"scenario_id": scenario, "n_labellers": len(counts)}
    if not len(counts):
        return row | {"labels": [], "universal_label": None, "universal_share": None}
    shares = shares_of(counts)
    pooled = shares.mean(0)
    top = pooled.argmax(-1)
    reached = np.isclose(shares, shares.max(-1, keepdims=True))
    labels = [
        {
            "culture": culture,
            "label": emotions[top[c]],
            "share": float(pooled[c, top[c]]),
            "support": int(reached[:, c, top[c]].sum()),
        }
        for c, culture in enumerate(cultures)
    ]
    most = int(pooled.mean(0).argmax())
    everywhere = float(shares[:, :, most].min())
    return row | {
        "labels": labels,
        "universal_label": emotions[most],
        "universal_share": everywhere,
    }


def _judged(row: Row, params: IsolationParameters) -> Row:
    is_asked = row.pop("is_asked")
    clear = {
        said["label"]
        for said in row["labels"]
        if said["share"] >= params.clear_share
        and 2 * said["support"] > row["n_labellers"]
    }
    row["n_clear"] = len(clear)
    row["plurality_differs"] = len({said["label"] for said in row["labels"]}) > 1
    reason = _reason(row, params) if is_asked else "untranslated"
    return row | {"verdict": "rejected" if reason else "isolated", "reason": reason}


def _reason(row: Row, params: IsolationParameters) -> str | None:
    if row["q"] is None:
        return "too_few_read"
    if params.rule == "labels_differ":
        return None if row["plurality_differs"] else "one_label"
    if row["q"] > params.fdr:
        return "no_divergence"
    return None if row["n_clear"] >= params.min_labels else "one_label"


def isolate_scenarios(
    scenarios: pl.DataFrame,
    divergence: pl.DataFrame,
    rejected_translations: pl.DataFrame,
    rejected_texts: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the scenarios that cultures feel differently, and all others with why.

    Args:
        scenarios: ``Scenarios``.
        divergence: ``Divergence``.
        rejected_translations: ``CedarRejections``.
        rejected_texts: ``CedarRejections``.

    Returns:
        ``Scenarios`` and ``CedarRejections``: rows in = kept + rejected.
    """
    reasons = dict(divergence.select("scenario_id", "reason").iter_rows())
    lacking = {
        row_id: reason.rpartition(":")[2]
        for table in (rejected_translations, rejected_texts)
        for row_id, reason in table.select("row_id", "reason").iter_rows()
        if ":" in reason
    }
    kept: list[Row] = []
    lost: list[Row] = []
    for row in scenarios.iter_rows(named=True):
        if reason := reasons[row["scenario_id"]]:
            lost.append(_rejected(row, reason, lacking))
        else:
            kept.append(row)
    return frame(Scenarios, kept), frame(CedarRejections, lost)


def _rejected(row: Row, reason: str, lacking: dict[str, str]) -> Row:
    if reason == "untranslated":
        reason = f"untranslated:{lacking[row['scenario_id']]}"
    return rejection(
        row["scenario_id"], "isolate_scenarios", reason, source=row["source"]
    )
