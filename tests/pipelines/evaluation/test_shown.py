"""What the page of items shows, and what it must not."""

from exam_rows import answered, counselling_case, item, items

from psyche_kedro.pipelines.evaluation.nodes import read_answers, show_answers
from psyche_kedro.pipelines.evaluation.parameters import (
    ReadingParameters,
    ShownParameters,
)
from psyche_kedro.pipelines.memorised import WITHHELD, MemorisedParameters
from psyche_kedro.tables import Predictions, SftExamples, frame

READING = ReadingParameters(scored="default", compared=("official_psycollm",))


def shown(exam, *said, characters=60, taught=()):
    predicted = frame(Predictions, said)
    return show_answers(
        predictions=predicted,
        answers=read_answers(predicted, items(*exam), READING),
        benchmark_items=items(*exam),
        taught={"sft_examples": frame(SftExamples, taught)},
        reading=READING,
        params=ShownParameters(reply_characters=characters),
        repeats=MemorisedParameters(length=10),
    )


def test_every_answer_stands_beside_its_item_with_its_mark():
    exam = [item("以下属于情绪的是", cell="moral_multiple", gold="AB")]
    said = [answered(exam[0], text, role=text) for text in ("AB", "A", "C")]
    made = shown(exam, *said)
    (row,) = made.shown_items.to_dicts()
    assert (row["gold"], row["options"][0]) == ("AB", "A. 注意")
    told = made.shown_answers
    assert told["labels"].to_list() == ["AB", "A", "C"]
    assert told["mark"].to_list() == [1, 0.5, 0]


def test_no_conversation_is_shown():
    case = counselling_case("我最近很累。")
    made = shown([case], answered(case, "听起来不容易。", protocol="counselling"))
    assert made.shown_items.is_empty()
    assert made.shown_answers.is_empty()


def test_only_items_that_were_asked_are_shown():
    exam = [item(stem, cell="theory_single", gold="A") for stem in ("问", "不问")]
    assert shown(exam, answered(exam[0], "A")).shown_items["stem"].to_list() == ["问"]


def test_a_reply_is_shown_from_its_beginning():
    exam = [item("问", cell="theory_single", gold="A")]
    made = shown(exam, answered(exam[0], "答案：A" + "长" * 99), characters=4)
    assert made.shown_answers["reply"].to_list() == ["答案：A"]


def test_what_another_reader_reads_is_told_where_it_differs():
    exam = [item("问", cell="theory_single", gold="A")]
    echo = "从ABCD四个选项中，答案是A。B是错误的"
    made = shown(exam, answered(exam[0], echo), answered(exam[0], "A", role="b"))
    other, same = made.shown_answers["other_readings"].to_list()
    assert other == ["official_psycollm: B"]
    assert same == []


def test_a_failed_call_is_shown_as_one_and_what_was_not_stored_is_not():
    exam = [item("问", cell="theory_single", gold="A")]
    absent = answered(exam[0], None, role="b", failure="not_stored")
    made = shown(exam, answered(exam[0], None), absent).shown_answers
    row = made.select("role", "outcome", "mark", "reply").rows()
    assert row == [("sft", "failed", None, "")]


def test_an_open_answer_has_its_reference_and_no_mark():
    exam = [item("问", cell="case_essay", answer_text="一般心理问题。")]
    made = shown(exam, answered(exam[0], "神经症。", protocol="essay"))
    assert made.shown_items["gold"].to_list() == ["一般心理问题。"]
    assert made.shown_answers["mark"].to_list() == [None]


def test_a_reply_that_repeats_a_training_dialogue_is_not_shown_and_counts_as_before():
    exam = [item("以下属于情绪的是", cell="theory_single", gold="A")]
    said = "我常常想起外婆家墙上的那幅旧画"
    dialogue = {
        "example_id": "e",
        "parent_id": "p",
        "part": "D_em",
        "split": "train",
        "variant": "full",
        "group_id": "g",
        "messages": [{"role": "user", "content": said}],
    }
    replies = [
        answered(exam[0], f"{'想' * 99}{said}答案：A"),
        answered(exam[0], "答案：A", role="teacher"),
    ]
    told = shown(exam, *replies, taught=[dialogue], characters=80).shown_answers
    assert told.select("labels", "mark", "is_memorised", "reply").rows() == [
        ("A", 1.0, True, WITHHELD),
        ("A", 1.0, False, "答案：A"),
    ]


def test_what_the_question_says_may_be_repeated():
    stem = "他说：我常常想起外婆家墙上的那幅旧画。这是哪一种记忆"
    exam = [item(stem, cell="theory_single", gold="A")]
    dialogue = {
        "example_id": "e",
        "parent_id": "p",
        "part": "D_ps",
        "split": "train",
        "variant": "full",
        "group_id": "g",
        "messages": [{"role": "user", "content": stem}],
    }
    told = shown(exam, answered(exam[0], f"{stem}？A"), taught=[dialogue]).shown_answers
    assert told["is_memorised"].to_list() == [False]
