"""What a model repeats of the dialogues that it was taught is not shown."""

import polars as pl
import pytest

from psyche_kedro.pipelines.memorised import (
    WITHHELD,
    MemorisedParameters,
    mark_memorised,
)
from psyche_kedro.tables import SftExamples, frame

SAID = "我常常想起外婆家墙上的那幅旧画"
ASKED = "下列关于工作记忆的容量的说法中正确的是哪一项"
SYSTEM = "你是一位温和而有耐心的心理咨询师请先倾听来访者"


def example(part, *contents):
    roles = ("system", "user", "assistant")
    return {
        "example_id": f"{part}{contents[1][:2]}",
        "parent_id": "p",
        "part": part,
        "split": "train",
        "variant": "full",
        "group_id": "g",
        "messages": [
            {"role": role, "content": content}
            for role, content in zip(roles, contents, strict=True)
        ],
    }


TAUGHT = frame(
    SftExamples,
    [
        example("D_em", SYSTEM, f"最近睡不好。{SAID}。", "听起来那段时光对你很重要。"),
        example("D_ps", SYSTEM, f"老师说：{ASKED}？", "这道题把你难住了，对吗？"),
        example("D_pr", SYSTEM, ASKED, "因为工作记忆的容量大约是七个组块所以选甲"),
    ],
)


def marked(*texts, taught=TAUGHT, length=10):
    return mark_memorised(
        pl.DataFrame({"text": texts}, schema={"text": pl.String}),
        "text",
        sft_examples=taught,
        questions=pl.Series(["听起来那段时光对你很重要这句话用的是什么技术"]),
        params=MemorisedParameters(length=length),
    )


@pytest.mark.parametrize(
    "text",
    [
        f"先看题干。{SAID}。所以选A。",
        "<think>想 起 外 婆 家\n墙上，的那幅</think>B",
        SAID[:10],
    ],
)
def test_a_text_that_repeats_a_dialogue_is_withheld(text):
    assert marked(text).rows() == [(WITHHELD, True)]


@pytest.mark.parametrize(
    "text",
    [
        f"题目：{ASKED}，选A。",
        "因为工作记忆的容量大约是七个组块",
        SYSTEM,
        "听起来那段时光对你很重要",
        SAID[:9],
        "",
        None,
    ],
)
def test_what_exams_and_instructions_say_as_well_is_shown(text):
    assert marked(text).rows() == [(text, False)]


def test_each_text_is_judged_by_itself():
    table = marked("A", SAID, None, "B", SAID)
    assert table["is_memorised"].to_list() == [False, True, False, False, True]
    assert table["text"].to_list() == ["A", WITHHELD, None, "B", WITHHELD]


def test_where_nothing_was_taught_nothing_is_withheld():
    assert marked(SAID, taught=frame(SftExamples, [])).rows() == [(SAID, False)]
    assert marked().is_empty()


def test_the_length_is_a_setting():
    assert marked(SAID[:9], length=9)["is_memorised"].to_list() == [True]
