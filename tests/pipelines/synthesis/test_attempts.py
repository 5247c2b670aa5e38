"""What one reply to a question is worth: its answer, and whether it argues for it."""

import json
from typing import Any

import pytest
from questions_made import question

from psyche_kedro.llm.chat_model import Reply
from psyche_kedro.pipelines.synthesis.rationales.attempts import (
    Attempt,
    read_attempt,
    weakness_of,
)
from scripted import as_json

SINGLE = question()
MULTIPLE = question(type="multiple", gold=["A", "C"])
STATEMENT = question(
    "负强化会使行为增加。", type="true_false", texts=("正确", "错误"), gold=["A"]
)
STEPS = "题目问的是记忆方法：复述只是重复，组块把材料合成单位，其余不符。"


def read(text: str, asked: dict[str, Any] = SINGLE) -> Attempt:
    return read_attempt(asked, Reply(text, "m", "key"), min_characters=20)


# ---- the prediction --------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "predictions"),
    [
        (SINGLE, ["B", "b", "选B", "B、", "Ｂ", "(B)", "答案是B", "B. 组块", "组块"]),
        (SINGLE, [["B"], ["B. 组块"]]),
        (MULTIPLE, ["AC", "ac", "a,c", "A、C", "A，C", "A\nC", "选A和C两项"]),
        (MULTIPLE, ["A. 复述策略；C. 系列位置效应", "A.复述策略、C.系列位置效应"]),
        (MULTIPLE, [["C", "A"], ["a", "c"], ["A. 复述策略", "C. 系列位置效应"]]),
        (MULTIPLE, [["复述策略", "系列位置效应"]]),
        (STATEMENT, ["A", "正确", "A. 正确"]),
    ],
)
def test_a_right_prediction_is_read_in_the_forms_that_models_give_it(
    asked: dict[str, Any], predictions: list[Any]
) -> None:
    said = [read(as_json(rationale=STEPS, prediction=p), asked) for p in predictions]
    assert [attempt.prediction for attempt in said] == [asked["gold"]] * len(said)


@pytest.mark.parametrize("prediction", [["A. 复述策略", "B. 组块"], "A. 复述；B. 组块"])
def test_a_list_of_two_options_is_not_the_first_of_them(prediction: Any) -> None:
    asked = question(gold=["A"])
    attempt = read(as_json(rationale=STEPS, prediction=prediction), asked)
    assert (attempt.outcome, attempt.prediction) == ("wrong", ["A", "B"])


@pytest.mark.parametrize("prediction", ["B或C", "B？", "F", "", [], ["B", "不知道"]])
def test_a_prediction_that_hedges_is_none(prediction: Any) -> None:
    attempt = read(as_json(rationale=STEPS, prediction=prediction))
    assert (attempt.outcome, attempt.reason) == ("unread", "no_prediction")


def test_a_reply_that_answers_twice_has_no_answer() -> None:
    right, wrong = (as_json(rationale=STEPS, prediction=p) for p in "BA")
    assert read(f"{right}\n更正：{wrong}").reason == "several_predictions"
    assert read(f"{right}\n{right}").outcome == "right"


def test_the_object_that_answers_is_the_reply() -> None:
    answer = as_json(rationale=STEPS, prediction="B")
    assert (
        read(f'{{"rationale": "……", "prediction": "……"}}\n{answer}').rationale == STEPS
    )
    assert read(f"<think>选A</think>{answer}").outcome == "right"
    assert read(f"<think>{answer}</think>").reason == "empty_reply"


def test_json_with_comments_and_fences_is_read() -> None:
    text = f'{{"rationale": "{STEPS}", // 推理\n"prediction": "B", // 答案\n}}'
    assert read(f"```json\n{text}\n```").outcome == "right"


def test_steps_in_a_list_are_lines_and_no_python() -> None:
    text = json.dumps({"rationale": [STEPS, "所以选B。"], "prediction": "B"})
    assert read(text).rationale == f"{STEPS}\n所以选B。"
    nested = json.dumps({"rationale": {"读题": STEPS}, "prediction": "B"})
    assert read(nested).reason == "no_rationale"


# ---- the argument ----------------------------------------------------------------

ARGUED = [
    "A项只是重复，不合题意；B项把材料合成单位，符合；C项讲位置；D项讲干扰。因此答案为B。",
    "A不正确，因为复述只是重复；B正确；C错误；D错误。综上，选B。",
    "很多人会误选A，但题干强调合成较大单位，因此正确答案是B。",
    "可能有人觉得答案是A，其实不然。组块把材料合成较大单位，故选B。",
    "初看应选C，但回头复核，它讲的是位置，因此改为B。结论：B。",
    "A、C、D都不是把材料合成较大单位，只有B是。",
    "A选项正确描述了复述，但与题干无关。B选项与题干一致。故本题选B。",
    "答案B。组块把材料合成单位；A项复述策略、C项、D项均不符合题意。",
    "题干的描述符合组块的定义。因此要注意不与复述策略混淆。",
]


@pytest.mark.parametrize("rationale", ARGUED)
def test_to_discuss_every_option_is_not_to_argue_for_another(rationale: str) -> None:
    assert weakness_of(rationale, SINGLE, min_characters=10) is None


CONTRARY = [
    (SINGLE, "题目问记忆方法，正确答案是A，即复述策略。"),
    (SINGLE, "A正确，B错误，C错误，D错误。"),
    (SINGLE, "起初我认为答案是B。复核之后发现不妥，综上，应选A。"),
    (SINGLE, "把材料反复念能合成单位，因此，复述策略是正确答案。"),
    (STATEMENT, "负强化撤除厌恶刺激，因此该说法错误。"),
    (STATEMENT, "负强化会使行为减少，所以本题应判错误。"),
]


@pytest.mark.parametrize(("asked", "rationale"), CONTRARY)
def test_a_conclusion_against_the_prediction_is_weak(
    asked: dict[str, Any], rationale: str
) -> None:
    assert weakness_of(rationale, asked, min_characters=10) == "argues_for_another"


@pytest.mark.parametrize(
    ("asked", "rationale"),
    [
        (STATEMENT, "有人认为这种说法错误，其实混淆了惩罚，因此这句话正确。"),
        (question("下列说法错误的是（ ）。"), "A对，B错，C对，D对。题目问哪一项。"),
        (MULTIPLE, "A项应选，理由是重复。C项也应选。综上，答案为AC。"),
    ],
)
def test_a_conclusion_for_the_prediction_stands(
    asked: dict[str, Any], rationale: str
) -> None:
    assert weakness_of(rationale, asked, min_characters=10) is None


def test_marks_without_words_are_no_argument() -> None:
    assert weakness_of("。" * 50, SINGLE, min_characters=10) == "quotes_no_option"
