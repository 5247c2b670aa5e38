"""One set of words for why a reply is of no use."""

import pytest

from psyche_kedro.llm.chat_model import Failure, Outcome, Reply
from psyche_kedro.pipelines.synthesis.provenance import fault, is_refusal, written


def reply(text: str, finish_reason: str = "stop") -> Reply:
    return Reply(text, "scripted", "key", finish_reason=finish_reason)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Failure("content_filter", "said so", "key", "scripted"), "content_filter"),
        (Failure("truncated", "said so", "key", "scripted"), "truncated"),
        (reply("写到一半", "length"), "truncated"),
        (reply(" "), "empty_reply"),
        (reply("抱歉，我无法完成这个请求。"), "refusal"),
        (reply("这道题不错"), "unreadable_reply"),
    ],
)
def test_a_useless_reply_has_the_same_reason_over_every_transport(
    outcome: Outcome, reason: str
) -> None:
    assert fault(outcome) == reason


@pytest.mark.parametrize(
    "text",
    [
        "抱歉，我无法完成这个请求。",
        "很抱歉，作为一个人工智能助手，我不能提供与自杀有关的内容。",
        "对不起，这个话题我不便讨论。",
        "我无法提供该内容。",
        "I'm sorry, but I can't assist with that request.",
    ],
)
def test_a_refusal_is_no_text(text: str) -> None:
    assert is_refusal(text)
    assert written(reply(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "很抱歉听到你最近这么难。你愿意说说，最难熬的是什么时候吗？",
        "对不起这三个字，你等了很久吧。他无法给你的，不等于你不配得到。",
        "我不能理解他为什么这样，整晚睡不着。",
        "我对不起父母，觉得自己什么都做不好，也没有办法跟他们开口。",
        "作为一个严谨的心理学教师，请先界定概念，不能只凭印象作答。",
        "如果题干没有提供足够的条件，就回到概念的定义上去。",
    ],
)
def test_a_person_who_is_sorry_refuses_nothing(text: str) -> None:
    assert not is_refusal(text)
    assert written(reply(text)) == text
