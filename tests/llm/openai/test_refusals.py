"""What a refusal means, who says it so, and what the run makes of it."""

import json
from typing import Any, NamedTuple

import pytest
from asking import ask
from loopback import Ask, Behaviour, LoopbackServer

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Outcome
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.openai.refusals import kind_of_refusal, server_words
from psyche_kedro.llm.store.reply_store import ReplyStore

QUICK = Patience(attempts=2, backoff_seconds=0.01)
SK = "sk-" + "a1" * 20


class Refusal(NamedTuple):
    """An error as a provider sends it."""

    status: int
    message: str
    code: Any = None
    kind: str | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never written to

    def behaviour(self) -> Behaviour:
        error = {"message": self.message, "code": self.code, "type": self.kind}
        body = json.dumps({"error": error}).encode()
        return Behaviour(status=self.status, body=body, headers=self.headers)


REMEMBERED = {
    "DeepSeek": (Refusal(400, "Content Exists Risk"), "content_filter"),
    "Alibaba's filter": (
        Refusal(400, "Input data is not fit.", "DataInspectionFailed"),
        "content_filter",
    ),
    "Azure": (
        Refusal(400, "The response was filtered by our content management policy."),
        "content_filter",
    ),
    "Moonshot": (
        Refusal(400, "It was considered high risk", kind="content_filter"),
        "content_filter",
    ),
    "Zhipu's filter": (Refusal(400, "系统检测到", "1301"), "content_filter"),
    "Zhipu's filter, a number": (Refusal(400, "系统检测到", 1301), "content_filter"),
    "OpenRouter, 403": (
        Refusal(403, "Your model requires moderation and your input was flagged.", 403),
        "content_filter",
    ),
    "a gateway's 500": (
        Refusal(500, "upstream", "data_inspection_failed"),
        "content_filter",
    ),
    "OpenAI": (Refusal(400, "…", "context_length_exceeded"), "context_length"),
    "vLLM": (
        Refusal(400, "This model's maximum context length is 8192 tokens."),
        "context_length",
    ),
    "Alibaba's length": (
        Refusal(400, "Range of input length should be [1, 30720]", "InvalidParameter"),
        "context_length",
    ),
    "Zhipu's length": (Refusal(400, "Prompt 超长"), "context_length"),
    "llama.cpp": (
        Refusal(400, "the request exceeds the available context size, increase it"),
        "context_length",
    ),
    "llama.cpp, by type": (
        Refusal(400, "…", 400, "exceed_context_size_error"),
        "context_length",
    ),
}
ASKED_AGAIN = {
    "a plain 400": (Refusal(400, "no images"), "bad_request"),
    "an overload as 400": (Refusal(400, "…", "overloaded_error"), "server_error"),
}
NO_MONEY = {
    "OpenAI": Refusal(429, "You exceeded your quota", "insufficient_quota"),
    "OpenAI, with Retry-After": Refusal(
        429, "…", "insufficient_quota", headers={"retry-after": "1200"}
    ),
    "Zhipu": Refusal(429, "余额不足或无可用资源包,请充值。", "1113"),
    "Zhipu, without a code": Refusal(429, "余额不足或无可用资源包,请充值。"),
    "Alibaba": Refusal(400, "Make sure your account is in good standing", "Arrearage"),
    "Moonshot": Refusal(429, "suspended", kind="exceeded_current_quota_error"),
    "DeepSeek": Refusal(402, "Insufficient Balance"),
    "SiliconFlow": Refusal(403, "Sorry, your account balance is insufficient", 30001),
    "as a success": Refusal(200, "…", "1113"),
}


def _model(
    server: LoopbackServer, store: ReplyStore, **fields: object
) -> OpenAIChatModel:
    endpoint = Endpoint(base_url=server.url, concurrency=1)
    return OpenAIChatModel(
        "m", endpoints=[endpoint], store=store, patience=QUICK, **fields
    )


def _reasons(outcomes: list[Outcome]) -> list[str]:
    return [o.reason if isinstance(o, Failure) else "" for o in outcomes]


@pytest.mark.parametrize(
    ("refusal", "reason"), REMEMBERED.values(), ids=REMEMBERED.keys()
)
def test_what_would_be_refused_again_is_remembered(
    server: LoopbackServer, store: ReplyStore, refusal: Refusal, reason: str
) -> None:
    server.script = lambda _: refusal.behaviour()
    for _ in "first run", "next run":
        assert _reasons(_model(server, store).complete([ask("q")])) == [reason]
    assert server.total == 1


@pytest.mark.parametrize(
    ("refusal", "reason"), ASKED_AGAIN.values(), ids=ASKED_AGAIN.keys()
)
def test_what_may_pass_is_asked_again_by_the_next_run(
    server: LoopbackServer, store: ReplyStore, refusal: Refusal, reason: str
) -> None:
    server.script = lambda _: refusal.behaviour()
    assert _reasons(_model(server, store).complete([ask("q")])) == [reason]
    server.script = lambda _: Behaviour()
    assert _reasons(_model(server, store).complete([ask("q")])) == [""]


@pytest.mark.parametrize("refusal", NO_MONEY.values(), ids=NO_MONEY.keys())
def test_an_empty_account_stops_the_run_at_once_and_is_named(
    server: LoopbackServer, store: ReplyStore, refusal: Refusal
) -> None:
    server.script = lambda _: refusal.behaviour()
    with pytest.raises(ChatModelError, match=r"no money left for model 'm' \(HTTP"):
        _model(server, store).complete([ask("q")])
    assert server.total == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "bad_request"), (403, "bad_request"), (500, "server_error")],
)
@pytest.mark.parametrize(
    "post",
    ["账户余额不足，快去充值", "话里含有敏感词", "This is inappropriate content"],
)
def test_a_quoted_post_says_nothing(status: int, reason: str, post: str) -> None:
    body = Refusal(status, f"Cannot take '{post}'.").behaviour().body
    messages = ask(f"帖子：{post}。怎么办？").messages
    assert kind_of_refusal(status, (body or b"").decode(), messages) == reason
    assert kind_of_refusal(status, (body or b"").decode()) != reason


def test_a_flagged_post_about_money_stops_nothing(
    server: LoopbackServer, store: ReplyStore
) -> None:
    post = "我的余额不足，电话也欠费了"
    error = {"message": "Not this one.", "metadata": {"flagged_input": post}}
    flagged = Behaviour(status=403, body=json.dumps({"error": error}).encode())
    server.script = lambda seen: flagged if seen.index else Behaviour()
    outcomes = _model(server, store).complete([ask("q"), ask(post)])
    assert _reasons(outcomes) == ["", "content_filter"]


def test_a_429_that_means_slower_is_waited_out(
    server: LoopbackServer, store: ReplyStore
) -> None:
    busy = Refusal(429, "该模型当前访问量过大,请您稍后再试", "1305").behaviour()
    server.script = lambda seen: busy if seen.nth < 4 else Behaviour()
    assert _reasons(_model(server, store).complete([ask("q")])) == [""]
    assert server.total == 5


def _forbids(*contents: str) -> Any:
    forbidden = Refusal(403, "Not this one.").behaviour()

    def script(seen: Ask) -> Behaviour:
        return forbidden if seen.content in contents else Behaviour()

    return script


def test_once_answered_a_403_is_that_requests_and_remembered(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = _forbids("1#0")
    requests = [ask(str(i)) for i in range(4)]
    for _ in "first run", "next run":
        outcomes = _model(server, store).complete(requests)
        assert _reasons(outcomes) == ["", "content_filter", "", ""]
    assert server.total == 4


def test_a_page_in_between_is_no_reason_of_one_request(
    server: LoopbackServer, store: ReplyStore
) -> None:
    page = Behaviour(status=403, body=b"<title>Attention Required!</title>")
    server.script = lambda seen: page if seen.content == "1#0" else Behaviour()
    requests = [ask(str(i)) for i in range(4)]
    outcomes = _model(server, store).complete(requests)
    assert _reasons(outcomes) == ["", "bad_request", "", ""]
    server.script = lambda _: Behaviour()
    assert _reasons(_model(server, store).complete(requests)) == [""] * 4


def test_what_answered_one_node_may_refuse_the_first_request_of_the_next(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = _forbids("bad#0")
    model = _model(server, store)
    model.complete([ask("good")])
    assert _reasons(model.complete([ask("bad")])) == ["content_filter"]


def test_a_403_before_any_answer_stops_with_the_servers_words(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = _forbids("bad#0")
    with pytest.raises(ChatModelError, match=r"HTTP 403: 'Not this one\.'\).*api_key"):
        _model(server, store).complete([ask("bad"), ask("good")])
    assert server.total == 1


def test_a_403_that_overtakes_the_first_answer_waits_for_it(
    server: LoopbackServer, store: ReplyStore
) -> None:
    late = Behaviour(until=lambda: server.seen["bad#0"] > 0, latency=0.2)
    forbids = _forbids("bad#0")
    server.script = lambda seen: forbids(seen) if seen.content == "bad#0" else late
    model = OpenAIChatModel("m", endpoints=[Endpoint(base_url=server.url)], store=store)
    assert _reasons(model.complete([ask("bad"), ask("good")])) == ["content_filter", ""]


def test_an_unknown_model_stops_the_run_whatever_the_status(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Refusal(503, "…", "model_not_found").behaviour()
    with pytest.raises(ChatModelError, match=r"HTTP 503, model_not_found.*model's id"):
        _model(server, store).complete([ask("q")])


def test_a_403_for_all_from_some_moment_on_stops_the_run(
    server: LoopbackServer, store: ReplyStore
) -> None:
    forbidden = Refusal(403, "The key was revoked.").behaviour()
    server.script = lambda seen: forbidden if seen.index else Behaviour()
    with pytest.raises(ChatModelError, match=r"key was revoked.*--reason content_filt"):
        _model(server, store).complete(ask(str(i)) for i in range(500))
    assert server.total == 1 + 32


def test_a_key_that_expires_stops_the_run_and_nothing_is_remembered(
    server: LoopbackServer, store: ReplyStore
) -> None:
    expired = Refusal(401, "The token expired.").behaviour()
    server.script = lambda seen: expired if seen.index else Behaviour()
    with pytest.raises(ChatModelError, match="token expired") as caught:
        _model(server, store).complete([ask("a"), ask("b")])
    assert "remembered" not in str(caught.value)
    server.script = lambda _: Behaviour()
    assert _reasons(_model(server, store).complete([ask("b")])) == [""]


def test_what_was_once_right_may_be_another_model_for_a_while(
    server: LoopbackServer, store: ReplyStore
) -> None:
    model = _model(server, store)
    model.complete([ask("first")])
    server.script = lambda s: Behaviour(model="x" if s.nth == 0 else None)
    outcomes = model.complete(ask(str(i)) for i in range(6))
    assert _reasons(outcomes) == [""] * 6


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("No such\nkey.", ": 'No such key.'"),
        (f"Incorrect API key provided: {SK}.", ": 'Incorrect API key provided: …'"),
        ("The input 我最近总是睡不着 is unsafe", ""),
        ("x" + " word" * 100, f": 'x{' word' * 39} wor'"),
        ({"text": "no sentence"}, ""),
        ("", ""),
    ],
)
def test_a_servers_words_hold_no_key_and_nothing_of_the_request(
    message: Any, words: str
) -> None:
    asked = ask("帖子:我最近总是睡不着,怎么办?").messages
    body = json.dumps({"error": {"message": message}})
    assert server_words(body, asked) == words


@pytest.mark.parametrize("body", ["", "<html>", "[]", '"busy"', '{"error": null}'])
def test_a_body_without_a_sentence_adds_no_words(body: str) -> None:
    assert server_words(body, ask("q").messages) == ""
