"""The OpenAI chat model over real HTTP, against the loopback server."""

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from asking import ask
from loopback import Behaviour, LoopbackServer

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import ChatRequest, Failure, Outcome, Reply, Usage
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.store.reply_store import ReplyStore


def _model(server: LoopbackServer, store: ReplyStore, **fields: object):
    endpoint = Endpoint(base_url=server.url, api_key="k")
    return OpenAIChatModel("m", endpoints=[endpoint], store=store, **fields)


def _only(outcomes: list[Outcome]) -> Outcome:
    (outcome,) = outcomes
    return outcome


def test_replies_stand_in_order_and_are_asked_once(
    server: LoopbackServer, store: ReplyStore
) -> None:
    requests = [ask(str(i)) for i in range(200)]
    first = _model(server, store).complete(requests)
    again = _model(server, store).complete(requests)
    assert [reply.text for reply in first] == [f"{i}#0" for i in range(200)]
    assert again == first
    assert set(server.seen.values()) == {1}


def test_requests_that_take_long_to_render_are_sent_as_they_come(
    server: LoopbackServer, store: ReplyStore
) -> None:
    sent_before = []

    def drawn() -> Iterator[ChatRequest]:
        for number in range(12):
            time.sleep(0.06)  # a page to draw
            sent_before.append(len(server.seen))
            yield ask(str(number))

    assert len(_model(server, store).complete(drawn())) == len(sent_before)
    assert 0 < sent_before[-1] < len(sent_before)


def test_the_store_answers_with_the_endpoint_down(store: ReplyStore) -> None:
    with LoopbackServer() as server:
        first = _model(server, store).complete([ask("q")])
    assert _model(server, store).complete([ask("q")]) == first


def test_the_wire_carries_model_sampling_and_the_purpose_as_seed(
    server: LoopbackServer, store: ReplyStore
) -> None:
    model = _model(server, store, sampling={"temperature": 0.7, "seed": 5})
    model.complete([ask("q", attempt=2, sampling={"temperature": 0.1})])
    assert server.bodies == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "q"}],
            "temperature": 0.1,
            "seed": 2005,
        }
    ]
    assert server.keys == {"Bearer k"}


def test_the_first_try_carries_no_seed(
    server: LoopbackServer, store: ReplyStore
) -> None:
    _model(server, store).complete([ask("q")])
    assert "seed" not in server.bodies[0]


def test_the_identity_holds_the_revision(
    server: LoopbackServer, store: ReplyStore
) -> None:
    model = _model(server, store, revision="2024-05")
    assert model.name == "m@2024-05"
    assert _only(model.complete([ask("q")])).model == "m@2024-05"


@pytest.mark.parametrize(
    "message",
    [
        {"content": "B", "reasoning_content": "因为"},
        {"content": "<think>\n因为\n</think>\n\nB"},
        {"content": "因为</think>B"},
    ],
    ids=["field", "tag", "closing tag alone"],
)
def test_reasoning_is_kept_apart(
    server: LoopbackServer, store: ReplyStore, message: dict[str, str]
) -> None:
    server.script = lambda _: Behaviour(message=message)
    reply = _only(_model(server, store).complete([ask("q")]))
    assert isinstance(reply, Reply)
    assert (reply.text, reply.reasoning) == ("B", "因为")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (Behaviour(finish_reason="length"), "truncated"),
        (Behaviour(finish_reason="content_filter"), "content_filter"),
        (Behaviour(text=""), "empty_reply"),
        (Behaviour(text="<think>…"), "empty_reply"),
        (Behaviour(status=400), "bad_request"),
    ],
)
def test_an_unusable_reply_is_data(
    server: LoopbackServer, store: ReplyStore, behaviour: Behaviour, reason: str
) -> None:
    server.script = lambda _: behaviour
    failure = _only(_model(server, store).complete([ask("q")]))
    assert isinstance(failure, Failure)
    assert failure.reason == reason


def test_tokens_come_from_usage_or_are_marked_as_estimated(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda a: Behaviour(usage=a.content == "q#0")
    counted, guessed = _model(server, store).complete([ask("q"), ask("焦虑" * 8)])
    assert counted.usage == Usage(10, 5)
    assert guessed.usage == Usage(10, 11, estimated=True)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_the_whole_model_stops_the_run(
    server: LoopbackServer, store: ReplyStore, status: int
) -> None:
    server.script = lambda _: Behaviour(status=status)
    with pytest.raises(ChatModelError, match=f"HTTP {status}.*api_key"):
        _model(server, store).complete(ask(str(i)) for i in range(1000))
    assert server.total <= 64


def test_a_script_a_notebook_and_a_thread_runner_get_the_same(
    server: LoopbackServer, tmp_path: Path
) -> None:
    requests = [ask(str(i)) for i in range(50)]

    def model(name: str) -> OpenAIChatModel:
        return _model(server, ReplyStore(tmp_path / name))

    async def cell() -> list[Outcome]:  # a notebook runs its cells inside a loop
        return model("notebook").complete(requests)

    script = model("script").complete(requests)
    notebook = asyncio.run(cell())
    with ThreadPoolExecutor(4) as runner:
        threads = list(runner.map(model("thread").complete, [requests] * 4))
    assert [notebook, *threads] == [script] * 5


def test_one_request_asked_a_thousand_times_is_sent_once(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(latency=0.05)
    outcomes = _model(server, store).complete(ask("q") for _ in range(1_000))
    assert outcomes == [outcomes[0]] * 1_000
    assert server.total == 1


def test_no_request_gives_no_outcome(server: LoopbackServer, store: ReplyStore) -> None:
    assert _model(server, store).complete(iter(())) == []


def test_requests_may_be_made_of_another_models_replies(
    server: LoopbackServer, store: ReplyStore
) -> None:
    model, other = _model(server, store), _model(server, store, revision="2")

    def requests() -> Iterator[ChatRequest]:
        for number in range(40):
            (reply,) = other.complete([ask(f"first {number}")])
            assert isinstance(reply, Reply)
            yield ask(f"then {reply.text}")

    texts = [reply.text for reply in model.complete(requests())]
    assert texts == [f"then first {number}#0#0" for number in range(40)]


def test_two_threads_share_one_model_and_its_store(
    server: LoopbackServer, store: ReplyStore
) -> None:
    model = _model(server, store)
    halves = [[ask(f"{half}{i}") for i in range(100)] for half in "ab"]
    with ThreadPoolExecutor(2) as runner:
        outcomes = list(runner.map(model.complete, halves))
    assert [[o.text for o in half] for half in outcomes] == [
        [f"{half}{i}#0" for i in range(100)] for half in "ab"
    ]


@pytest.mark.parametrize("inside_a_loop", [False, True], ids=["script", "notebook"])
def test_ctrl_c_stops_at_once_and_keeps_what_was_answered(
    server: LoopbackServer, store: ReplyStore, inside_a_loop: bool
) -> None:
    server.script = lambda seen: Behaviour(latency=60 if seen.index else 0)
    main = threading.main_thread().ident

    def interrupt_once_stored() -> None:
        while not _stored(store):
            time.sleep(0.02)
        signal.pthread_kill(main, signal.SIGINT)

    async def cell() -> None:
        _model(server, store).complete([ask("a"), ask("b")])

    threading.Thread(target=interrupt_once_stored).start()
    with pytest.raises(KeyboardInterrupt):
        if inside_a_loop:
            with contextlib.closing(asyncio.new_event_loop()) as loop:
                loop.run_until_complete(cell())
        else:
            _model(server, store).complete([ask("a"), ask("b")])
    assert _stored(store) == 1


def _stored(store: ReplyStore) -> int:
    with store.open() as session:
        return session.rows("SELECT count(*) FROM replies")[0][0]


def test_changing_what_changes_no_reply_asks_nothing(
    server: LoopbackServer, store: ReplyStore
) -> None:
    _model(server, store).complete([ask("q")])
    with LoopbackServer() as moved:
        other = Endpoint(base_url=moved.url, api_key="other", concurrency=3)
        model = OpenAIChatModel("m", endpoints=[other], store=store)
        model.complete([ask("q", task="another", schema={"type": "object"})])
        assert moved.total == 0


@pytest.mark.parametrize(
    "changed",
    [
        ask("q", sampling={"temperature": 0.1}),
        ask("q", sample=1),
    ],
    ids=["temperature", "sample"],
)
def test_changing_what_changes_a_reply_asks_again(
    server: LoopbackServer, store: ReplyStore, changed: ChatRequest
) -> None:
    model = _model(server, store)
    model.complete([ask("q")])
    model.complete([changed])
    assert server.total == 2


def test_sampling_that_the_requests_set_themselves_is_refused(
    server: LoopbackServer, store: ReplyStore
) -> None:
    with pytest.raises(ChatModelError, match=r"names \['stream'\]"):
        _model(server, store, sampling={"stream": True})
