"""Replies that follow a schema, asked for in the way the endpoint understands."""

from collections.abc import Collection

import pytest
from asking import ask
from loopback import Ask, Behaviour, LoopbackServer

from psyche_kedro.llm import Reply
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.store.reply_store import ReplyStore

SCHEMA = {"type": "object", "properties": {"score": {"type": "integer"}}}


def _mode(seen: Ask) -> str:
    if "guided_json" in seen.body:
        return "guided_json"
    return seen.body.get("response_format", {}).get("type", "none")


def _understands(modes: Collection[str]):
    return lambda seen: Behaviour(status=200 if _mode(seen) in modes else 400)


def _complete(server: LoopbackServer, store: ReplyStore, *texts: str):
    model = OpenAIChatModel("m", endpoints=[Endpoint(base_url=server.url)], store=store)
    return model.complete([ask(text, schema=SCHEMA) for text in texts])


@pytest.mark.parametrize(
    ("mode", "refused"),
    [("json_schema", 0), ("guided_json", 1), ("json_object", 2), ("none", 3)],
)
def test_the_first_request_finds_out_and_the_others_wait(
    server: LoopbackServer, store: ReplyStore, mode: str, refused: int
) -> None:
    server.script = _understands({mode, "none"})
    outcomes = _complete(server, store, *"abcdefgh")
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert server.total == 8 + refused


def test_it_is_remembered_between_runs(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = _understands({"json_object"})
    _complete(server, store, "a")
    before = server.total
    _complete(server, store, "b")
    assert server.total - before == 1


def test_what_worked_once_is_found_out_again_where_it_no_longer_does(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = _understands({"json_schema"})
    _complete(server, store, "a")
    server.script = _understands({"guided_json"})
    outcomes = _complete(server, store, *"bcd")
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert server.total == 1 + 4
    _complete(server, store, "e")
    assert server.total == 1 + 4 + 1


def test_a_server_that_falls_over_a_schema_is_asked_without(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda s: Behaviour(status=200 if _mode(s) == "none" else 500)
    outcomes = _complete(server, store, *"abc")
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert server.total == 3 + 3


def test_a_mode_that_the_user_states_is_not_tried_out(
    server: LoopbackServer, store: ReplyStore
) -> None:
    endpoint = Endpoint(base_url=server.url, schema_mode="none")
    model = OpenAIChatModel("m", endpoints=[endpoint], store=store)
    model.complete([ask("a", schema=SCHEMA)])
    assert "response_format" not in server.bodies[0]


def test_a_request_that_is_bad_itself_teaches_nothing(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda seen: Behaviour(status=400 if seen.content == "a#0" else 200)
    (bad,) = _complete(server, store, "a")
    (good,) = _complete(server, store, "b")
    assert (bad.reason, good.text) == ("bad_request", "b#0")
    assert server.bodies[-1]["response_format"]["json_schema"]["schema"] == SCHEMA
