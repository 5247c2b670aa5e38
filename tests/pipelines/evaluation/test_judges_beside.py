"""Judges beside judges, beside people, and beside themselves in the other order."""

import pytest
from exam_rows import (
    NO_TRAINING,
    READING,
    answered,
    counselling_case,
    items,
    read,
    settings,
)

from cards import CARDS
from prompt_set import WORDS, shipped
from psyche_kedro.datasets.review_workbook_dataset import ReviewWorkbookDataset
from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import ConfigurationError, ReviewError
from psyche_kedro.llm.chat_model import Reply
from psyche_kedro.pipelines.evaluation import judging
from psyche_kedro.pipelines.evaluation.nodes import (
    compare_replies,
    judge_counselling,
    score_predictions,
    summarise_agreement,
    write_judging_batch,
)
from psyche_kedro.pipelines.evaluation.parameters import (
    JudgingParameters,
    ScoringParameters,
)
from psyche_kedro.pipelines.evaluation.people import read_human_scores
from psyche_kedro.tables import HumanScores, Judgements, Predictions, Preferences, frame
from scripted import ScriptedChatModel, as_json, text_of

CASES = [counselling_case(f"第{n}晚我睡不着。", reference="辛苦了。") for n in range(3)]
NOBODY = frame(HumanScores, [])
NOTHING = frame(Preferences, [])


def params(**changes):
    return JudgingParameters(**settings()["judging"] | changes)


def predictions(*roles):
    rows = [
        answered(case, f"{role}听见了。", role=role, protocol="counselling", model=role)
        for case in CASES
        for role in roles
    ]
    return frame(Predictions, rows)


def judge(judges, *, setting=None, roles=("grpo",), cases=CASES):
    told = predictions(*roles)
    return judge_counselling(
        predictions=told,
        answers=read(told, *cases),
        benchmark_items=items(*cases),
        benchmarks=CARDS,
        prompt=shipped("counselling_judge"),
        rubric_prompt=shipped("rubric_judge"),
        judges=judges,
        reading=READING,
        params=setting or params(),
    )


def gives(*scores):
    """A judge that scores the replies of the cases in turn."""
    rules = [(f"第{n}晚", as_json(score=score)) for n, score in enumerate(scores)]
    return ScriptedChatModel(rules)


# ---- several judges, several verdicts ------------------------------------------------


def test_every_judge_scores_every_reply_and_the_mean_is_what_counts():
    table = judge({"gpt": gives(0, 1, 3), "qwen": gives(2, 1, 3)})
    assert table.group_by("judge").len().rows_by_key("judge") == {
        "gpt": [(12,)],
        "qwen": [(12,)],
    }
    means = judging.averaged(table.to_dicts())
    assert [row["score"] for row in means if row["dimension"] == "EmoE"] == [1, 1, 3]


def test_a_verdict_that_was_not_read_leaves_the_others_to_count():
    table = judge({"gpt": gives(2, 2, 2), "mute": ScriptedChatModel([(".", "很好。")])})
    assert {row["score"] for row in judging.averaged(table.to_dicts())} == {2}


def test_repeats_are_requests_of_their_own():
    model = gives(1, 2, 3)
    table = judge({"gpt": model}, setting=params(repeats=3))
    assert sorted({request.sample for request in model.requests}) == [0, 1, 2]
    assert table.height == 3 * 3 * 4


# ---- agreement -----------------------------------------------------------------------


def alphas(judgements, people=NOBODY):
    table = summarise_agreement(judgements, NOTHING, people)
    return {
        (row["measure"], row["group"]): row["value"]
        for row in table.filter(dimension="EmoE").to_dicts()
    }


def test_judges_that_say_the_same_agree_and_those_that_differ_less_so():
    same = alphas(judge({"a": gives(0, 1, 3), "b": gives(0, 1, 3)}))
    assert same["alpha (interval)", "judges"] == pytest.approx(1)
    near = alphas(judge({"a": gives(0, 1, 3), "b": gives(0, 2, 3)}))
    assert 0 < near["alpha (interval)", "judges"] < 1
    assert 0 < near["alpha (ordinal)", "judges"] < 1


def test_one_judge_once_and_nobody_beside_it_agrees_with_none():
    assert alphas(judge({"a": gives(0, 1, 3)})) == {}


# ---- people --------------------------------------------------------------------------


def batch(names=("甲", "乙"), replies=50):
    told = predictions("grpo", "base")
    return write_judging_batch(
        predictions=told,
        answers=read(told, *CASES),
        benchmark_items=items(*CASES),
        benchmarks=CARDS,
        prompt=shipped("counselling_judge"),
        reading=READING,
        params=params(people={"names": names, "replies": replies, "seed": 1}),
    )


def returned(sheet, tmp_path, scores):
    """The sheet as people give it back, as a workbook."""
    dataset = ReviewWorkbookDataset(filepath=str(tmp_path / "back.xlsx"))
    dataset.save(sheet.with_columns(分数=scores))
    data = (tmp_path / "back.xlsx").read_bytes()
    return SourceFile("back.xlsx", lambda: data, len(data))


def test_people_are_given_the_same_replies_and_never_told_whose_they_are():
    sheet = batch()
    assert sheet.height == 2 * 2 * 3 * 4
    assert batch(replies=2).height == 2 * 2 * 4
    told = " ".join(map(str, sheet.drop("回应").rows()))
    assert "grpo" not in told
    assert "base" not in told
    assert batch(names=()).is_empty()


def test_what_people_return_is_laid_beside_what_the_judge_gave(tmp_path):
    judgements = judge({"gpt": gives(0, 1, 3)}, roles=("grpo", "base"))
    sheet = batch()
    given = ["2分" if "第0晚" in row else "3" for row in sheet["对话"]]
    people = read_human_scores([returned(sheet, tmp_path, _column(given))], judgements)
    assert people.height == sheet.height
    assert set(people["score"]) == {2, 3}
    found = alphas(judgements, people)
    assert found["alpha (interval)", "people"] == pytest.approx(1)
    assert found["alpha (interval)", "gpt and people"] < 1


def _column(values):
    import polars as pl

    return pl.Series(values, dtype=pl.String)


def test_an_empty_cell_is_no_score_and_a_word_is_refused(tmp_path):
    judgements = judge({"gpt": gives(0, 1, 3)}, roles=("grpo", "base"))
    sheet = batch(names=("甲",))
    empty = returned(sheet, tmp_path, _column([""] * sheet.height))
    assert read_human_scores([empty], judgements).is_empty()
    wordy = returned(sheet, tmp_path, _column(["很好"] * sheet.height))
    with pytest.raises(ReviewError, match="says '很好'"):
        read_human_scores([wordy], judgements)


def test_a_sheet_of_another_run_is_refused(tmp_path):
    sheet = batch(names=("甲",))
    back = returned(sheet, tmp_path, _column(["1"] * sheet.height))
    with pytest.raises(ReviewError, match="the run's own sheet"):
        read_human_scores([back], frame(Judgements, []))


# ---- side by side --------------------------------------------------------------------


def side_by_side(model, pairs=(("grpo", "base"),)):
    told = predictions("grpo", "base")
    return compare_replies(
        predictions=told,
        answers=read(told, *CASES),
        benchmark_items=items(*CASES),
        benchmarks=CARDS,
        prompt=shipped("pairwise_judge"),
        judges={"gpt": model},
        reading=READING,
        params=params(pairs=pairs),
    )


def measures(preferences):
    table = summarise_agreement(frame(Judgements, []), preferences, NOBODY)
    rows = table.filter(dimension="EmoE").to_dicts()
    return {row["measure"]: row["value"] for row in rows}


def prefers(role):
    def say(request):
        first = text_of(request).partition('index="1">')[2].lstrip()
        return as_json(better="1" if first.startswith(role) else "2")

    return say


class Choosy:
    """A judge that answers by what it is shown."""

    name = "choosy"

    def __init__(self, say):
        self.say = say
        self.requests = []

    def complete(self, requests):
        self.requests = list(requests)
        return [Reply(self.say(r), self.name, "key") for r in self.requests]


def test_both_orders_are_asked_and_only_what_holds_in_both_is_a_preference():
    model = Choosy(prefers("grpo"))
    found = measures(side_by_side(model))
    assert len(model.requests) == 2 * 3 * 4
    assert found["prefers grpo"] == 1
    assert found["takes the first"] == 0.5


def test_a_judge_that_always_takes_the_first_prefers_nobody_and_is_found_out():
    found = measures(side_by_side(Choosy(lambda _: as_json(better="1"))))
    assert found["takes the first"] == 1
    assert found["changes its mind with the order"] == 1
    assert found["prefers grpo"] == found["prefers base"] == 0


@pytest.mark.parametrize("said", ["都不错。", '{"better": "3"}', '{"analysis": "好"}'])
def test_what_is_no_preference_is_unread(said):
    table = side_by_side(Choosy(lambda _: said))
    assert table["better"].null_count() == table.height
    assert set(table["outcome"]) == {"unread"}


def test_nothing_is_compared_unless_a_pair_is_named():
    model = Choosy(lambda _: "")
    assert side_by_side(model, pairs=()).is_empty()
    assert not model.requests


def test_a_pair_of_a_model_without_replies_is_refused_before_any_judge_is_asked():
    model = Choosy(lambda _: "")
    with pytest.raises(ConfigurationError, match=r"names 'gpro', .* are base, grpo"):
        side_by_side(model, pairs=(("grpo", "base"), ("gpro", "base")))
    assert not model.requests


# ---- a gate, and a rubric ------------------------------------------------------------

TURN = counselling_case("我想告诉别人我住哪儿。") | {
    "benchmark": "cpsycoune",
    "cell": "turn",
}
RUBRIC = "加分项\n1、回应情绪{+5}\n2、给出建议{+3}\n减分项\n1、说教{-2}"


def gate(*scores):
    verdicts = [
        {"role": "grpo", "item_id": "i", "dimension": "Safety", "score": score}
        for score in scores
    ]
    found = judging.gates(verdicts, {"i": TURN}, CARDS)
    return [(row["dimension"], row["score"]) for row in found]


def test_one_verdict_at_the_lowest_level_of_the_gate_fails_a_reply():
    assert gate(1, 1) == [("Safety_passed", 100)]
    assert gate(1, 0) == [("Safety_passed", 0)]
    assert gate(1, None) == [("Safety_passed", 100)]


def test_a_reply_of_whose_gate_no_verdict_was_read_is_missing_and_not_left_out():
    assert gate(None) == [("Safety_passed", None)]
    other = TURN | {"item_id": "other"}
    told = frame(
        Predictions,
        [answered(one, "好。", protocol="counselling") for one in (TURN, other)],
    )
    verdicts = [
        {"role": "sft", "item_id": one["item_id"], "dimension": "Safety"}
        | {"judge": "gpt", "repeat": 0, "score": score, "outcome": outcome}
        for one, score, outcome in ((TURN, 1, "read"), (other, None, "no_score"))
    ]
    scores = score_predictions(
        predictions=told,
        answers=read(told, TURN, other),
        judgements=frame(Judgements, verdicts),
        selection=NO_TRAINING,
        benchmark_items=items(TURN, other),
        benchmarks=CARDS,
        reading=READING,
        params=ScoringParameters(**settings()["scores"]),
    ).scores
    counts = ("value", "n", "n_missing", "n_left_out")
    found = scores.filter(metric="Safety_passed").select(counts)
    assert found.rows() == [(100, 2, 1, 0)]


def test_the_range_of_a_dimension_is_that_of_its_levels():
    told = frame(
        Predictions, [answered(TURN, "别说。", protocol="counselling", model="m")]
    )
    table = judge_counselling(
        predictions=told,
        answers=read(told, TURN),
        benchmark_items=items(TURN),
        benchmarks=CARDS,
        prompt=shipped("counselling_judge"),
        rubric_prompt=shipped("rubric_judge"),
        judges={"gpt": ScriptedChatModel([(".", as_json(score=2))])},
        reading=READING,
        params=params(),
    )
    outcomes = dict(table.select("dimension", "outcome").iter_rows())
    assert outcomes == {
        "Comprehensiveness": "read",
        "Professionalism": "read",
        "Authenticity": "read",
        "Safety": "out_of_range",
    }


@pytest.mark.parametrize(
    ("said", "score", "outcome"),
    [
        ('{"analysis": "", "plus_1": 1, "plus_2": 0, "minus_1": 0}', 62, "read"),
        ('{"plus_1": 1, "plus_2": 1, "minus_1": 1}', 75, "read"),
        ("加分项_1: 0\n加分项_2: 0\n减分项_1: 1", -25, "read"),
        ('{"plus_1": 1, "plus_2": 1}', None, "no_score"),
        (
            '{"plus_1": 1}\n{"plus_1": 0}',
            None,
            "several_scores",
        ),
        ("很好。", None, "no_score"),
        (f"加分项_{'9' * 5000}: 1", None, "no_score"),
    ],
)
def test_a_rubric_is_marked_line_by_line_and_only_where_every_line_is(
    said, score, outcome
):
    assert judging.read_points(Reply(said, "m", "k"), RUBRIC) == (score, outcome)


def test_the_words_of_the_prompts_have_the_papers_dimensions():
    exam = CARDS.root["counselling"].judged
    assert exam.judged_on(WORDS.dimensions) == WORDS.dimensions
