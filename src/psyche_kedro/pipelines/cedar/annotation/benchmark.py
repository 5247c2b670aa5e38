"""The benchmark: items whose cultures differ more than people of one culture do.

At five people a culture, golds that merely differ are no evidence: 60 to 76 % of items
without any difference have two golds (simulated). People are therefore permuted among
the cultures of an item, and an item stays where its vote shares differ more than that.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from psyche_kedro.datasets.language_packs import Packs
from psyche_kedro.pipelines.cedar.annotation.golds import labels_of, plurality
from psyche_kedro.pipelines.cedar.asking import texts_by_language
from psyche_kedro.pipelines.cedar.parameters import (
    AnnotationParameters,
    BenchmarkParameters,
)
from psyche_kedro.pipelines.cedar.permutations import (
    BATCH,
    Draw,
    count_reached,
    divergence_bits,
    permutation_test,
)
from psyche_kedro.pipelines.cedar.tables import MODALITIES, CedarRejections, Items
from psyche_kedro.tables import Row, content_id, frame, rejection


def assemble_benchmark(  # noqa: PLR0913 - the node's inputs
    *,
    isolated_scenarios: pl.DataFrame,
    scenario_texts: pl.DataFrame,
    ground_truth: pl.DataFrame,
    packs: Packs,
    params: AnnotationParameters,
    benchmark: BenchmarkParameters,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the items of the benchmark, and every isolated scenario that is none.

    Args:
        isolated_scenarios: ``Scenarios``.
        scenario_texts: ``ScenarioTexts``.
        ground_truth: ``GroundTruth``.
        packs: Languages, by culture.
        params: ``cedar.annotation``.
        benchmark: ``cedar.benchmark``.

    Returns:
        ``Items``, one row per (scenario, language), and ``CedarRejections``.
    """
    truths: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in ground_truth.iter_rows(named=True):
        truths[row["scenario_id"]][row["culture"]] = row
    scenarios = {
        row["scenario_id"]: row for row in isolated_scenarios.iter_rows(named=True)
    }
    reasons = {key: _undecided(truths[key]) for key in scenarios}
    complete = [key for key, reason in reasons.items() if reason is None]
    reasons |= _indistinct({key: truths[key] for key in complete}, packs, params)
    distinct = [key for key, reason in reasons.items() if reason is None]
    reasons |= _over_quota([scenarios[key] for key in distinct], truths, benchmark)
    kept = [scenarios[key] for key, reason in reasons.items() if reason is None]
    rows = _items(kept, scenario_texts, truths, packs, benchmark)
    lost = (
        rejection(key, "assemble_benchmark", reason, source=scenarios[key]["source"])
        for key, reason in reasons.items()
        if reason
    )
    return frame(Items, rows), frame(CedarRejections, lost)


def _undecided(truth: Mapping[str, Row]) -> str | None:
    """Return which culture has no gold, and why, or None."""
    without = (f"{row['reason']}:{c}" for c, row in truth.items() if row["reason"])
    return next(without, None)


# ---- distinct --------------------------------------------------------------------


def _indistinct(
    truths: Mapping[str, Mapping[str, Row]], packs: Packs, params: AnnotationParameters
) -> dict[str, str]:
    """Return why items are no evidence of a difference between cultures."""
    golds = {
        key: {row["gold"] for row in truth.values()} for key, truth in truths.items()
    }
    reasons = {key: "one_gold" for key, found in golds.items() if len(found) == 1}
    if params.distinct == "labels_differ":
        return reasons
    tested = permutation_test(
        [draw_of(_counts(truth, labels_of(packs))) for truth in truths.values()],
        permutations=params.permutations,
        fdr=params.fdr,
        seed=params.seed,
    )
    for key, q in zip(truths, tested.q.tolist(), strict=True):
        if q > params.fdr:
            reasons.setdefault(key, "not_distinct")
    return reasons


def _counts(truth: Mapping[str, Row], labels: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return ``[cultures, labels]`` votes."""
    place = {label: n for n, label in enumerate(labels)}
    counts = np.zeros((len(truth), len(labels)), np.int64)
    for c, row in enumerate(truth.values()):
        for vote in row["votes"]:
            counts[c, place[vote["label"]]] = vote["n"]
    return counts


def draw_of(counts: np.ndarray[Any, Any]) -> Draw:
    """Return the test of one item: people permuted among its cultures.

    Args:
        counts: ``[cultures, labels]`` votes.
    """
    sizes = counts.sum(-1)
    culture = np.repeat(np.arange(len(sizes)), sizes)
    label = np.concatenate([np.repeat(np.arange(len(row)), row) for row in counts])

    def shares(order: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        given = np.zeros((len(order), *counts.shape))
        rows = np.arange(len(order))[:, None]
        np.add.at(given, (rows, culture, label[order]), 1.0)
        return np.asarray(given / sizes[:, None])

    def draw(permutations: int, seed: int) -> tuple[float, int]:
        observed = float(divergence_bits(shares(np.arange(len(label))[None]))[0])
        rng = np.random.default_rng(seed)
        reached = 0
        for start in range(0, permutations, BATCH):
            size = (min(BATCH, permutations - start), len(label))
            null = divergence_bits(shares(rng.random(size).argsort(-1)))
            reached += count_reached(null, observed)
        return observed, reached

    return draw


# ---- chosen ----------------------------------------------------------------------


def _over_quota(
    scenarios: Sequence[Row],
    truths: Mapping[str, Mapping[str, Row]],
    benchmark: BenchmarkParameters,
) -> dict[str, str]:
    """Return the scenarios that are more than were asked for."""
    if benchmark.quota is None:
        return {}
    over: dict[str, str] = {}
    for modality in MODALITIES:
        own = [row["scenario_id"] for row in scenarios if row["modality"] == modality]
        chosen = _balanced(own, truths, getattr(benchmark.quota, modality))
        over |= {key: "over_quota" for key in own if key not in chosen}
    return over


def _balanced(
    keys: Sequence[str], truths: Mapping[str, Mapping[str, Row]], n: int
) -> set[str]:
    """Return ``n`` scenarios by digest, the next of the emotion that has fewest so far.

    The emotion of a scenario is the gold of most of its cultures.
    """
    waiting: dict[str, list[str]] = defaultdict(list)
    for key in sorted(keys, key=lambda key: content_id("quota", key), reverse=True):
        golds = Counter(row["gold"] for row in truths[key].values())
        waiting[plurality(golds) or max(golds)].append(key)
    chosen: set[str] = set()
    taken: Counter[str] = Counter()
    while len(chosen) < min(n, len(keys)):
        emotion = min((e for e in waiting if waiting[e]), key=lambda e: (taken[e], e))
        chosen.add(waiting[emotion].pop())
        taken[emotion] += 1
    return chosen


def _items(
    scenarios: Sequence[Row],
    scenario_texts: pl.DataFrame,
    truths: Mapping[str, Mapping[str, Row]],
    packs: Packs,
    benchmark: BenchmarkParameters,
) -> list[Row]:
    texts = texts_by_language(scenario_texts)
    numbers = _numbers(scenarios)
    return [
        {
            "item_id": content_id(benchmark.name, row["scenario_id"], code),
            "scenario_id": row["scenario_id"],
            "benchmark": benchmark.name,
            "number": numbers[row["scenario_id"]],
            "modality": row["modality"],
            "language": code,
            "narrative": texts[row["scenario_id"], code]["narrative"],
            "question": texts[row["scenario_id"], code]["question"],
            "picture_id": row["picture_id"],
            "gold": (gold := truths[row["scenario_id"]][code])["gold"],
            "gold_word": pack.emotions[gold["gold"]],
            "votes": gold["votes"],
        }
        for row in scenarios
        for code, pack in packs.items()
    ]


def _numbers(scenarios: Sequence[Row]) -> dict[str, int]:
    """Return the items' numbers: the source's own where each has one, else 1 to n."""
    numbers: dict[str, int] = {}
    for modality in MODALITIES:
        own = [row for row in scenarios if row["modality"] == modality]
        given = {row["number"] for row in own} - {None}
        for n, row in enumerate(own, 1):
            is_named = len(given) == len(own)
            numbers[row["scenario_id"]] = row["number"] if is_named else n
    return numbers
