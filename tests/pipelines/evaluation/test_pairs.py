"""Two models on the same items: who is better, and when nobody can say."""

import polars as pl
import pytest
from exam_rows import (
    NO_TRAINING,
    READING,
    answered,
    counselling_case,
    item,
    items,
    read,
    settings,
)

from cards import CARDS
from psyche_kedro.pipelines.evaluation.nodes import score_predictions
from psyche_kedro.pipelines.evaluation.parameters import ScoringParameters
from psyche_kedro.tables import Judgements, Predictions, frame

CELL = "theory_multiple"


def sat(exam, said, judgements=()):
    """Return scores and pairs of models that said so, by role."""
    predictions = frame(
        Predictions,
        [
            answered(one, text, role=role, protocol=protocol_of(one))
            for role, texts in said.items()
            for one, text in zip(exam, texts, strict=True)
            if text != "not asked"
        ],
    )
    return score_predictions(
        predictions=predictions,
        answers=read(predictions, *exam),
        judgements=frame(Judgements, judgements),
        selection=NO_TRAINING,
        benchmark_items=items(*exam),
        benchmarks=CARDS,
        reading=READING,
        params=ScoringParameters(**settings()["scores"]),
    )


def protocol_of(one):
    return "counselling" if one["messages"] else "reasoned"


def questions(n, **changes):
    return [item(f"第{k}题", cell=CELL, gold="AB", **changes) for k in range(n)]


def row(pairs, metric="standard_accuracy", cell=CELL, **where):
    return pairs.filter(metric=metric, cell=cell, **where).row(0, named=True)


def test_a_model_that_is_better_on_enough_items_is_called_better():
    said = {"one": ["AB"] * 40, "other": ["AB"] * 20 + ["A"] * 20}
    pair = row(sat(questions(40), said).score_differences)
    assert (pair["role"], pair["other"], pair["better"]) == ("one", "other", "one")
    assert (pair["n"], pair["difference"]) == (40, 50)
    assert (pair["only_role"], pair["only_other"]) == (20, 0)
    assert pair["p"] == pytest.approx(2 * 0.5**20)
    assert 30 < pair["low"] < 50 < pair["high"] < 70
    assert pair["least"] == pytest.approx(100 * 10 / 40)


def test_a_difference_of_a_few_items_is_within_noise():
    said = {"one": ["AB"] * 40, "other": ["AB"] * 35 + ["A"] * 5}
    pair = row(sat(questions(40), said).score_differences)
    assert pair["difference"] == 12.5
    assert pair["low"] > 0
    assert (pair["better"], pair["least"]) == (None, None)


def test_elastic_marks_are_compared_item_by_item_too():
    said = {"one": ["AB"] * 40, "other": ["AB"] * 20 + ["A"] * 20}
    pair = row(sat(questions(40), said).score_differences, "elastic_accuracy")
    assert (pair["difference"], pair["only_role"], pair["better"]) == (25, None, "one")


def test_questions_on_one_case_count_as_one_where_they_stand_together():
    said = {"one": ["AB"] * 40, "other": ["AB"] * 30 + ["A"] * 10}
    apart = row(sat(questions(40), said).score_differences)
    cases = [
        one | {"cluster_id": f"case{n // 20}"} for n, one in enumerate(questions(40))
    ]
    together = row(sat(cases, said).score_differences)
    assert apart["low"] > 0
    assert together["low"] == 0
    assert (together["p"], together["better"]) == (apart["p"], None)


def test_only_items_that_both_answered_count():
    exam = questions(10)
    said = {"one": ["AB"] * 10, "other": ["A"] * 4 + [None] * 3 + ["not asked"] * 3}
    pair = row(sat(exam, said).score_differences)
    assert (pair["n"], pair["difference"]) == (4, 100)


def test_the_same_answers_have_no_difference_and_an_interval():
    said = dict.fromkeys(("one", "other"), ["AB", "C"] * 25)
    pair = row(sat(questions(50), said).score_differences)
    assert (pair["difference"], pair["p"], pair["better"]) == (0, 1, None)
    assert pair["low"] < 0 < pair["high"]


def test_p_is_corrected_for_every_pair_and_cell_of_the_exam():
    exam = [*questions(30), *(item("理", cell="theory_single", gold="A"),)]
    said = {
        "one": ["AB"] * 30 + ["A"],
        "other": ["AB"] * 21 + ["A"] * 10,
        "third": ["AB"] * 21 + ["A"] * 10,
    }
    pairs = sat(exam, said).score_differences.filter(metric="standard_accuracy")
    assert pairs.height == 3 * 3  # two cells and the micro average
    pair = row(pairs, role="one", other="other")
    assert pair["p_holm"] == pytest.approx(9 * pair["p"])


def test_one_more_model_changes_no_score_interval_or_p_of_the_others():
    said = {
        "one": ["AB", "A", "C"] * 12,
        "other": ["AB", "AB", "C"] * 12,
    }
    exam = questions(36)
    before, after = sat(exam, said), sat(exam, said | {"new": ["D"] * 36})
    assert before.scores.equals(after.scores.filter(pl.col("role") != "new"))
    kept = after.score_differences.filter(pl.col("other") != "new")
    assert before.score_differences.drop("p_holm").equals(kept.drop("p_holm"))


def test_judged_scores_are_compared_on_the_judges_scale():
    cases = [counselling_case(f"第{n}个。") for n in range(12)]
    judgements = [
        {
            "item_id": case["item_id"],
            "role": role,
            "dimension": "EmoE",
            "score": float(score + n % 2),
            "outcome": "read",
        }
        for role, score in (("one", 2), ("other", 0))
        for n, case in enumerate(cases)
    ]
    said = dict.fromkeys(("one", "other"), ["嗯。"] * 12)
    pair = row(sat(cases, said, judgements).score_differences, "EmoE", "counselling")
    assert (pair["difference"], pair["only_role"], pair["least"]) == (2, None, None)


def test_what_a_model_likes_to_say_is_not_compared():
    pairs = sat(questions(4), {"one": ["AB"] * 4, "other": ["A"] * 4}).score_differences
    assert not {m for m in pairs["metric"] if m.startswith("commonest")}
