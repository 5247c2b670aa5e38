"""Hard items are those that every student of the split answers wrong."""

import pytest
from exam_rows import READING, answered, item, items, read, settings

from cards import CARDS
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.pipelines.evaluation.nodes import score_by_difficulty
from psyche_kedro.pipelines.evaluation.parameters import (
    ScoringParameters,
    SplitParameters,
)
from psyche_kedro.pipelines.selection.parameters import DifficultyParameters
from psyche_kedro.tables import Predictions, frame

DIFFICULTY = DifficultyParameters(
    rule="all_wrong", pass_rate=0.5, seed=1, hold_out_audited=False, group_size=2
)
CELL = "theory_single"
EXAM = [item(f"第{n}题", cell=CELL, gold="A") for n in range(4)]
# Of four items the first is hard: all three are wrong on it.
SAID = {
    "qwen": ["B", "A", "A", "A"],
    "llama": ["C", "B", "A", ""],
    "phi": ["很难说", "B", "B", "A"],
    "grpo": ["A", "A", "A", "B"],
}


def split(said=None, students=("qwen", "llama", "phi")):
    rows = [
        answered(one, text, role=role)
        for role, texts in (said or SAID).items()
        for one, text in zip(EXAM, texts, strict=True)
    ]
    predicted = frame(Predictions, rows)
    return score_by_difficulty(
        predictions=predicted,
        answers=read(predicted, *EXAM),
        benchmark_items=items(*EXAM),
        benchmarks=CARDS,
        reading=READING,
        params=ScoringParameters(**settings()["scores"]),
        split=SplitParameters(students=students),
        difficulty=DIFFICULTY,
    )


def told(scores, role, subset):
    row = scores.filter(
        role=role, subset=subset, cell=CELL, metric="standard_accuracy"
    ).row(0, named=True)
    return row["n"], pytest.approx(row["value"])


def test_items_that_all_students_miss_are_scored_apart():
    scores = split()
    assert told(scores, "grpo", "challenging") == (1, 100)
    assert told(scores, "grpo", "non_challenging") == (3, 200 / 3)
    assert told(scores, "qwen", "challenging") == (1, 0)
    assert told(scores, "qwen", "non_challenging") == (3, 100)


def test_an_item_that_a_student_failed_to_answer_is_of_no_subset():
    scores = split(SAID | {"llama": ["C", None, "A", "A"]})
    assert told(scores, "grpo", "challenging") == (1, 100)
    assert told(scores, "grpo", "non_challenging")[0] == 2


def test_without_students_there_is_no_split():
    assert split(students=()).is_empty()
    assert SplitParameters(**settings()["split"]).students == ()


def test_a_student_that_is_not_under_test_is_named():
    with pytest.raises(ConfigurationError, match=r"'phi3'.*grpo, llama, phi, qwen"):
        split(students=("qwen", "phi3"))
