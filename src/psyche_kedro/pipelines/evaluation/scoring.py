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
from typing import Any, NamedTuple

from psyche_kedro import metrics
from psyche_kedro.pipelines.benchmarks import (
    AVERAGES,
    JUDGED_PROTOCOLS,
    Benchmarks,
    ChoiceExam,
    Exam,
)
from psyche_kedro.pipelines.evaluation.sheets import (
    MACRO,
    MICRO,
    Estimates,
    Mark,
    Sheet,
    write_sheet,
)
from psyche_kedro.statistics import SHARES
from psyche_kedro.tables import grouped
from psyche_kedro.text import overlaps
from psyche_kedro.text.overlaps import Words, segment

Row = Mapping[str, Any]


class Marked(NamedTuple):
    """A prediction, with the answer read in it, beside the item it answers."""

    prediction: Row
    item: Row


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


class Sitting(NamedTuple):
    """What is scored and compared together: one exam, asked one way, of all models."""

    benchmark: str
    split: str
    protocol: str


def write_sheets(
    predictions: Iterable[Row], items: Mapping[str, Row], benchmarks: Benchmarks
) -> dict[Sitting, Sheet]:
    """Return the marks of every model in every exam that has keys.

    Args:
        predictions: Rows of ``predictions``, each with its answer; those that are
            judged are no part of it.
        items: Rows of ``benchmark_items`` by id, with their keys; no other is scored.
        benchmarks: The cards, which say what is computed of an exam and averaged.
    """
    sittings = grouped(_marked(predictions, items, benchmarks), _sitting)
    return {
        sitting: write_sheet(_marks(marked, exam), exam, bounds=SHARES)
        for sitting, marked in sittings.items()
        if (exam := benchmarks.exam_of(marked[0].item))
    }


def write_judged_sheets(
    judgements: Iterable[Row], predictions: Iterable[Row], items: Mapping[str, Row]
) -> dict[Sitting, Sheet]:
    """Return the same of what a judge scored, on the judge's own scale.

    Args:
        judgements: Rows of ``judgements``; a null score is missing, not 0.
        predictions: Rows of ``predictions`` that were judged.
        items: Rows of ``benchmark_items`` by id.
    """
    judged = [
        (judgement, reply)
        for judgement, reply in _judged(judgements, predictions, items)
        if judgement["score"] is not None
    ]
    return {
        sitting: write_sheet(map(_judged_mark, group), None, bounds=None)
        for sitting, group in grouped(judged, lambda j: _sitting(j[1])).items()
    }


class Found(NamedTuple):
    """What the sheet of an exam comes to, with and without what training data holds."""

    whole: Estimates
    clean: Estimates


def score_exams(
    sheets: Mapping[Sitting, Found],
    predictions: Iterable[Row],
    items: Mapping[str, Row],
    benchmarks: Benchmarks,
) -> Iterator[dict[str, Any]]:
    """Yield accuracies and overlaps, in percent, of every exam that has keys.

    Args:
        sheets: What the sheet of each exam comes to.
        predictions: Rows of ``predictions``, each with its answer, and whether its item
            ``is_contaminated``.
        items: Rows of ``benchmark_items`` by id, with their keys.
        benchmarks: The cards.
    """
    marked = _marked(predictions, items, benchmarks)
    whole = Counter(map(_cell, items.values()))
    for of_role in grouped(marked, _of_role).values():
        found = sheets[_sitting(of_role[0])]
        if exam := benchmarks.exam_of(of_role[0].item):
            for name, asked in _with_averages(of_role, exam):
                said = [m.prediction for m in asked]
                counts = _counts(said, sum(whole[c] for c in _cells(name, said, exam)))
                yield from _scores(name, asked[0].prediction, counts, (exam, found))


def _scores(
    name: str, prediction: Row, counts: Row, of: tuple[Exam, Found]
) -> Iterator[dict[str, Any]]:
    """Yield the row of every metric of a cell or average."""
    exam, found = of
    has_value = name not in AVERAGES or not counts["n_failed"]
    for metric in exam.metrics:
        place = name, metric, prediction["role"]
        yield {
            **_identity(prediction),
            "cell": name,
            "metric": metric,
            **_values(found if has_value else None, place, scale=100),
            **counts,
        }


def score_judged(
    sheets: Mapping[Sitting, Found],
    judgements: Iterable[Row],
    predictions: Iterable[Row],
    items: Mapping[str, Row],
) -> Iterator[dict[str, Any]]:
    """Yield the mean score of every role on every dimension, on the judge's scale.

    Args:
        sheets: What the sheet of each exam comes to.
        judgements: Rows of ``judgements``.
        predictions: Rows of ``predictions`` that were judged.
        items: Rows of ``benchmark_items`` by id.
    """
    whole = Counter(map(_cell, items.values()))
    judged = _judged(judgements, predictions, items)
    for group in grouped(judged, _dimension).values():
        judgement, reply = group[0]
        place = reply["cell"], judgement["dimension"], reply["role"]
        counts = _counts([reply for _, reply in group], whole[_cell(reply)])
        yield {
            **_identity(reply),
            "cell": reply["cell"],
            "metric": judgement["dimension"],
            **_values(sheets.get(_sitting(reply)), place, scale=1),
            **counts,
            "n_missing": sum(j["score"] is None for j, _ in group),
        }


def _marked(
    predictions: Iterable[Row], items: Mapping[str, Row], benchmarks: Benchmarks
) -> list[Marked]:
    return [
        Marked(p, items[p["item_id"]])
        for p in predictions
        if p["item_id"] in items
        and p["protocol"] not in JUDGED_PROTOCOLS
        and benchmarks.exam_of(items[p["item_id"]])
    ]


def _marks(marked: Iterable[Marked], exam: Exam) -> Iterator[Mark]:
    answered = [m for m in marked if m.prediction["outcome"] != "failed"]
    for (role, cell), answers in grouped(answered, _place).items():
        for metric in exam.metrics:
            for m, value in zip(answers, METRICS[metric](answers), strict=True):
                item = m.item
                yield Mark(
                    item["item_id"], item["cluster_id"], cell, metric, role, value
                )


def _judged(
    judgements: Iterable[Row], predictions: Iterable[Row], items: Mapping[str, Row]
) -> list[tuple[Row, Row]]:
    cluster_of = {name: item["cluster_id"] for name, item in items.items()}
    replies = {
        (p["role"], p["item_id"]): {**p, "cluster_id": cluster_of[p["item_id"]]}
        for p in predictions
        if p["protocol"] in JUDGED_PROTOCOLS and p["item_id"] in cluster_of
    }
    return [
        (j, replies[j["role"], j["item_id"]])
        for j in judgements
        if (j["role"], j["item_id"]) in replies
    ]


def _judged_mark(judged: tuple[Row, Row]) -> Mark:
    judgement, reply = judged
    return Mark(
        reply["item_id"],
        reply["cluster_id"],
        reply["cell"],
        judgement["dimension"],
        reply["role"],
        judgement["score"],
    )


def _dimension(judged: tuple[Row, Row]) -> tuple[str, ...]:
    judgement, reply = judged
    return (judgement["role"], judgement["dimension"], *_cell(reply))


def _cell(item: Row) -> tuple[str, ...]:
    return item["benchmark"], item["split"], item["cell"]


def _place(marked: Marked) -> tuple[str, str]:
    return marked.prediction["role"], marked.prediction["cell"]


def _of_role(marked: Marked) -> tuple[str, ...]:
    return marked.prediction["role"], *_sitting(marked)


def _sitting(of: Marked | Row) -> Sitting:
    row = of.prediction if isinstance(of, Marked) else of
    return Sitting(*(row[name] for name in Sitting._fields))


def _with_averages(
    of_role: list[Marked], exam: Exam
) -> Iterator[tuple[str, list[Marked]]]:
    """Yield the items of each cell, then of each average (choice questions only)."""
    cells = grouped(of_role, lambda m: m.prediction["cell"])
    yield from cells.items()
    if not isinstance(exam, ChoiceExam) or not cells.keys() & exam.cells.keys():
        return
    yield MICRO, of_role
    if cells.keys() >= exam.cells.keys():
        yield MACRO, [m for name in exam.cells for m in cells[name]]


def _values(
    found: Found | None, place: tuple[str, ...], *, scale: float
) -> dict[str, float | None]:
    """Return value, low and high; nulls where an exam is not whole."""
    whole, clean = (of.get(place) for of in found) if found else (None, None)
    numbers = {
        "value": whole and whole.value,
        "low": whole and whole.interval.low,
        "high": whole and whole.interval.high,
        "value_uncontaminated": clean and clean.value,
    }
    return {name: None if x is None else scale * x for name, x in numbers.items()}


def _cells(name: str, asked: Sequence[Row], exam: Exam) -> set[tuple[str, ...]]:
    """Return the cells that are asked; of an average the others of the exam, too."""
    benchmark, split, _ = _cell(asked[0])
    others = exam.cells if name in AVERAGES else ()
    return {*map(_cell, asked), *((benchmark, split, cell) for cell in others)}


def _counts(asked: Sequence[Row], n_whole: int) -> Row:
    """Return how many items count, how their replies ended, and how many are left."""
    ended = Counter(p["outcome"] for p in asked)
    answered = [p for p in asked if p["outcome"] != "failed"]
    return {
        "n": len(answered),
        "n_missing": sum(not (p["labels"] or p["text"]) for p in answered),
        **{f"n_{name}": ended[name] for name in ("refused", "truncated", "failed")},
        "n_left_out": n_whole - len(asked),
        "n_contaminated": sum(p["is_contaminated"] for p in answered),
    }


def _identity(prediction: Row) -> dict[str, str]:
    names = ("role", "model", "benchmark", "split", "protocol")
    return {name: prediction[name] for name in names}
