"""What is made of a body: odd ones that real servers send, and plain wrong ones."""

import json
from typing import Any

import httpx2
import pytest
from asking import ask
from loopback import Behaviour, LoopbackServer

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Reply, Usage
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.engine import Answer, Fault
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel, utf8_content
from psyche_kedro.llm.openai.completions import read_completion
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.prices import Budget
from psyche_kedro.llm.store.reply_store import ReplyStore

COUNTED = {"prompt_tokens": 3, "completion_tokens": 4}
QUICK = Patience(attempts=3, backoff_seconds=0.01)


def _body(content: Any = "B", finish_reason: Any = "stop", **fields: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    choice = {"message": message, "finish_reason": finish_reason}
    return json.dumps({"choices": [choice], "usage": COUNTED} | fields).encode()


def _read(body: bytes) -> Answer | Fault:
    return read_completion(body, ask("question").messages, names=["m"])


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "B"}],
        [{"type": "thinking", "thinking": []}, {"type": "text", "text": "B"}],
        [{"type": "reasoning", "text": "A"}, {"type": "text", "text": "B"}],
        ["B"],
    ],
)
def test_an_answer_in_parts_is_read(content: Any) -> None:
    assert _read(_body(content)) == Answer("B", usage=Usage(3, 4))


def test_a_refusal_in_its_own_field_is_the_answer() -> None:
    message = {"content": None, "refusal": "I cannot help with that."}
    body = json.dumps({"choices": [{"message": message}]}).encode()
    answer = _read(body)
    assert isinstance(answer, Answer)
    assert answer.text == "I cannot help with that."


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [3, 4],
        {"prompt_tokens": "n/a", "completion_tokens": 4},
        {"prompt_tokens": {"text": 3}, "completion_tokens": 4},
        {"prompt_tokens": 3},
        {"prompt_tokens": 10**30, "completion_tokens": 4},
        {"prompt_tokens": -1, "completion_tokens": 4},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 3, "completion_tokens": 0},
        {"prompt_tokens": float("inf"), "completion_tokens": 4},
    ],
)
def test_an_answer_is_not_lost_for_a_wrong_count(usage: Any) -> None:
    answer = _read(_body(usage=usage))
    assert answer == Answer("B", usage=Usage(5, 1, estimated=True))


@pytest.mark.parametrize("usage", [COUNTED, {k: str(n) for k, n in COUNTED.items()}])
def test_a_count_is_taken_as_number_or_text(usage: Any) -> None:
    assert _read(_body(usage=usage)) == Answer("B", usage=Usage(3, 4))


@pytest.mark.parametrize(
    ("finish_reason", "reason"),
    [
        ("length", "truncated"),
        ("model_length", "truncated"),
        ("MAX_TOKENS", "truncated"),
        ("sensitive", "content_filter"),
        ("model_context_window_exceeded", "truncated"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("refusal", "content_filter"),
        ("abort", "server_error"),
        ("error", "server_error"),
        ("insufficient_system_resource", "server_error"),
        ("network_error", "server_error"),
    ],
)
def test_a_reply_that_was_cut_off_is_no_answer(finish_reason: str, reason: str) -> None:
    fault = _read(_body("half of", finish_reason))
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.usage) == (reason, Usage(3, 4))


@pytest.mark.parametrize(
    "finish_reason",
    [None, "", "stop", "STOP", "eos_token", "end_turn", {"type": "stop"}],
)
def test_a_whole_reply_may_end_under_any_known_name(finish_reason: Any) -> None:
    assert isinstance(_read(_body(finish_reason=finish_reason)), Answer)


@pytest.mark.parametrize(
    "finish_reason", [3, "OTHER", "LANGUAGE", "我理解你", ["stop"]]
)
def test_a_reply_that_ends_in_an_unknown_way_may_be_a_part(finish_reason: Any) -> None:
    fault = _read(_body("half of", finish_reason))
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.usage) == ("unknown_finish", Usage(3, 4))
    assert "我理解你" not in fault.detail


@pytest.mark.parametrize("content", [None, "", []])
def test_an_answer_in_the_field_for_reasoning_is_none(content: Any) -> None:
    message = {"content": content, "reasoning_content": '{"a": "x"}'}
    fault = _read(_body(choices=[{"message": message, "finish_reason": "stop"}]))
    assert isinstance(fault, Fault)
    assert fault.reason == "only_reasoning"
    assert "reasoning parser" in fault.detail


@pytest.mark.parametrize("model", [5, ["m"], {"id": "m"}, "another"])
def test_whatever_is_no_name_of_the_model_is_another_one(model: Any) -> None:
    fault = _read(_body(model=model))
    assert isinstance(fault, Fault)
    assert fault.reason == "wrong_model"


@pytest.mark.parametrize(
    "model", ["M", "org/m", "m-2024-08-06", "m@main", "org/m@a1b2c3", None, ""]
)
def test_a_name_may_carry_owner_date_or_another_case(model: Any) -> None:
    assert isinstance(_read(_body(model=model)), Answer)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": 502, "message": "upstream"}, "server_error"),
        ({"code": 429, "message": "slow down"}, "rate_limited"),
        ({"code": "context_length_exceeded"}, "context_length"),
        ({"code": 400, "message": "data_inspection_failed"}, "content_filter"),
        ({"message": "something"}, "bad_body"),
        ("something", "bad_body"),
    ],
)
def test_an_error_sent_as_a_success_has_its_own_kind(error: Any, reason: str) -> None:
    fault = _read(json.dumps({"error": error}).encode())
    assert isinstance(fault, Fault)
    assert fault.reason == reason


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5",
        b"null",
        b"[]",
        b"<html>log in</html>",
        b'data: {"choices": [{"delta": {"content": "B"}}]}\n\ndata: [DONE]\n\n',
        b'{"choices": [null]}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [{"text": "B"}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
        b'{"choices": [{"message": {"content": "\xff"}}]}',
        b"[" * 200_000,
    ],
    ids=range(12),
)
def test_a_body_that_is_no_completion_is_a_fault(body: bytes) -> None:
    fault = _read(body)
    assert isinstance(fault, Fault)
    assert fault.reason == "bad_body"


def test_half_a_character_in_an_answer_becomes_one_that_a_table_can_hold() -> None:
    answer = _read(b'{"choices": [{"message": {"content": "a\\ud83d b"}}]}')
    assert isinstance(answer, Answer)
    assert answer.text == "a\ufffd b"


def test_half_a_character_in_a_question_fails_that_question_only(
    server: LoopbackServer, store: ReplyStore
) -> None:
    model = _model(server, store, Account("r", ledger=Ledger()))
    bad, good = model.complete([ask("a\ud83d"), ask("b")])
    assert isinstance(bad, Failure)
    assert isinstance(good, Reply)
    assert (bad.reason, server.total) == ("bad_request", 1)


def _model(
    server: LoopbackServer, store: ReplyStore, account: Account
) -> OpenAIChatModel:
    endpoint = Endpoint(base_url=server.url, concurrency=8)
    return OpenAIChatModel(
        "m", endpoints=[endpoint], store=store, account=account, patience=QUICK
    )


@pytest.mark.parametrize(
    ("behaviour", "sent"),
    [
        (Behaviour(finish_reason="length"), 1),
        (Behaviour(text=""), 2),
        (Behaviour(model="another"), 3),
        (Behaviour(finish_reason="abort"), 3),
    ],
    ids=["truncated", "empty", "another model", "aborted"],
)
def test_a_completion_of_no_use_is_paid_for_and_counted(
    server: LoopbackServer, store: ReplyStore, behaviour: Behaviour, sent: int
) -> None:
    ledger = Ledger()
    model = _model(server, store, Account("r", ledger=ledger))
    server.script = lambda s: behaviour if s.content == "bad#0" else Behaviour()
    good, bad = model.complete([ask("good"), ask("bad")])
    assert isinstance(good, Reply)
    assert isinstance(bad, Failure)
    total = ledger.total()
    assert server.seen["bad#0"] == sent
    assert (total.input_tokens, total.output_tokens) == (10 + 10 * sent, 5 + 5 * sent)
    assert total.estimated_tokens == 0


def test_a_budget_is_spent_by_completions_of_no_use_too(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(finish_reason="length", latency=0.01)
    account = Account("r", budget=Budget(tokens=300), ledger=Ledger())
    with pytest.raises(ChatModelError, match="300 tokens, is spent"):
        _model(server, store, account).complete(ask(str(i)) for i in range(500))
    assert 20 <= server.total <= 20 + 8


@pytest.mark.parametrize(
    ("charset", "sent"),
    [("GBK", "gbk"), ("gb18030", "gb18030"), ("ISO-8859-1", "utf-8"), ("", "utf-8")],
)
def test_a_charset_is_believed_where_it_is_chinese(charset: str, sent: str) -> None:
    headers = {"content-type": f"application/json;charset={charset}"}
    response = httpx2.Response(200, headers=headers, content="选B".encode(sent))
    assert utf8_content(response).decode() == "选B"
