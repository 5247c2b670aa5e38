"""Figure 4: which items of an exam are hard, by the models that §2.2 would ask.

§3.4: "we divide the PCEB into (a) challenging and (b) non-challenging subsets following
the question selection method described in §2.2". The rule is that of ``selection``; the
students are models that sat the exam, by its first protocol (ours: the paper does not
say which models these were).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.metrics import verdict_on
from psyche_kedro.pipelines.benchmarks import Benchmarks, ChoiceExam
from psyche_kedro.pipelines.evaluation.parameters import SplitParameters
from psyche_kedro.pipelines.selection.difficulty import challenging, judge
from psyche_kedro.pipelines.selection.parameters import DifficultyParameters

Row = Mapping[str, Any]
SUBSETS = ("challenging", "non_challenging")


def split_items(
    answers: pl.DataFrame, difficulty: DifficultyParameters
) -> dict[str, set[str]]:
    """Return the ids of the items of each subset; those that await a student have none.

    Args:
        answers: Rows of ``student_outcomes``.
        difficulty: ``selection.difficulty``, whose rule holds.
    """
    judged = judge(answers.select("question_id").unique(), answers)
    judged = judged.filter(~pl.col("awaiting")).sort("question_id")
    eligible = pl.Series([True] * judged.height, dtype=pl.Boolean)
    hard = challenging(judged, eligible, difficulty)
    return {
        name: set(judged.filter(chosen)["question_id"])
        for name, chosen in zip(SUBSETS, (hard, ~hard), strict=True)
    }


def student_outcomes(
    predictions: Iterable[Row],
    items: Mapping[str, Row],
    benchmarks: Benchmarks,
    params: SplitParameters,
) -> pl.DataFrame:
    """Return how each student answered each item: ``question_id``, student, outcome.

    Args:
        predictions: Rows of ``predictions``, each with its answer.
        items: Rows of ``benchmark_items`` by id, with their keys.
        benchmarks: The cards.
        params: ``evaluation.split``.

    Raises:
        ConfigurationError: If a student is not under test.
    """
    predictions = list(predictions)
    roles = {p["role"] for p in predictions}
    if unknown := sorted({*params.students} - roles):
        raise ConfigurationError(
            f"evaluation.split.students names '{unknown[0]}', and the models under test"
            f" are {', '.join(sorted(roles))}."
        )
    rows = _outcomes(predictions, items, benchmarks, params)
    names = ("question_id", "student", "outcome")
    return pl.DataFrame(list(rows), dict.fromkeys(names, pl.String), orient="row")


def _outcomes(
    predictions: Iterable[Row],
    items: Mapping[str, Row],
    benchmarks: Benchmarks,
    params: SplitParameters,
) -> Iterator[tuple[str, str, str]]:
    for prediction in predictions:
        item = items.get(prediction["item_id"])
        exam = benchmarks.exam_of(item) if item else None
        if item and isinstance(exam, ChoiceExam):
            is_first = prediction["protocol"] == next(iter(exam.protocols))
            if is_first and prediction["role"] in params.students:
                verdict = verdict_on({*prediction["labels"]}, {*item["gold"]})
                is_failed = prediction["outcome"] == "failed"
                told = "failed" if is_failed else verdict
                yield item["item_id"], prediction["role"], told
