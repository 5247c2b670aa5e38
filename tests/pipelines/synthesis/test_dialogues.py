"""Dialogues that help, and say no more than their source."""

import polars as pl
import pytest
from questions_made import post, useful

from prompt_set import made_up
from psyche_kedro.pipelines.synthesis.dialogues.nodes import (
    refine_posts,
    write_dialogues,
)
from psyche_kedro.pipelines.synthesis.parameters import DialogueParameters
from scripted import Answer, ScriptedChatModel, as_json, fail, text_of

PARAMS = DialogueParameters(min_opening=10, min_score=3, aims="combined")
POST = made_up(source="test", reply="text", user="改写：{{ conversation }}")
EMPATHY = made_up(
    source="test", reply="text", user="{{ conversation }}\n初稿：{{ reply }}"
)
RESONANCE, GUIDANCE, STEPS = (
    made_up(
        source="t", reply="text", user=aim + "{{ conversation }}\n初稿：{{ reply }}"
    )
    for aim in ("共鸣", "引导", "步骤")
)
PROMPTS = {
    "empathy_prompt": EMPATHY,
    "resonance_prompt": RESONANCE,
    "guidance_prompt": GUIDANCE,
    "steps_prompt": STEPS,
}
JUDGE = made_up(source="test", reply="JSON", user="评定：{{ conversation }}")

ASKED = "我失眠三个月了，和室友也处不好，不知道怎么办。"
REPLY = "先记录一周的睡眠，再找个时间和室友聊聊。"
RETOLD = "这三个月我一直失眠，和室友的关系也紧张，我很想知道该怎么办。"
WARM = "听起来这段日子你很辛苦。可以先记录睡眠，再约室友谈一谈。"
GOOD = as_json(empathy=4, guidance=3, steps=5, safe=True, reason="好")


def retold(
    text: Answer, *posts: dict[str, object]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    teacher = ScriptedChatModel([("^改写", text)])
    return refine_posts(useful(*posts), prompt=POST, teacher=teacher, params=PARAMS)


def dialogues(
    verdict: Answer, reply: Answer = WARM, **fields: object
) -> tuple[pl.DataFrame, pl.DataFrame]:
    source = useful(post(ASKED, REPLY, **fields))
    refined, _ = retold(RETOLD, post(ASKED, REPLY, **fields))
    return write_dialogues(
        source,
        refined,
        **PROMPTS,
        judge_prompt=JUDGE,
        teacher=ScriptedChatModel([("初稿", reply)]),
        judge=ScriptedChatModel([("^评定", verdict)]),
        params=PARAMS,
    )


# ---- posts -----------------------------------------------------------------------


def test_the_post_is_retold_and_the_rest_of_the_thread_stays() -> None:
    kept, lost = retold(RETOLD, post(ASKED, REPLY, "谢谢", "不客气"))
    assert [m["content"] for m in kept["messages"][0]] == [
        RETOLD,
        REPLY,
        "谢谢",
        "不客气",
    ]
    assert lost.is_empty()


def test_a_post_with_three_replies_is_retold_once() -> None:
    teacher = ScriptedChatModel([("", RETOLD)])
    posts = useful(*(post(ASKED, f"{REPLY}{i}", thread_id="0" * 16) for i in range(3)))
    kept, _ = refine_posts(posts, prompt=POST, teacher=teacher, params=PARAMS)
    assert (kept.height, len(teacher.requests)) == (3, 1)


def test_a_greeting_is_left_alone_and_needs_no_model() -> None:
    kept, _ = retold(fail("never_asked"), post("你好", "你好，请说"))
    assert kept.select("model", "reply_key").rows() == [(None, None)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("我失眠五个月了，很难受。", "invented_duration"),
        ("来访者失眠三个月，和室友处不好。", "not_first_person"),
        ("失眠三个月，室友关系紧张，求助。", "not_first_person"),
        (f"{RETOLD}\n咨询师：听起来很辛苦。", "several_speakers"),
        (fail("content_filter"), "content_filter"),
        ("  ", "empty_reply"),
    ],
)
def test_why_a_retold_post_is_rejected(text: Answer, reason: str) -> None:
    kept, lost = retold(text, post(ASKED, REPLY))
    assert (kept.height, lost["reason"].to_list()) == (0, [reason])
    assert ASKED[:5] not in str(lost.rows())


def test_a_speakers_label_is_no_part_of_what_is_said() -> None:
    kept, _ = retold(f"来访者：{RETOLD}", post(ASKED, REPLY))
    assert kept["messages"][0][0]["content"] == RETOLD
    kept, _ = dialogues(GOOD, f"咨询师：{WARM}")
    assert kept["messages"][0][-1]["content"] == WARM


def test_a_conversation_without_a_reply_is_rejected() -> None:
    _, lost = retold(RETOLD, post(ASKED))
    assert lost["reason"].to_list() == ["no_reply"]


# ---- replies ---------------------------------------------------------------------


def test_every_reply_of_a_thread_is_refined_before_its_own_history() -> None:
    turns = (ASKED, "第一答", "还是难受", "第二答")
    refined, _ = retold(RETOLD, post(*turns))
    teacher = ScriptedChatModel([("初稿：第一答", "新一"), ("初稿：第二答", "新二")])
    kept, _ = write_dialogues(
        useful(post(*turns)),
        refined,
        **PROMPTS,
        judge_prompt=JUDGE,
        teacher=teacher,
        judge=ScriptedChatModel([("", GOOD)]),
        params=PARAMS,
    )
    assert [m["content"] for m in kept["messages"][0]] == [
        RETOLD,
        "新一",
        "还是难受",
        "新二",
    ]
    assert len(teacher.batches) == 1
    assert "第二答" not in text_of(teacher.requests[0])


def test_each_aim_may_have_a_call_of_its_own_on_what_the_last_one_wrote() -> None:
    refined, _ = retold(RETOLD, post(ASKED, REPLY))
    teacher = ScriptedChatModel(
        [
            (f"^共鸣.*初稿：{REPLY}", "暖"),
            ("^引导.*初稿：暖", "暖而有据"),
            ("^步骤.*初稿：暖而有据", "暖而有据，先记录睡眠"),
        ]
    )
    kept, _ = write_dialogues(
        useful(post(ASKED, REPLY)),
        refined,
        **PROMPTS,
        judge_prompt=JUDGE,
        teacher=teacher,
        judge=ScriptedChatModel([("", GOOD)]),
        params=PARAMS.model_copy(update={"aims": "separate"}),
    )
    assert kept["messages"][0][-1]["content"] == "暖而有据，先记录睡眠"
    assert kept["prompt_digest"].to_list() == [STEPS.digest]


def test_a_reply_that_goes_on_with_both_parts_is_rejected() -> None:
    _, lost = dialogues(GOOD, f"{WARM}\n来访者：谢谢\n咨询师：不客气")
    assert lost["reason"].to_list() == ["several_speakers"]


def test_sixty_turns_stay_sixty_turns_and_the_users_words_theirs() -> None:
    said = [f"第{n}次了，我还是睡不着。" for n in range(30)]
    turns = [text for one in said for text in (one, REPLY)]
    refined, _ = retold(fail("never_asked"), post("你好", "你好，请说", *turns))
    kept, _ = write_dialogues(
        useful(post("你好", "你好，请说", *turns)),
        refined,
        **PROMPTS,
        judge_prompt=JUDGE,
        teacher=ScriptedChatModel([("初稿", WARM)]),
        judge=ScriptedChatModel([("", GOOD)]),
        params=PARAMS,
    )
    messages = kept["messages"][0]
    assert [m["role"] for m in messages] == ["user", "assistant"] * 31
    assert [m["content"] for m in messages if m["role"] == "user"] == ["你好", *said]


def test_a_reply_that_fails_loses_the_dialogue_with_its_reason() -> None:
    kept, lost = dialogues(GOOD, fail("timeout"))
    assert (kept.height, lost["reason"].to_list()) == (0, ["timeout"])


JUDGED: dict[str, tuple[Answer, str]] = {
    "one aim too low": (
        as_json(empathy=4, guidance=3, steps=2, safe=True),
        "low_steps",
    ),
    "unsafe": (as_json(empathy=5, guidance=5, steps=5, safe=False), "unsafe"),
    "out of range": (
        as_json(empathy=9, guidance=5, steps=5, safe=True),
        "unreadable_scores",
    ),
    "no verdict": ("很好", "unreadable_reply"),
    "failed": (fail("timeout"), "timeout"),
}


@pytest.mark.parametrize(("verdict", "reason"), JUDGED.values(), ids=JUDGED)
def test_what_the_judge_does_not_take(verdict: Answer, reason: str) -> None:
    kept, lost = dialogues(verdict)
    assert (kept.height, lost["reason"].to_list()) == (0, [reason])


def test_a_good_dialogue_keeps_its_scores() -> None:
    kept, lost = dialogues(GOOD)
    assert kept.select("empathy", "guidance", "steps").rows() == [(4, 3, 5)]
    assert lost.is_empty()


def test_the_scores_of_a_rejected_dialogue_are_told_and_its_text_is_not() -> None:
    _, lost = dialogues(as_json(empathy=4, guidance=3, steps=2, safe=True))
    assert lost["detail"].to_list() == ["empathy=4 guidance=3 steps=2 safe=True"]


def test_a_crisis_needs_a_referral_whatever_the_judge_says() -> None:
    _, lost = dialogues(GOOD, risk="crisis")
    assert lost["reason"].to_list() == ["crisis_without_referral"]
    kept, _ = dialogues(GOOD, f"{WARM}也可以拨打热线12356。", risk="crisis")
    assert kept.height == 1


@pytest.mark.parametrize("told", ["不用看医生，", "没必要去医院，", "别打热线，"])
def test_advice_against_help_is_no_referral(told: str) -> None:
    _, lost = dialogues(GOOD, f"{told}{WARM}", risk="crisis")
    assert lost["reason"].to_list() == ["crisis_without_referral"]


@pytest.mark.parametrize(
    "verdict",
    [
        '{"empathy": 4.0, "guidance": "3", "steps": "5分", "safe": "true"}',
        f"```json\n{GOOD}\n```",
        f'<think>{{"empathy": 1, "safe": false}}</think>{GOOD}',
    ],
)
def test_scores_are_read_in_the_forms_that_judges_give_them(verdict: str) -> None:
    kept, _ = dialogues(verdict)
    assert kept.select("empathy", "guidance", "steps").rows() == [(4, 3, 5)]


@pytest.mark.parametrize(
    "told", ["如果一直这样，请医生评估是不是抑郁症。", "情绪低落不等于抑郁症。"]
)
def test_to_name_a_condition_is_no_diagnosis(told: str) -> None:
    kept, _ = dialogues(GOOD, f"{WARM}{told}")
    assert kept.height == 1


@pytest.mark.parametrize(
    "told", ["鲍恩提出的自我分化，", "心理学家林内翰认为，", "戈特曼的研究说，"]
)
def test_to_cite_a_psychologist_makes_up_no_one(told: str) -> None:
    kept, _ = dialogues(GOOD, f"{WARM}{told}人需要被理解。")
    assert kept.height == 1
    _, lost = dialogues(GOOD, f"{WARM}{told}你的同事小林也需要。")
    assert lost["reason"].to_list() == ["invented_name"]


def test_a_reply_may_count_steps_but_not_diagnose() -> None:
    kept, _ = dialogues(GOOD, f"{WARM}每天深呼吸5次，坚持2周。")
    assert kept.height == 1
    _, lost = dialogues(GOOD, f"{WARM}你得的是焦虑症。")
    assert lost["reason"].to_list() == ["invented_diagnosis"]
