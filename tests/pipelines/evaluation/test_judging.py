"""What the judge sees, and what becomes of a verdict."""

import pytest
from exam_rows import READING, answered, counselling_case, items, read, settings

from cards import CARDS
from prompt_set import WORDS, shipped
from psyche_kedro.pipelines.evaluation.nodes import (
    judge_counselling,
    summarise_judgements,
)
from psyche_kedro.pipelines.evaluation.parameters import JudgingParameters
from psyche_kedro.tables import Predictions, frame
from scripted import ScriptedChatModel, as_json, fail, text_of

TWO = ((".", as_json(analysis="说出了感受", score=2)),)
PARAMS = JudgingParameters(**settings()["judging"])
CASE = counselling_case("我睡不着。", "多久了？", "一个月。", reference="辛苦你了。")


def prediction(role="grpo", text="听起来很累。", **changes):
    asked = {"role": role, "protocol": "counselling", "model": f"model-of-{role}"}
    return answered(CASE, text, **asked | changes)


def judge(*predictions, rules=TWO):
    model = ScriptedChatModel(list(rules))
    predicted = frame(Predictions, predictions)
    table = judge_counselling(
        predictions=predicted,
        answers=read(predicted, CASE),
        benchmark_items=items(CASE),
        benchmarks=CARDS,
        prompt=shipped("counselling_judge"),
        rubric_prompt=shipped("rubric_judge"),
        judges={"scripted": model},
        reading=READING,
        params=PARAMS,
    )
    return model, table


def test_each_reply_is_judged_once_per_dimension():
    model, judgements = judge(prediction())
    assert judgements["dimension"].to_list() == ["EmoE", "CogE", "Con", "Sta"]
    assert len(model.requests) == 4
    assert judgements["score"].to_list() == [2.0] * 4
    assert judgements["model"].unique().to_list() == ["scripted"]


def test_the_judge_sees_history_reference_and_reply_but_never_who_wrote_it():
    model, _ = judge(prediction(), prediction(role="base"))
    for request in model.requests:
        text = text_of(request)
        assert "来访者：一个月。" in text
        assert "辛苦你了。" in text
        assert "听起来很累。" in text
        assert "model-of-" not in text
        assert "grpo" not in text
        assert "base" not in text


def test_each_dimension_brings_its_own_definition_and_levels():
    model, _ = judge(prediction())
    for dimension, request in zip(WORDS.dimensions, model.requests, strict=True):
        assert dimension.definition in text_of(request)
        assert f"3 分：{dimension.levels[3]}" in text_of(request)
        assert "再给出 0 到 3 的整数分" in text_of(request)


@pytest.mark.parametrize(
    ("verdict", "score", "outcome"),
    [
        ('{"analysis": "好", "score": 0}', 0, "read"),
        ('{"analysis": "好", "score": "3"}', 3, "read"),
        ('{"score": 2.0}', 2, "read"),
        ('{"score": "2分"}', 2, "read"),
        ('{"score": "两分"}', 2, "read"),
        ('{"score": "2/3"}', 2, "read"),
        ("2分", 2, "read"),
        ("三分", 3, "read"),
        ("2", 2, "read"),
        ("评分：2分", 2, "read"),
        ("他说出了感受。\n**得分**：2", 2, "read"),
        ("Analysis: warm.\nScore: 1", 1, "read"),
        ("<think>给3分？</think>评分：1分", 1, "read"),
        ("按照 0 到 3 分的标准，评分为 2 分。", 2, "read"),
        ('{"score": 2}\n{"score": "2", "analysis": "好"}', 2, "read"),
        ('{"score": 1} 改为 {"score": 2}', None, "several_scores"),
        ("评分：1分。不，评分：2分。", None, "several_scores"),
        ('{"score": 4}', None, "out_of_range"),
        ('{"score": -1}', None, "out_of_range"),
        ('{"score": 2.5}', None, "out_of_range"),
        ("评分：10分", None, "out_of_range"),
        ('{"score": true}', None, "no_score"),
        ('{"analysis": "好"}', None, "no_score"),
        ('{"analysis": "这一句给了2分，', None, "no_score"),
        ('{"analysis": "……", "score": <0到3的整数>}', None, "no_score"),
        ("请给出 0 到 3 的整数分", None, "no_score"),
        ("很好。", None, "no_score"),
        ("", None, "no_score"),
        (fail("timeout"), None, "failed"),
    ],
)
def test_a_verdict_is_a_score_or_says_why_not_and_is_never_zero_instead(
    verdict, score, outcome
):
    _, judgements = judge(prediction(), rules=[(".", verdict)])
    assert judgements["score"].to_list() == [score] * 4
    assert judgements["outcome"].to_list() == [outcome] * 4


def test_a_judge_that_always_says_the_same_is_counted():
    _, judgements = judge(prediction(), prediction(role="base"))
    rows = summarise_judgements(judgements).to_dicts()
    assert [(row["n"], row["n_read"], row["n_commonest"]) for row in rows] == [
        (2, 2, 2)
    ] * 4


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_where_there_is_no_reply_nothing_is_judged(text):
    model, judgements = judge(prediction(text=text), prediction(role="base"))
    assert len(model.requests) == 4
    assert judgements.filter(role="grpo")["score"].to_list() == [None] * 4
    assert judgements.filter(role="base")["score"].to_list() == [2.0] * 4


def test_exam_predictions_are_not_judged():
    model, judgements = judge(prediction(protocol="essay"))
    assert judgements.is_empty()
    assert not model.requests
