"""Scores of every model, in every way, beside what people and fixed rules reach."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from psyche_kedro.datasets.language_packs import ENGLISH, Packs
from psyche_kedro.pipelines.cedar.alignment import measures
from psyche_kedro.pipelines.cedar.alignment.measures import F64, I64, PerScenario
from psyche_kedro.pipelines.cedar.parameters import AlignmentParameters
from psyche_kedro.pipelines.cedar.tables import (
    MODALITIES,
    CedarReference,
    CedarScores,
    CultureMatrix,
    EmotionConfusion,
    ModelPairs,
)
from psyche_kedro.review.krippendorff import krippendorff_alpha
from psyche_kedro.statistics import NO_INTERVAL, Interval, holm, wilson_interval
from psyche_kedro.tables import Row, frame

REFERENCE = "reference"
"""The way of a line of reference."""
PEOPLE, CEILING = "people", "ceiling"
ALL_MODELS = "all_models"
_MEANS = ("consistency", "alike", "alignment", "shuffled", "best", "pull", "gain")
_RELATED = ("alignment", "gain", "efficiency")
_COMPARED = ("alignment", "gain")
_FEWEST_MODELS = 3
"""Of a correlation."""


class Scored(NamedTuple):
    """What the answers come to."""

    scores: pl.DataFrame
    reference: pl.DataFrame
    culture_matrix: pl.DataFrame
    emotion_confusion: pl.DataFrame
    model_pairs: pl.DataFrame


class _Exam(NamedTuple):
    """A benchmark as numbers.

    Attributes:
        benchmark: Its name.
        emotions: Names of the labels' numbers.
        cultures: Codes of the columns.
        scenarios: Row of each scenario.
        modality: ``[scenarios]``.
        golds: ``[scenarios, cultures]``.
        votes: ``[scenarios, cultures, labels]`` shares of people; NaN where unknown.
        places: Row and column of each item.
    """

    benchmark: str
    emotions: list[str]
    cultures: list[str]
    scenarios: dict[str, int]
    modality: np.ndarray[Any, Any]
    golds: I64
    votes: F64
    places: dict[str, tuple[int, int]]

    @property
    def english(self) -> int:
        """Column of the English culture; -1 where there is none."""
        return self.cultures.index(ENGLISH) if ENGLISH in self.cultures else -1


class _Sitting(NamedTuple):
    """A model's answers in one way: ``[scenarios, cultures]``, -1 for none."""

    subject: str
    way: str
    answers: I64
    official: I64
    rows: np.ndarray[Any, Any]
    """``[scenarios]``: whether the model was asked."""


def score_alignment(
    cedar_predictions: pl.DataFrame,
    cedar_items: pl.DataFrame,
    given_items: pl.DataFrame,
    packs: Packs,
    params: AlignmentParameters,
) -> Scored:
    """Return scores, matrices, confusions and comparisons, benchmark by benchmark.

    Args:
        cedar_predictions: ``CedarPredictions``.
        cedar_items: ``Items`` of this run.
        given_items: ``Items`` of given benchmarks.
        packs: Languages, by culture.
        params: ``cedar.alignment``.

    Returns:
        ``CedarScores``, ``CedarReference``, ``CultureMatrix``, ``EmotionConfusion``
        and ``ModelPairs``.
    """
    items = pl.concat([cedar_items, given_items])
    found: tuple[list[Row], ...] = ([], [], [], [], [])
    for (benchmark,), own in items.group_by("benchmark", maintain_order=True):
        exam = _exam(str(benchmark), own, packs)
        answered = cedar_predictions.join(
            own.select("item_id"), on="item_id", how="semi"
        )
        sittings = list(_sittings(answered, exam))
        found[0].extend(_scores(exam, sittings, params))
        found[1].extend(_lines(exam, params))
        found[2].extend(_matrices(exam, sittings))
        found[3].extend(_confusions(exam, sittings))
        found[4].extend(_pairs(exam, sittings, params))
    kinds = (CedarScores, CedarReference, CultureMatrix, EmotionConfusion, ModelPairs)
    return Scored(*(frame(kind, rows) for kind, rows in zip(kinds, found, strict=True)))


# ---- tables to numbers -----------------------------------------------------------


def _exam(benchmark: str, items: pl.DataFrame, packs: Packs) -> _Exam:
    emotions = list(next(iter(packs.values())).emotions)
    cultures = [code for code in packs if code in set(items["language"])]
    keys = items["scenario_id"].unique(maintain_order=True).to_list()
    scenarios = {key: n for n, key in enumerate(keys)}
    golds = np.full((len(keys), len(cultures)), -1)
    votes = np.full((*golds.shape, len(emotions)), np.nan)
    modality = np.full(len(keys), "", dtype=object)
    places = {}
    for row in items.iter_rows(named=True):
        place = scenarios[row["scenario_id"]], cultures.index(row["language"])
        places[row["item_id"]] = place
        golds[place] = emotions.index(row["gold"])
        modality[place[0]] = row["modality"]
        if row["votes"]:
            votes[place] = _vote_shares(row["votes"], emotions)
    return _Exam(
        benchmark, emotions, cultures, scenarios, modality, golds, votes, places
    )


def _vote_shares(votes: Sequence[Row], emotions: Sequence[str]) -> F64:
    n = {vote["label"]: vote["n"] for vote in votes}
    shares = np.array([n.get(emotion, 0) for emotion in emotions]) / sum(n.values())
    return np.asarray(shares)


def _sittings(predictions: pl.DataFrame, exam: _Exam) -> Iterator[_Sitting]:
    number = {emotion: n for n, emotion in enumerate(exam.emotions)}
    first = predictions.filter(sample=0)
    for (subject, way), own in first.group_by("subject", "way", maintain_order=True):
        answers, official = (np.full(exam.golds.shape, -1) for _ in range(2))
        rows = np.zeros(len(exam.golds), bool)
        columns = own.select("item_id", "label", "official_label")
        for item, label, said in columns.iter_rows():
            place = exam.places[item]
            rows[place[0]] = True
            answers[place] = number.get(label, -1)
            official[place] = number.get(said, -1)
        yield _Sitting(str(subject), str(way), answers, official, rows)


# ---- lines of reference ----------------------------------------------------------


def _lines(exam: _Exam, params: AlignmentParameters) -> Iterator[Row]:
    """Yield what people themselves, and answers that ignore culture, would score."""
    for line in [_people(exam), *_alike(exam)]:
        for row in _of_slice(exam, line, "all", line.rows, params):
            yield _line(exam, line.subject, **row)
    alpha = krippendorff_alpha(exam.golds.tolist())
    yield _line(exam, PEOPLE, metric="alpha", value=alpha)
    yield _line(exam, "chance", metric="alignment", value=1 / len(exam.emotions))


def _people(exam: _Exam) -> _Sitting:
    rows = np.ones(len(exam.golds), bool)
    return _Sitting(PEOPLE, REFERENCE, exam.golds, exam.golds, rows)


def _alike(exam: _Exam) -> Iterator[_Sitting]:
    """Yield the plurality, and the golds of each culture, in all languages."""
    people = _people(exam)
    most = measures.plurality_everywhere(exam.golds)
    yield people._replace(subject=CEILING, answers=most)
    for culture, code in enumerate(exam.cultures):
        own = np.repeat(exam.golds[:, [culture]], len(exam.cultures), 1)
        yield people._replace(subject=code, answers=own)


def _line(exam: _Exam, name: str, **row: Any) -> Row:
    known = {key: row.get(key) for key in ("metric", "value", "low", "high")}
    n = len(exam.golds)
    return {"benchmark": exam.benchmark, "line": name, "n": n} | known


# ---- scores ----------------------------------------------------------------------


def _scores(
    exam: _Exam, sittings: Sequence[_Sitting], params: AlignmentParameters
) -> Iterator[Row]:
    for sitting in sittings:
        for name, rows in _slices(exam, sitting):
            yield from _of_slice(exam, sitting, name, rows, params)
        yield from _cells(exam, sitting)
    yield from _order_effects(exam, sittings)
    yield from _dissociation(exam, sittings, params)


def _slices(
    exam: _Exam, sitting: _Sitting
) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield all scenarios, and those of each modality where there are two."""
    asked = {m: sitting.rows & (exam.modality == m) for m in MODALITIES}
    there = {m: rows for m, rows in asked.items() if rows.any()}
    if len(there) > 1:
        yield "all", sitting.rows
    yield from there.items()


def _of_slice(
    exam: _Exam,
    sitting: _Sitting,
    name: str,
    rows: np.ndarray[Any, Any],
    params: AlignmentParameters,
) -> Iterator[Row]:
    answers, golds = sitting.answers[rows], exam.golds[rows]
    of = measures.measure(answers, golds, exam.english)
    drawn = measures.resamples(len(answers), params.n_resamples, params.seed)
    p = measures.gain_p(
        answers, golds, permutations=params.permutations, seed=params.seed
    )
    common = {
        **_key(exam, sitting),
        "slice": name,
        "n": len(answers),
        "n_missing": int((answers < 0).sum()),
    }
    for metric in _MEANS:
        values = getattr(of, metric)
        found = measures.interval(measures.resampled_means(values, drawn))
        row = _value(common, metric, float(values.mean()), found)
        yield row | {"p": p if metric == "gain" else None}
    found = measures.interval(measures.resampled_efficiency(of, drawn))
    yield _value(common, "efficiency", measures.efficiency(of), found)


def _key(exam: _Exam, sitting: _Sitting) -> Row:
    return {
        "benchmark": exam.benchmark,
        "subject": sitting.subject,
        "way": sitting.way,
    }


def _value(
    common: Row,
    metric: str,
    value: float | None,
    found: Interval = NO_INTERVAL,
) -> Row:
    return common | {
        "metric": metric,
        "value": value,
        "low": found.low,
        "high": found.high,
        "p": None,
    }


def _cells(exam: _Exam, sitting: _Sitting) -> Iterator[Row]:
    """Yield the scores of each language and modality."""
    for culture, code in enumerate(exam.cultures):
        for modality in MODALITIES:
            rows = sitting.rows & (exam.modality == modality)
            if rows.any():
                yield from _of_cell(exam, sitting, rows, culture, f"{code}/{modality}")


def _of_cell(
    exam: _Exam,
    sitting: _Sitting,
    rows: np.ndarray[Any, Any],
    culture: int,
    name: str,
) -> Iterator[Row]:
    answers, golds = sitting.answers[rows, culture], exam.golds[rows, culture]
    official = sitting.official[rows, culture]
    right, read = int((answers == golds).sum()), answers >= 0
    common = {
        **_key(exam, sitting),
        "slice": name,
        "n": len(golds),
        "n_missing": int((~read).sum()),
    }
    of_all = wilson_interval(right, len(golds))
    of_read = wilson_interval(right, int(read.sum()))
    yield _value(common, "accuracy", right / len(golds), of_all)
    yield _value(common, "accuracy_of_read", _share(right, int(read.sum())), of_read)
    taken = int((official >= 0).sum())
    as_official = _share(int((official == golds).sum()), taken)
    yield _value(common, "official_accuracy", as_official)
    yield _value(common, "macro_f1", measures.macro_f1(answers, golds))
    yield _value(common, "vote_share", _vote_share(exam.votes[rows, culture], answers))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _vote_share(votes: F64, answers: I64) -> float | None:
    """Return the mean share of people who gave the model's answer, 0 for no answer."""
    given = np.take_along_axis(votes, np.maximum(answers, 0)[:, None], 1)[:, 0]
    shares = np.where(answers >= 0, given, 0.0)
    return None if np.isnan(votes).any() else float(shares.mean())


def _order_effects(exam: _Exam, sittings: Sequence[_Sitting]) -> Iterator[Row]:
    """Yield how many answers stay when the words stand in another order."""
    native = {s.subject: s for s in sittings if s.way == "native"}
    for sitting in sittings:
        if sitting.way != "reordered" or sitting.subject not in native:
            continue
        rows = sitting.rows
        here, there = sitting.answers[rows], native[sitting.subject].answers[rows]
        same = int(((here == there) & (here >= 0)).sum())
        common = {
            **_key(exam, sitting),
            "slice": "all",
            "n": int(rows.sum()),
            "n_missing": int((here < 0).sum()),
        }
        found = wilson_interval(same, here.size)
        yield _value(common, "same_as_native", same / here.size, found)


def _dissociation(
    exam: _Exam, sittings: Sequence[_Sitting], params: AlignmentParameters
) -> Iterator[Row]:
    """Yield how consistency goes with alignment over models and ways.

    Models that are asked all scenarios alone: a text model's figures are of others.
    """
    whole = [s for s in sittings if s.rows.all() and s.way != "reordered"]
    if len(whole) < _FEWEST_MODELS:
        return
    of = [measures.measure(s.answers, exam.golds, exam.english) for s in whole]
    drawn = measures.resamples(len(exam.golds), params.n_resamples, params.seed)
    observed = _figures(of, np.arange(len(exam.golds))[None])
    resampled = _figures(of, drawn)
    common = {
        "benchmark": exam.benchmark,
        "subject": ALL_MODELS,
        "way": REFERENCE,
        "slice": "all",
        "n": len(whole),
        "n_missing": 0,
    }
    for metric in _RELATED:
        # An efficiency is undefined where a model answers alike everywhere.
        known = ~np.isnan(observed[metric][0])
        values = [
            _spearman(figures["consistency"][:, known], figures[metric][:, known])
            for figures in (observed, resampled)
        ]
        value = float(values[0][0])
        found = measures.interval(values[1])
        name = f"spearman:consistency~{metric}"
        row = _value(common, name, None if np.isnan(value) else value, found)
        yield row | {"n": int(known.sum())}


def _figures(of: Sequence[PerScenario], drawn: I64) -> dict[str, F64]:
    """Return ``[n_resamples, models]`` of each measure."""
    means = {
        metric: np.stack(
            [measures.resampled_means(getattr(one, metric), drawn) for one in of], 1
        )
        for metric in ("consistency", "alignment", "gain")
    }
    shares = [measures.resampled_efficiency(one, drawn) for one in of]
    return means | {"efficiency": np.stack(shares, 1)}


def _spearman(x: F64, y: F64) -> F64:
    """Return ``[n_resamples]`` rank correlations over models; NaN where one is flat."""
    from scipy.stats import rankdata  # noqa: PLC0415 - dear to import

    ranks = [rankdata(values, axis=1, nan_policy="propagate") for values in (x, y)]
    a, b = (r - r.mean(1, keepdims=True) for r in ranks)
    spread = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    together = (a * b).sum(1)
    found = np.divide(together, spread, out=np.full(len(a), np.nan), where=spread > 0)
    return np.asarray(found)


# ---- matrices, confusions, pairs -------------------------------------------------


def _matrices(exam: _Exam, sittings: Sequence[_Sitting]) -> Iterator[Row]:
    for sitting in [_people(exam), *sittings]:
        rows = sitting.rows
        share = measures.matches(sitting.answers[rows], exam.golds[rows]).mean(0)
        for one, language in enumerate(exam.cultures):
            for other, culture in enumerate(exam.cultures):
                yield _key(exam, sitting) | {
                    "language": language,
                    "culture": culture,
                    "share": float(share[one, other]),
                }


def _confusions(exam: _Exam, sittings: Sequence[_Sitting]) -> Iterator[Row]:
    names = [*exam.emotions, None]  # the last is the answer -1
    for sitting in sittings:
        for c, language in enumerate(exam.cultures):
            pairs = np.stack([exam.golds[:, c], sitting.answers[:, c]], 1)
            counted = np.unique(pairs[sitting.rows], axis=0, return_counts=True)
            for (gold, said), n in zip(*counted, strict=True):
                yield _key(exam, sitting) | {
                    "language": language,
                    "gold": exam.emotions[gold],
                    "predicted": names[said],
                    "n": int(n),
                }


def _pairs(
    exam: _Exam, sittings: Sequence[_Sitting], params: AlignmentParameters
) -> Iterator[Row]:
    """Yield every two models compared on the scenarios that both were asked."""
    for way in dict.fromkeys(sitting.way for sitting in sittings):
        own = [
            (s, measures.measure(s.answers, exam.golds, exam.english))
            for s in sittings
            if s.way == way
        ]
        for metric in _COMPARED:
            rows = {
                f"{a.subject}\x1f{b.subject}": _pair(
                    exam,
                    (a, getattr(of_a, metric)),
                    (b, getattr(of_b, metric)),
                    metric=metric,
                    params=params,
                )
                for (a, of_a), (b, of_b) in combinations(own, 2)
                if (a.rows & b.rows).any()
            }
            adjusted = holm({name: row["p"] for name, row in rows.items()})
            for name, row in rows.items():
                yield row | {"way": way, "p": adjusted[name]}


def _pair(
    exam: _Exam,
    one: tuple[_Sitting, F64],
    other: tuple[_Sitting, F64],
    *,
    metric: str,
    params: AlignmentParameters,
) -> Row:
    (a, of_a), (b, of_b) = one, other
    difference = (of_a - of_b)[a.rows & b.rows]
    drawn = measures.resamples(len(difference), params.n_resamples, params.seed)
    means = measures.resampled_means(difference, drawn)
    found = measures.interval(means)
    tail = min((means <= 0).mean(), (means >= 0).mean())
    return {
        "benchmark": exam.benchmark,
        "metric": metric,
        "subject": a.subject,
        "other": b.subject,
        "difference": float(difference.mean()),
        "low": found.low,
        "high": found.high,
        "p": max(min(1.0, 2 * float(tail)), 1 / (1 + params.n_resamples)),
    }
