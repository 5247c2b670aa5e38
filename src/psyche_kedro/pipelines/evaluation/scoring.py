"""Predictions and judgements → scores, purely: nothing is generated again.

Every item with a key that a model was asked counts in the denominator. The public
evaluation code drops unread answers, which raised one of its models from 15.87 to
18.96 %; here they count as wrong, and ``n_missing`` says how many there were. A call
that failed says nothing of the model: its item has no score until it is asked again,
``n_failed`` counts it, and there is no average over what is not whole.

``macro_average`` is the "Avg." of the paper's Table 1, the unweighted mean of the
cells, and stands only where every cell was scored; ``micro_average`` weighs every item
the same (the "Avg." of Table 2). The elastic average takes elastic accuracy in every
cell: with one gold label it equals the standard one, as in the paper's brackets.

Example row: ``{"role": "grpo", "benchmark": "pceb", "cell": "moral_multiple",
"protocol": "reasoned", "metric": "elastic_accuracy", "value": 82.54, …}``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple, TypeVar

from psyche_kedro import metrics
from psyche_kedro.metrics import Interval
from psyche_kedro.pipelines.benchmarks import (
    AVERAGES,
    JUDGED_PROTOCOLS,
    Benchmarks,
    ChoiceExam,
    Exam,
)
from psyche_kedro.pipelines.evaluation.parameters import ScoringParameters
from psyche_kedro.text import overlaps
from psyche_kedro.text.overlaps import Words, segment

Row = Mapping[str, Any]
T = TypeVar("T")


class Marked(NamedTuple):
    """A prediction, with the answer read in it, beside the item it answers."""

    prediction: Row
    item: Row


Cells = list[list[Marked]]
Marking = Callable[[list[Marked]], list[float]]
"""The marks of a cell, one an item."""


def _of_labels(credit: Callable[[set[str], set[str]], float]) -> Marking:
    return lambda cell: [
        credit(set(m.prediction["labels"]), set(m.item["gold"])) for m in cell
    ]


def _of_strings(credit: Callable[[Sequence[str], Sequence[str]], float]) -> Marking:
    return lambda cell: [credit(m.prediction["labels"], m.item["gold"]) for m in cell]


def _of_words(overlap: Callable[[Words, Words], float]) -> Marking:
    return lambda cell: [
        overlap(segment(m.prediction["text"] or ""), segment(m.item["answer_text"]))
        for m in cell
    ]


def _commonest(answer: Callable[[Marked], Iterable[str]]) -> Marking:
    """Return 1 for each item that has the answer which most of its cell have."""

    def marks(cell: list[Marked]) -> list[float]:
        answers = [tuple(sorted(answer(m))) for m in cell]
        counts = Counter(given for given in answers if given)
        commonest = max(counts, key=counts.__getitem__, default=None)
        return [float(given == commonest) for given in answers]

    return marks


METRICS: dict[str, Marking] = {
    "standard_accuracy": _of_labels(metrics.standard_credit),
    "elastic_accuracy": _of_labels(metrics.elastic_credit),
    "official_accuracy": _of_strings(metrics.official_credit),
    "official_elastic_accuracy": _of_strings(metrics.official_elastic_credit),
    # What the commonest key scores when it is given to every item, and how near a
    # model is to doing just that: an accuracy like the first with a share near 100 is
    # no knowledge.
    "commonest_key": _commonest(lambda m: m.item["gold"]),
    "commonest_answer": _commonest(lambda m: m.prediction["labels"]),
    "rouge_1_pltrdy": _of_words(lambda *pair: overlaps.rouge_pltrdy(*pair).rouge_1),
    "rouge_l_pltrdy": _of_words(lambda *pair: overlaps.rouge_pltrdy(*pair).rouge_l),
    "rouge_1_zh": _of_words(lambda *pair: overlaps.rouge_zh(*pair).rouge_1),
    "rouge_l_zh": _of_words(lambda *pair: overlaps.rouge_zh(*pair).rouge_l),
    "rouge_1_std": _of_words(lambda *pair: overlaps.rouge_std(*pair).rouge_1),
    "rouge_l_std": _of_words(lambda *pair: overlaps.rouge_std(*pair).rouge_l),
    "bleu_4": _of_words(overlaps.bleu_4),
}


def score_exams(
    predictions: Iterable[Row],
    items: Mapping[str, Row],
    benchmarks: Benchmarks,
    params: ScoringParameters,
) -> Iterator[dict[str, Any]]:
    """Yield accuracies and overlaps, in percent, of every exam that has keys.

    Args:
        predictions: Rows of ``predictions``, each with its answer; those that are
            judged are no part of it.
        items: Rows of ``benchmark_items`` by id, with their keys; no other is scored.
        benchmarks: The cards, which say what is computed of an exam and averaged.
        params: ``evaluation.scores``.
    """
    scored = [
        Marked(p, items[p["item_id"]])
        for p in predictions
        if p["item_id"] in items and p["protocol"] not in JUDGED_PROTOCOLS
    ]
    whole = Counter(map(_cell, items.values()))
    for sitting in _grouped(scored, _sitting).values():
        exam = benchmarks.exam_of(sitting[0].item)
        if exam is None:
            continue
        for name, cells in _with_averages(sitting, exam):
            asked = [m for cell in cells for m in cell]
            counts = _counts([m.prediction for m in asked], whole)
            has_value = name not in AVERAGES or not counts["n_failed"]
            answered = [list(filter(_has_answer, cell)) for cell in cells]
            for metric in exam.metrics:
                marks = [METRICS[metric](cell) for cell in answered]
                yield {
                    **_identity(sitting[0].prediction),
                    "cell": name,
                    "metric": metric,
                    **(_percent(metric, marks, params) if has_value else _NO_VALUE),
                    **counts,
                }


def score_judged(
    judgements: Iterable[Row],
    predictions: Iterable[Row],
    items: Mapping[str, Row],
    params: ScoringParameters,
) -> Iterator[dict[str, Any]]:
    """Yield the mean score of every role on every dimension, on the judge's scale.

    Args:
        judgements: Rows of ``judgements``; a null score is missing, not 0.
        predictions: Rows of ``predictions`` that were judged.
        items: Rows of ``benchmark_items`` by id.
        params: ``evaluation.scores``.
    """
    replies = {
        (p["role"], p["item_id"]): p
        for p in predictions
        if p["protocol"] in JUDGED_PROTOCOLS and p["item_id"] in items
    }
    judged = [
        (j, replies[j["role"], j["item_id"]])
        for j in judgements
        if (j["role"], j["item_id"]) in replies
    ]
    whole = Counter(map(_cell, items.values()))
    for group in _grouped(judged, _dimension).values():
        asked = [reply for _, reply in group]
        scores = [j["score"] for j, _ in group if j["score"] is not None]
        reply, interval = asked[0], _bootstrap([scores], params)
        yield {
            **_identity(reply),
            "cell": reply["cell"],
            "metric": group[0][0]["dimension"],
            "value": fmean(scores) if scores else None,
            "low": interval.low,
            "high": interval.high,
            **(counts := _counts(asked, whole)),
            "n_missing": counts["n"] - len(scores),
        }


def _dimension(judged: tuple[Row, Row]) -> tuple[str, ...]:
    judgement, reply = judged
    return (judgement["role"], judgement["dimension"], *_cell(reply))


def _cell(item: Row) -> tuple[str, ...]:
    return item["benchmark"], item["split"], item["cell"]


def _sitting(marked: Marked) -> tuple[str, ...]:
    """Return what is scored together: one model, one exam, one way of asking."""
    names = ("role", "benchmark", "split", "protocol")
    return tuple(marked.prediction[name] for name in names)


def _with_averages(sitting: list[Marked], exam: Exam) -> Iterator[tuple[str, Cells]]:
    """Yield the cells, then what is averaged over them (choice questions only)."""
    cells = _grouped(sitting, lambda m: m.prediction["cell"])
    for name, cell in cells.items():
        yield name, [cell]
    if not isinstance(exam, ChoiceExam) or not cells.keys() & exam.cells.keys():
        return
    yield "micro_average", [sitting]
    if cells.keys() >= exam.cells.keys():
        yield "macro_average", [cells[name] for name in exam.cells]


_NO_VALUE: dict[str, float | None] = {"value": None, "low": None, "high": None}


def _percent(
    metric: str, marks: list[list[float]], params: ScoringParameters
) -> dict[str, float | None]:
    """Return value, low and high of the unweighted mean over cells, in percent."""
    if not all(marks):
        return _NO_VALUE
    if metric == "standard_accuracy" and len(marks) == 1:
        interval = metrics.wilson_interval(int(sum(marks[0])), len(marks[0]))
    else:
        interval = _bootstrap(marks, params)
    found = {"value": fmean(map(fmean, marks)), **interval._asdict()}
    return {name: None if x is None else 100 * x for name, x in found.items()}


def _bootstrap(cells: list[list[float]], params: ScoringParameters) -> Interval:
    return metrics.bootstrap_interval(
        cells, n_resamples=params.n_resamples, seed=params.seed
    )


def _has_answer(marked: Marked) -> bool:
    return bool(marked.prediction["outcome"] != "failed")


def _counts(asked: Iterable[Row], whole: Mapping[tuple[str, ...], int]) -> Row:
    """Return how many items count, how their replies ended, and how many are left."""
    asked = list(asked)
    ended = Counter(p["outcome"] for p in asked)
    answered = [p for p in asked if p["outcome"] != "failed"]
    return {
        "n": len(answered),
        "n_missing": sum(not (p["labels"] or p["text"]) for p in answered),
        **{f"n_{name}": ended[name] for name in ("refused", "truncated", "failed")},
        "n_left_out": sum(whole[cell] for cell in set(map(_cell, asked))) - len(asked),
    }


def _identity(prediction: Row) -> dict[str, str]:
    names = ("role", "model", "benchmark", "split", "protocol")
    return {name: prediction[name] for name in names}


def _grouped(rows: Iterable[T], key: Callable[[T], Any]) -> dict[Any, list[T]]:
    groups: dict[Any, list[T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
