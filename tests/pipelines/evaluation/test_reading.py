"""What becomes of a reply: its outcome, and what a report says of many."""

import pytest
from exam_rows import answered, counselling_case, item, items, read

from psyche_kedro.pipelines.evaluation.nodes import (
    compare_readers,
    read_answers,
    summarise_answers,
)
from psyche_kedro.pipelines.evaluation.parameters import ReadingParameters
from psyche_kedro.tables import Predictions, frame

ASKED = item("题", cell="theory_single", gold="A")
ESSAY = item("问", cell="case_essay", answer_text="一般心理问题。")
CUT = {"finish_reason": "length", "failure": "truncated"}
BOTH = ReadingParameters(scored="default", compared=("official_psycollm",))


def outcome(prediction, asked=ASKED):
    row = read(frame(Predictions, [prediction]), asked).row(0, named=True)
    return row["outcome"], row["labels"] if row["text"] is None else row["text"]


@pytest.mark.parametrize(
    ("said", "changes", "becomes"),
    [
        ("答案：A", {}, ("read", ["A"])),
        ("很难说", {}, ("unread", [])),
        ("", {"failure": "empty_reply"}, ("unread", [])),
        (None, {"failure": "empty_reply"}, ("unread", [])),
        ("<think>答案是A吗", {}, ("unread", [])),
        ("抱歉，我无法回答这个问题。", {}, ("refused", [])),
        ("I'm sorry, but I can't help with that.", {}, ("refused", [])),
        ("抱歉让您久等，答案：A", {}, ("read", ["A"])),
        (None, {"failure": "content_filter"}, ("refused", [])),
        ("答案：A\n解析：焦虑是指", CUT, ("truncated", ["A"])),
        ("答案：A", CUT, ("truncated", [])),
        ("答案：A。\n不对，应该是", CUT, ("truncated", [])),
        ("先看A，A正确。再看B，", CUT, ("truncated", [])),
        ("<think>答案是A。\n再想", CUT, ("truncated", [])),
        (None, CUT, ("truncated", [])),
        (None, {"failure": "timeout"}, ("failed", [])),
    ],
)
def test_every_reply_has_one_outcome(said, changes, becomes):
    assert outcome(answered(ASKED, said, **changes)) == becomes


@pytest.mark.parametrize(
    ("said", "changes", "becomes"),
    [
        ("一般心理问题。", {}, ("read", "一般心理问题。")),
        ("  ", {}, ("unread", "")),
        ("抱歉，我无法诊断。", {}, ("read", "抱歉，我无法诊断。")),
        ("一般心理", CUT, ("truncated", "一般心理")),
        (None, {"failure": "content_filter"}, ("refused", "")),
        (None, {"failure": "timeout"}, ("failed", [])),
    ],
)
def test_an_open_answer_is_its_text(said, changes, becomes):
    assert outcome(answered(ESSAY, said, **changes), ESSAY) == becomes


def test_conversations_are_read_like_open_answers():
    case = counselling_case("我睡不着。")
    said = answered(case, "多久了？", protocol="counselling")
    assert outcome(said, case) == ("read", "多久了？")


def test_reading_again_asks_nothing_and_official_readers_stand_beside():
    predictions = frame(Predictions, [answered(ASKED, "答案：A。ABC理论")])
    answers = read_answers(predictions, items(ASKED), BOTH)
    assert answers.select("reader", "labels", "rule").rows() == [
        ("default", ["A"], "declared"),
        ("official_psycollm", ["C"], "last"),
    ]
    (compared,) = compare_readers(predictions, answers, BOTH).to_dicts()
    assert (compared["n"], compared["n_same"], compared["n_other"]) == (1, 0, 1)


def test_a_summary_counts_outcomes_and_describes_what_was_not_read():
    exam = [item(f"第{n}题", cell="theory_single", gold="A") for n in range(6)]
    said = ["答案：A", "很难说，我叫林小禾", "不好说，要看情况", "抱歉，我无法回答。"]
    rows = list(map(answered, exam, [*said, None, None]))
    predictions = frame(Predictions, rows)
    answers = read(predictions, *exam)
    (row,) = summarise_answers(predictions, answers, BOTH).to_dicts()
    ended = ("n", "n_read", "n_unread", "n_refused", "n_truncated", "n_failed")
    assert [row[name] for name in ended] == [6, 1, 2, 1, 0, 2]
    assert row["reasons"] == ["timeout (2)"]
    assert row["shapes"] == ["w…w (2)"]
