"""The OpenAI chat model over real HTTP, against the loopback server."""

import asyncio

import pytest
from asking import ask
from loopback import Behaviour, LoopbackServer

from psyche_kedro.llm import ChatModelError, Failure, Outcome, Reply, Usage
from psyche_kedro.llm.endpoints import Endpoint
from psyche_kedro.llm.openai_chat_model import OpenAIChatModel
from psyche_kedro.llm.reply_store import ReplyStore


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


def test_a_notebook_with_a_running_loop_gets_the_same(
    server: LoopbackServer, store: ReplyStore
) -> None:
    async def cell() -> list[Outcome]:
        return _model(server, store).complete([ask("q")])

    assert _only(asyncio.run(cell())).text == "q#0"


def test_sampling_that_the_requests_set_themselves_is_refused(
    server: LoopbackServer, store: ReplyStore
) -> None:
    with pytest.raises(ChatModelError, match=r"names \['stream'\]"):
        _model(server, store, sampling={"stream": True})
