"""Scores: what counts, what is averaged, and how missing answers weigh."""

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
from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.evaluation.nodes import read_answers, score_predictions
from psyche_kedro.pipelines.evaluation.parameters import (
    ReadingParameters,
    ScoringParameters,
)
from psyche_kedro.tables import ContaminationHits, Judgements, Predictions, frame

CELLS = list(CARDS.root["pceb"].choice.cells)


def params(**changes):
    return ScoringParameters(**settings()["scores"] | {"n_resamples": 200} | changes)


def score(rows, predictions, judgements=()):
    predicted = frame(Predictions, predictions)
    return score_predictions(
        predictions=predicted,
        answers=read(predicted, *rows),
        judgements=frame(Judgements, judgements),
        selection=NO_TRAINING,
        benchmark_items=items(*rows),
        benchmarks=CARDS,
        reading=READING,
        params=params(),
    ).scores


def value(scores, cell, metric="standard_accuracy", **where):
    return scores.filter(cell=cell, metric=metric, **where)["value"].item()


def test_unread_refused_and_cut_off_answers_count_as_wrong_and_are_told_apart():
    exam = [item(f"第{n}题", cell="moral_multiple", gold="AB") for n in range(5)]
    cut = {"finish_reason": "length", "failure": "truncated"}
    scores = score(
        exam,
        [
            answered(exam[0], "BA"),
            answered(exam[1], "答案：A\n解析：因为", **cut),
            answered(exam[2], "很难说"),
            answered(exam[3], "抱歉，我无法回答。"),
            answered(exam[4], "先看A项，", **cut),
        ],
    )
    assert value(scores, "moral_multiple") == 20
    assert value(scores, "moral_multiple", "elastic_accuracy") == 30
    row = scores.filter(cell="moral_multiple", metric="standard_accuracy")
    counts = ("n", "n_missing", "n_refused", "n_truncated", "n_failed")
    assert row.select(counts).row(0) == (5, 3, 1, 2, 0)
    assert row.select("low", "high").row(0) == pytest.approx((3.62, 62.45), abs=0.01)


def test_a_failed_call_has_no_score_and_its_exam_no_average():
    exam = full_exam()
    answers = [answered(one, "A") for one in exam[1:]]
    scores = score(exam, [answered(exam[0], None), *answers])
    assert value(scores, CELLS[0]) is None
    assert value(scores, CELLS[-1]) == 100
    averages = scores.filter(pl.col("cell").str.ends_with("average"))
    assert averages["value"].to_list() == [None] * averages.height
    assert averages["low"].to_list() == [None] * averages.height
    assert averages.select("n", "n_failed", "n_left_out").unique().rows() == [(8, 1, 0)]


@pytest.mark.parametrize("gold", ["", "T"])
def test_items_without_a_gold_are_not_scored(gold):
    with_gold = item("有", cell="theory_single", gold="A")
    without = item("无", cell="theory_single", gold=gold, flags=["no_gold"])
    scores = score(
        [with_gold, without], [answered(with_gold, "A"), answered(without, "A")]
    )
    assert scores.filter(cell="theory_single")["n"].unique().to_list() == [1]


def full_exam(n_extra=3):
    """Return six cells of one item each, ``n_extra`` more in the last."""
    exam = [item("题", cell=cell, gold="A") for cell in CELLS]
    return exam + [item(f"多{n}", cell=CELLS[-1], gold="A") for n in range(n_extra)]


def test_the_macro_average_weighs_cells_and_the_micro_average_items():
    exam = full_exam()
    answers = [answered(one, "A" if n == 0 else "B") for n, one in enumerate(exam)]
    scores = score(exam, answers)
    assert value(scores, "macro_average") == pytest.approx(100 / 6)
    assert value(scores, "micro_average") == pytest.approx(100 / 9)
    assert scores.filter(cell="micro_average")["n"].unique().to_list() == [9]


def test_the_elastic_average_is_the_papers_bracket():
    exam = [
        item("题", cell=cell, gold="AB" if cell.endswith("multiple") else "A")
        for cell in CELLS
    ]
    scores = score(exam, [answered(one, "A") for one in exam])
    # Three single cells at 100, three multiple ones at 50.
    assert value(scores, "macro_average", "elastic_accuracy") == 75
    assert value(scores, "macro_average") == 50


def test_there_is_no_macro_average_of_a_part_of_the_exam():
    exam = full_exam()[1:]
    scores = score(exam, [answered(one, "A") for one in exam])
    assert "macro_average" not in scores["cell"].to_list()
    assert value(scores, "micro_average") == 100


def test_protocols_and_roles_are_scored_apart():
    asked = item("题", cell="case_single", benchmark="cpsyexam", gold="A")
    scores = score(
        [asked],
        [
            answered(asked, "A", protocol="zero_shot"),
            answered(asked, "B", protocol="five_shot"),
            answered(asked, "B", protocol="zero_shot", role="base"),
        ],
    )
    assert value(scores, "case_single", protocol="zero_shot", role="sft") == 100
    assert value(scores, "case_single", protocol="five_shot", role="sft") == 0
    assert value(scores, "case_single", protocol="zero_shot", role="base") == 0


def test_open_answers_get_both_rouges_and_an_empty_one_gets_zero():
    essays = [
        item(f"问{n}", cell="case_essay", answer_text="一般心理问题。")
        for n in range(2)
    ]
    scores = score(
        essays,
        [
            answered(essays[0], "一般心理问题。", protocol="essay"),
            answered(essays[1], "", protocol="essay"),
        ],
    )
    overlaps = scores.filter(cell="case_essay")
    assert set(overlaps["metric"]) == {
        "rouge_1_pltrdy",
        "rouge_l_pltrdy",
        "rouge_1_zh",
        "rouge_l_zh",
        "bleu_4",
    }
    rouges = overlaps.filter(pl.col("metric").str.starts_with("rouge"))
    assert rouges["value"].to_list() == pytest.approx([50] * 4, abs=1e-4)
    assert overlaps["n_missing"].unique().to_list() == [1]
    assert "micro_average" not in scores["cell"].to_list()


def test_counselling_scores_leave_missing_verdicts_out_of_the_mean():
    cases = [counselling_case(f"第{n}个。") for n in range(3)]
    judgements = [
        {
            "item_id": case["item_id"],
            "role": "sft",
            "dimension": "EmoE",
            "score": verdict,
            "outcome": "no_score" if verdict is None else "read",
        }
        for case, verdict in zip(cases, (3.0, 2.0, None), strict=True)
    ]
    scores = score(
        cases,
        [answered(case, "嗯。", protocol="counselling") for case in cases],
        judgements,
    )
    row = scores.filter(cell="counselling").row(0, named=True)
    assert (row["value"], row["n"], row["n_missing"]) == (2.5, 3, 1)
    assert (row["model"], row["metric"]) == ("local-sft", "EmoE")


def test_counselling_that_no_verdict_could_be_read_of_has_no_score():
    case = counselling_case("我很累。")
    judgement = {"item_id": case["item_id"], "role": "sft", "dimension": "Con"}
    judgement["outcome"] = "no_score"
    scores = score(
        [case], [answered(case, "嗯。", protocol="counselling")], [judgement]
    )
    assert scores["value"].to_list() == [None]


def test_where_no_test_item_has_a_key_dev_is_scored_and_called_dev():
    names = {"cell": "case_single", "benchmark": "cpsyexam"}
    test = item("无答案", flags=["no_gold"], **names)
    dev = item("有答案", gold="A", split="dev", **names)
    scores = score([test, dev], [answered(one, "A") for one in (test, dev)])
    assert scores["split"].unique().to_list() == ["dev"]
    assert scores["n"].unique().to_list() == [1]


def test_dev_is_not_scored_beside_a_test_that_has_keys():
    names = {"cell": "case_single", "benchmark": "cpsyexam"}
    test = item("考题", gold="B", **names)
    dev = item("有答案", gold="A", split="dev", **names)
    scores = score([test, dev], [answered(one, "A") for one in (test, dev)])
    assert scores["split"].unique().to_list() == ["test"]
    assert value(scores, "case_single") == 0


def test_an_answer_without_a_key_is_never_scored():
    names = {"cell": "case_single", "benchmark": "cpsyexam"}
    exam = [item("甲", gold="A", **names), item("乙", flags=["no_gold"], **names)]
    scores = score(exam, [answered(one, "A") for one in exam])
    assert scores["n"].unique().to_list() == [1]


def test_scoring_twice_gives_the_same_table():
    exam = full_exam()
    answers = [answered(one, "AB"[n % 2]) for n, one in enumerate(exam)]
    assert score(exam, answers).equals(score(exam, answers))


def test_scores_say_how_many_items_of_the_exam_were_left_out():
    exam = full_exam()
    exam.append(item("例", cell=CELLS[0], gold="A", split="exemplar"))
    exam.append(item("无", cell=CELLS[0], flags=["no_gold"]))
    scores = score(exam, [answered(one, "A") for one in exam[:6]])
    told = {
        cell: scores.filter(cell=cell)["n_left_out"].unique().to_list()
        for cell in (CELLS[0], CELLS[-1], "micro_average", "macro_average")
    }
    assert told == {
        CELLS[0]: [0],
        CELLS[-1]: [3],
        "micro_average": [3],
        "macro_average": [3],
    }


def test_a_model_that_always_says_b_is_found_out():
    exam = [
        item(f"第{n}题", cell="theory_single", gold="B" if n < 14 else "ACD"[n % 3])
        for n in range(40)
    ]
    said = ["B"] * 38 + ["A", ""]
    scores = score(exam, list(map(answered, exam, said)))
    assert value(scores, "theory_single") == 35
    assert value(scores, "theory_single", "commonest_key") == 35
    assert value(scores, "theory_single", "commonest_answer") == 95


def test_answers_that_nobody_could_read_are_no_common_answer():
    exam = [item(f"第{n}题", cell="theory_single", gold="B") for n in range(4)]
    scores = score(exam, [answered(one, "") for one in exam])
    assert value(scores, "theory_single", "commonest_answer") == 0


def test_the_commonest_key_of_multiple_choice_is_a_set_of_letters():
    golds = ("AB", "BA", "A", "C")
    exam = [
        item(f"第{n}题", cell="moral_multiple", gold=gold)
        for n, gold in enumerate(golds)
    ]
    scores = score(exam, [answered(one, "ABC") for one in exam])
    assert value(scores, "moral_multiple", "commonest_key") == 50
    assert value(scores, "moral_multiple", "commonest_answer") == 100


def test_items_of_no_stored_reply_are_left_out_and_not_failed():
    exam = full_exam()
    absent = answered(exam[0], None, failure="not_stored")
    scores = score(exam, [absent, *(answered(one, "A") for one in exam[1:])])
    assert CELLS[0] not in scores["cell"].to_list()
    row = scores.filter(cell="micro_average", metric="standard_accuracy")
    counts = ("value", "n", "n_failed", "n_left_out")
    assert row.select(counts).row(0) == (100, 8, 0, 1)


def test_the_official_accuracy_compares_strings():
    choice = CARDS.root["pceb"].choice.model_copy(
        update={"metrics": ("official_accuracy", "official_elastic_accuracy")}
    )
    card = CARDS.root["pceb"].model_copy(update={"choice": choice})
    exam = [item("题", cell="moral_multiple", gold="AB")]
    predicted = frame(Predictions, [answered(exam[0], "选B和A")])
    official = ReadingParameters(scored="official_psycollm", compared=())
    scores = score_predictions(
        predictions=predicted,
        answers=read_answers(predicted, items(*exam), official),
        judgements=frame(Judgements, []),
        selection=NO_TRAINING,
        benchmark_items=items(*exam),
        benchmarks=Benchmarks(root={"pceb": card}),
        reading=official,
        params=params(),
    ).scores
    assert value(scores, "moral_multiple", "official_accuracy") == 0
    assert value(scores, "moral_multiple", "official_elastic_accuracy") == 100


def test_items_of_the_training_data_are_counted_and_the_score_without_them_told():
    exam = [item(f"第{n}题", cell="theory_single", gold="A") for n in range(4)]
    predicted = frame(
        Predictions, [answered(one, "ABAB"[n]) for n, one in enumerate(exam)]
    )
    hits = [
        {"row_id": "r1", "item_id": one["item_id"], "benchmark": "pceb"}
        | {"set_name": "D_p", "split": "test", "kind": "exact", "score": 1.0}
        for one in (exam[0], exam[0], exam[1], exam[2])
    ]
    scores = score_predictions(
        predictions=predicted,
        answers=read(predicted, *exam),
        judgements=frame(Judgements, []),
        selection={"contamination_hits": frame(ContaminationHits, hits)},
        benchmark_items=items(*exam),
        benchmarks=CARDS,
        reading=READING,
        params=params(),
    ).scores
    row = scores.filter(cell="theory_single", metric="standard_accuracy")
    shown = ("value", "n", "n_contaminated", "value_uncontaminated")
    assert row.select(shown).row(0) == (50, 4, 3, 0)
    row = scores.filter(cell="micro_average", metric="standard_accuracy")
    assert row["value_uncontaminated"].item() == 0


@pytest.mark.parametrize("said", ["A", "B"])
def test_no_interval_has_a_width_of_zero(said):
    exam = full_exam()
    scores = score(exam, [answered(one, said) for one in exam])
    assert scores.filter(pl.col("low") >= pl.col("high")).is_empty()
    assert not scores["low"].null_count()


def test_questions_on_one_case_widen_the_interval_of_their_cell():
    exam = [item(f"第{n}题", cell="case_single", gold="A") for n in range(40)]
    cases = [one | {"cluster_id": f"c{n // 10}"} for n, one in enumerate(exam)]
    said = ["A" if n < 20 else "B" for n in range(40)]
    widths = [
        scores.filter(metric="standard_accuracy", cell="case_single")
        .select(pl.col("high") - pl.col("low"))
        .item()
        for scores in (score(of, list(map(answered, of, said))) for of in (exam, cases))
    ]
    assert widths[1] > 2 * widths[0]
