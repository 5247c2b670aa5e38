"""Endpoints that throttle, drop, truncate, lie or sleep, over real HTTP."""

import datetime
import email.utils
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable

import pytest
from asking import ask
from loopback import Ask, Behaviour, LoopbackServer, Script

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Outcome, Reply
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.openai import lanes
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.store.reply_store import ReplyStore

HASTY = Patience(attempts=3, timeout_seconds=2.0, backoff_seconds=0.05)
NEVER = 3_600.0


def _model(
    *servers: LoopbackServer, store: ReplyStore, **fields: object
) -> OpenAIChatModel:
    endpoints = [Endpoint(base_url=server.url) for server in servers]
    return OpenAIChatModel("m", **{"endpoints": endpoints, "store": store} | fields)


def _reasons(outcomes: list[Outcome]) -> list[str]:
    return [o.reason if isinstance(o, Failure) else "" for o in outcomes]


def _first(fault: Behaviour, then: Behaviour = Behaviour()) -> Script:  # noqa: B008
    return lambda seen: fault if seen.nth == 0 else then


@pytest.mark.parametrize(
    "fault",
    [
        Behaviour(status=408),
        Behaviour(status=409),
        Behaviour(status=429),
        Behaviour(status=500),
        Behaviour(status=503),
        Behaviour(cut=40),
        Behaviour(body=b'{"choices": [{"mess'),
        Behaviour(body=b"<html>busy</html>"),
        Behaviour(body=b'{"choices": []}'),
        Behaviour(body=b'{"choices": null}'),
        Behaviour(latency=NEVER),
        Behaviour(pieces=20, pause=1.0),
    ],
    ids=[
        "408",
        "409",
        "429",
        "500",
        "503",
        "reset in mid-body",
        "torn JSON",
        "no JSON",
        "no choices",
        "null choices",
        "late",
        "slow drip",
    ],
)
def test_a_passing_fault_is_retried(
    server: LoopbackServer, store: ReplyStore, fault: Behaviour
) -> None:
    server.script = _first(fault)
    (reply,) = _model(server, store=store, patience=HASTY).complete([ask("q")])
    assert isinstance(reply, Reply)
    assert server.total == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Behaviour(status=500), "server_error"),
        (Behaviour(cut=40, latency=0.2), "connection"),
        (Behaviour(body=b"{}"), "bad_body"),
        (Behaviour(latency=NEVER), "timeout"),
    ],
)
def test_a_lasting_fault_becomes_a_failure_after_the_last_attempt(
    server: LoopbackServer, store: ReplyStore, fault: Behaviour, reason: str
) -> None:
    server.script = lambda seen: fault if seen.content == "bad#0" else Behaviour()
    model = _model(server, store=store, patience=HASTY)
    assert _reasons(model.complete([ask("bad"), ask("good")])) == [reason, ""]
    assert (server.seen["bad#0"], server.seen["good#0"]) == (3, 1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (b'{"error": {"code": "context_length_exceeded"}}', "context_length"),
        (b'{"error": {"message": "This model\'s maximum context length is 8"}}',) * 1
        + ("context_length",),
        (b'{"error": {"code": "data_inspection_failed"}}', "content_filter"),
    ],
)
def test_what_would_come_again_is_not_retried_nor_asked_again(
    server: LoopbackServer, store: ReplyStore, error: bytes, reason: str
) -> None:
    server.script = lambda _: Behaviour(status=400, body=error)
    model = _model(server, store=store)
    assert _reasons(model.complete([ask("q")]) + model.complete([ask("q")])) == [
        reason,
        reason,
    ]
    assert server.total == 1


def test_a_plain_refusal_is_not_retried_but_asked_again_by_the_next_run(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(status=400, body=b'{"error": "no images"}')
    model = _model(server, store=store)
    assert _reasons(model.complete([ask("q")])) == ["bad_request"]
    assert server.total == 1
    server.script = lambda _: Behaviour()
    assert _reasons(model.complete([ask("q")])) == [""]


def test_characters_torn_across_chunks_come_back_whole(
    server: LoopbackServer, store: ReplyStore
) -> None:
    text = "焦虑与抑郁😀" * 20
    server.script = lambda _: Behaviour(text=text, pieces=200)
    (reply,) = _model(server, store=store).complete([ask("q")])
    assert reply.text == text


def _in_two_seconds() -> str:
    return email.utils.format_datetime(
        datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2.5),
        usegmt=True,
    )


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("retry-after", lambda: "1.2"),
        ("retry-after-ms", lambda: "1200"),
        ("retry-after", _in_two_seconds),
    ],
    ids=["seconds", "milliseconds", "date"],
)
def test_retry_after_is_obeyed(
    server: LoopbackServer,
    store: ReplyStore,
    status: int,
    header: str,
    wait: Callable[[], str],
) -> None:
    server.script = _first(Behaviour(status=status, headers={header: wait()}))
    began = time.monotonic()
    _model(server, store=store).complete([ask("q")])
    assert time.monotonic() - began >= 1.2


@pytest.mark.parametrize("said", ["soon", "", "-3", "0", "nan"])
def test_a_retry_after_that_says_nothing_is_passed_over(
    server: LoopbackServer, store: ReplyStore, said: str
) -> None:
    server.script = _first(Behaviour(status=429, headers={"retry-after": said}))
    assert _reasons(_model(server, store=store).complete([ask("q")])) == [""]
    assert server.total == 2


def test_a_rest_that_an_earlier_node_was_asked_for_is_sat_out(
    server: LoopbackServer, store: ReplyStore
) -> None:
    bearing = lanes._bearing_of(Endpoint(base_url=server.url))
    bearing.pace.rest(time.monotonic() + 1)
    patience = Patience(startup_seconds=0.2)
    outcomes = _model(server, store=store, patience=patience).complete([ask("q")])
    assert _reasons(outcomes) == [""]


def test_a_rate_limit_uses_up_no_attempts(
    server: LoopbackServer, store: ReplyStore
) -> None:
    refused = Behaviour(status=429, headers={"retry-after": "0.05"})
    server.script = lambda seen: refused if seen.nth < 3 else Behaviour()
    patience = Patience(attempts=1, backoff_seconds=0.05)
    outcomes = _model(server, store=store, patience=patience).complete([ask("q")])
    assert _reasons(outcomes) == [""]


def test_a_waiting_retry_gives_its_slot_back(
    server: LoopbackServer, store: ReplyStore
) -> None:
    refused = Behaviour(status=429, headers={"retry-after": "3"})
    server.script = lambda s: (
        refused if s.content == "0#0" and not s.nth else Behaviour()
    )
    endpoint = Endpoint(base_url=server.url, concurrency=1)
    model = _model(store=store, endpoints=[endpoint])
    model.complete(ask(str(i)) for i in range(10))
    order = [body["messages"][0]["content"] for body in server.bodies]
    assert order == [*"0123456789", "0"]


def test_another_models_answer_is_not_taken_for_this_ones(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda seen: Behaviour(model="x" if seen.index == 1 else None)
    endpoint = Endpoint(base_url=server.url, concurrency=1)
    model = _model(store=store, endpoints=[endpoint])
    assert _reasons(model.complete([ask("a"), ask("b")])) == ["", ""]
    assert server.seen["b#0"] == 2


def test_an_endpoint_that_always_is_another_model_stops_the_run(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(model="qwen-turbo")
    with pytest.raises(ChatModelError, match=r"'m'.*'qwen-turbo'.*`aliases`"):
        _model(server, store=store, patience=HASTY).complete([ask("q")])
    aliased = _model(server, store=store, aliases=["qwen-turbo"])
    assert _reasons(aliased.complete([ask("q")])) == [""]


def test_calls_are_shared_by_weight(store: ReplyStore) -> None:
    with LoopbackServer() as big, LoopbackServer() as small:
        all_there = Behaviour(until=lambda: big.total + small.total >= 40)
        big.script = small.script = lambda _: all_there
        endpoints = [
            Endpoint(base_url=big.url, weight=3),
            Endpoint(base_url=small.url, weight=1),
        ]
        # Fewer calls at once than slots: the weights decide, not the limits.
        _model(store=store, endpoints=endpoints).complete(
            ask(str(i)) for i in range(40)
        )
    assert (big.total, small.total) == (30, 10)


def test_a_dead_endpoint_is_rested_and_the_other_one_does_the_work(
    store: ReplyStore,
) -> None:
    with LoopbackServer() as dead:
        pass
    with LoopbackServer() as alive:
        model = _model(dead, alive, store=store)
        outcomes = model.complete(ask(str(i)) for i in range(300))
    assert _reasons(outcomes) == [""] * 300
    assert set(alive.seen.values()) == {1}


def test_an_endpoint_that_comes_back_is_used_again(store: ReplyStore) -> None:
    began = time.monotonic()

    def down_for_a_second(seen: Ask) -> Behaviour:
        return Behaviour(status=503 if time.monotonic() - began < 1.0 else 200)

    with LoopbackServer(down_for_a_second) as server:
        outcomes = _model(server, store=store).complete(ask(str(i)) for i in range(100))
    assert _reasons(outcomes) == [""] * 100


def test_a_server_that_is_not_there_stops_the_run_soon(store: ReplyStore) -> None:
    with LoopbackServer() as gone:
        pass
    patience = Patience(startup_seconds=1.5, backoff_seconds=0.05)
    with pytest.raises(ChatModelError, match=r"No reply from http.*base_url"):
        _model(gone, store=store, patience=patience).complete([ask("q")])


def test_a_gateway_that_gives_up_late_is_no_server_that_is_not_there(
    server: LoopbackServer, store: ReplyStore
) -> None:
    late = Behaviour(status=504, latency=1.2)
    server.script = lambda seen: Behaviour() if seen.nth else late
    patience = Patience(startup_seconds=1.0, backoff_seconds=1.0)
    outcomes = _model(server, store=store, patience=patience).complete([ask("q")])
    assert _reasons(outcomes) == [""]


def test_a_server_that_falls_silent_stops_the_run_and_loses_nothing(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda seen: Behaviour(status=200 if seen.index < 20 else 503)
    patience = Patience(idle_seconds=1.6, attempts=100, backoff_seconds=0.05)
    requests = [ask(str(i)) for i in range(40)]
    silence = r"No reply from .* \(the last was server_error: HTTP 503: 'to order'\)"
    with pytest.raises(ChatModelError, match=silence):
        _model(server, store=store, patience=patience).complete(requests)
    server.script = lambda _: Behaviour()
    before = server.total
    assert _reasons(_model(server, store=store).complete(requests)) == [""] * 40
    assert server.total - before == 20


def test_a_limit_of_the_day_is_named_where_it_stops_the_run(
    server: LoopbackServer, store: ReplyStore
) -> None:
    error = {"code": "1304", "message": "该 API 已达今日调用次数限额"}
    body = json.dumps({"error": error}).encode()
    server.script = lambda _: Behaviour(status=429, body=body)
    patience = Patience(idle_seconds=1.2, backoff_seconds=0.05)
    with pytest.raises(ChatModelError, match=r"今日调用次数限额.*its limits"):
        _model(server, store=store, patience=patience).complete([ask("q")])


def test_a_request_that_waits_too_long_misses_its_deadline(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(status=429, headers={"retry-after": "60"})
    patience = Patience(deadline_seconds=30)
    outcomes = _model(server, store=store, patience=patience).complete([ask("q")])
    assert _reasons(outcomes) == ["deadline"]


def test_a_reply_that_comes_after_the_deadline_is_not_waited_for(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(latency=60.0)
    patience = Patience(deadline_seconds=0.5)
    outcomes = _model(server, store=store, patience=patience).complete([ask("q")])
    assert _reasons(outcomes) == ["deadline"]


@pytest.mark.parametrize(
    "body", [b"<html>log in</html>", b'data: {"choices": []}\n\ndata: [DONE]\n\n']
)
def test_an_endpoint_that_never_sends_a_completion_stops_the_run(
    server: LoopbackServer, store: ReplyStore, body: bytes
) -> None:
    server.script = lambda _: Behaviour(body=body)
    with pytest.raises(ChatModelError, match=r"no chat completion: check that its"):
        _model(server, store=store, patience=HASTY).complete(
            ask(str(i)) for i in range(1_000)
        )
    assert server.total <= 32 + 64


def test_a_sentence_in_place_of_a_code_is_not_repeated(
    server: LoopbackServer, store: ReplyStore
) -> None:
    codes = ["I was asked: q", "\ud83d", {"a": "q"}, "unsupported_value"]
    server.script = lambda seen: Behaviour(
        status=400, body=json.dumps({"error": {"code": codes[seen.index]}}).encode()
    )
    endpoint = Endpoint(base_url=server.url, concurrency=1)
    model = _model(store=store, endpoints=[endpoint])
    outcomes = model.complete(ask(str(i)) for i in range(4))
    details = [o.detail for o in outcomes if isinstance(o, Failure)]
    assert details == [*["HTTP 400"] * 3, "HTTP 400, unsupported_value"]


def test_stated_requests_a_minute_are_kept(
    server: LoopbackServer, store: ReplyStore
) -> None:
    endpoint = Endpoint(base_url=server.url, requests_per_minute=1200)
    began = time.monotonic()
    _model(store=store, endpoints=[endpoint]).complete(ask(str(i)) for i in range(31))
    assert time.monotonic() - began >= 1.5


def test_stated_tokens_a_minute_are_kept(
    server: LoopbackServer, store: ReplyStore
) -> None:
    # 15 tokens a call in truth; the first are taken for 256 + the prompt's.
    endpoint = Endpoint(base_url=server.url, tokens_per_minute=60_000, concurrency=4)
    began = time.monotonic()
    _model(store=store, endpoints=[endpoint]).complete(ask(str(i)) for i in range(100))
    assert time.monotonic() - began >= 1.2


def test_a_proxy_named_by_the_environment_is_used(
    server: LoopbackServer, store: ReplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
    monkeypatch.setenv("NO_PROXY", "")
    endpoint = Endpoint(base_url="http://model.invalid/v1")
    model = _model(store=store, endpoints=[endpoint])
    assert _reasons(model.complete([ask("q")])) == [""]
    assert server.hosts == {"model.invalid"}


def test_concurrency_is_a_ceiling(server: LoopbackServer, store: ReplyStore) -> None:
    full = Behaviour(until=lambda: server.most_in_flight >= 5)
    server.script = lambda _: full
    endpoint = Endpoint(base_url=server.url, concurrency=5)
    _model(store=store, endpoints=[endpoint]).complete(ask(str(i)) for i in range(50))
    assert server.most_in_flight == 5


def test_a_lazy_iterable_is_rendered_as_slots_fall_free(
    server: LoopbackServer, store: ReplyStore
) -> None:
    rendered = 0
    ahead = []

    def requests():
        nonlocal rendered
        for rendered in range(1, 1_501):
            yield ask(str(rendered))

    def script(seen: Ask) -> Behaviour:
        ahead.append(rendered - seen.index)
        return Behaviour()

    server.script = script
    assert len(_model(server, store=store).complete(requests())) == 1_500
    assert max(ahead) <= 256 + 512


def test_an_error_while_rendering_loses_nothing_that_was_answered(
    server: LoopbackServer, store: ReplyStore
) -> None:
    def requests():
        yield from (ask(str(i)) for i in range(300))
        raise KeyError("planted")

    model = _model(server, store=store)
    with pytest.raises(KeyError, match="planted"):
        model.complete(requests())
    answered = server.total
    model.complete(ask(str(i)) for i in range(300))
    assert (answered, set(server.seen.values())) == (256, {1})


def _token_bucket(rate: float, burst: float, headers: dict[str, str]) -> Script:
    tokens, at = burst, time.monotonic()

    def script(seen: Ask) -> Behaviour:
        nonlocal tokens, at
        now = time.monotonic()
        tokens, at = min(burst, tokens + (now - at) * rate), now
        if tokens < 1:
            return Behaviour(status=429, headers=headers)
        tokens -= 1
        return Behaviour()

    return script


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, {"retry-after": "1"}], ids=["bare", "after"])
@pytest.mark.parametrize("concurrency", [None, 64])
def test_a_true_rate_limit_is_found_and_kept(
    store: ReplyStore, headers: dict[str, str], concurrency: int | None
) -> None:
    with LoopbackServer(_token_bucket(100, 20, headers)) as server:
        endpoint = Endpoint(base_url=server.url, concurrency=concurrency)
        model = _model(store=store, endpoints=[endpoint])
        began = time.monotonic()
        outcomes = model.complete(ask(str(i)) for i in range(2_000))
        took = time.monotonic() - began
    # How fast a limit is found, test_limits simulates: here a busy machine counts.
    sys.stderr.write(f"limit: {took:.1f} s, {server.total - 2_000} extra requests\n")
    assert _reasons(outcomes) == [""] * 2_000
    assert server.total <= 2_200


MISBEHAVIOUR = (
    Behaviour(status=429),
    Behaviour(status=429, headers={"retry-after": "0.3"}),
    Behaviour(status=500),
    Behaviour(status=503),
    Behaviour(cut=60),
    Behaviour(body=b'{"choices": [{"message": {"cont'),
    Behaviour(body=b'{"choices": []}'),
    Behaviour(finish_reason="length"),
    Behaviour(model="another-model"),
    Behaviour(pieces=10, pause=0.02),
    Behaviour(pieces=100),
)


@pytest.mark.parametrize("requests", [500, pytest.param(5_000, marks=pytest.mark.slow)])
def test_one_fault_in_five(store: ReplyStore, requests: int) -> None:
    chance = random.Random(11)

    def faulty(seen: Ask) -> Behaviour:
        if chance.random() < 0.2:
            return chance.choice(MISBEHAVIOUR)
        return Behaviour(latency=0.02)

    plain, sent = _timed(lambda _: Behaviour(latency=0.02), store, "plain", requests)
    assert sent == requests
    ledger = Ledger()
    took, sent = _timed(faulty, store, "faulty", requests, ledger)
    sys.stderr.write(
        f"faults: {took:.1f} s against {plain:.1f} s; {ledger.summary()}\n"
    )
    total = ledger.total()
    assert total.replies + total.failures == requests
    assert total.attempts == sent
    assert 1.1 * requests < sent < 1.5 * requests


def _timed(
    script: Script,
    store: ReplyStore,
    revision: str,
    requests: int,
    ledger: Ledger | None = None,
) -> tuple[float, int]:
    """Return the seconds a run took, and how many requests the server saw."""
    with LoopbackServer(script) as server:
        model = _model(
            server,
            store=store,
            revision=revision,
            account=Account("r", ledger=ledger or Ledger()),
        )
        began = time.monotonic()
        outcomes = model.complete(ask(str(i)) for i in range(requests))
        took = time.monotonic() - began
    reasons = Counter(_reasons(outcomes))
    assert len(outcomes) == requests
    assert set(reasons) <= {"", "truncated", "empty_reply", "bad_body"}
    for outcome, i in zip(outcomes, range(requests), strict=True):
        assert isinstance(outcome, Failure) or outcome.text == f"{i}#0"
    return took, server.total


def test_more_than_a_hundred_requests_fly_at_once(
    server: LoopbackServer, store: ReplyStore
) -> None:
    full = Behaviour(until=lambda: server.most_in_flight >= 200)
    server.script = lambda _: full
    endpoint = Endpoint(base_url=server.url, concurrency=200)
    _model(store=store, endpoints=[endpoint]).complete(ask(str(i)) for i in range(200))
    assert server.most_in_flight == 200


def test_requests_that_kill_every_connection_end_as_failures(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda seen: Behaviour(cut=10 if "bad" in seen.content else None)
    requests = [ask(f"bad {i}") for i in range(4)] + [ask("good")]
    patience = Patience(attempts=2, backoff_seconds=0.05)
    outcomes = _model(server, store=store, patience=patience).complete(requests)
    assert _reasons(outcomes) == ["connection"] * 4 + [""]
