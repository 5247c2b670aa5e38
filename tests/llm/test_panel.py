"""Several models asked at once: over real HTTP, and what one that stops does."""

import signal
import threading
import time
from pathlib import Path

import pytest
from asking import EchoBrain, ask
from loopback import Behaviour, LoopbackServer

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import ChatModel
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.panel import ask_all
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.offline.chat_model import OfflineChatModel


def served(name: str, server: LoopbackServer, store: ReplyStore) -> ChatModel:
    return OpenAIChatModel(name, endpoints=[Endpoint(base_url=server.url)], store=store)


def texts(outcomes: object) -> list[str]:
    return [outcome.text for outcome in outcomes]


def test_outcomes_come_by_name_and_in_order(
    server: LoopbackServer, store: ReplyStore
) -> None:
    models = {
        "far": served("far", server, store),
        "near": OfflineChatModel(EchoBrain(), store),
    }
    said = ask_all(models, lambda name: [ask(f"{name} {i}") for i in range(50)])
    assert list(said) == ["far", "near"]
    for name, outcomes in said.items():
        assert texts(outcomes) == [f"{name} {i}#0" for i in range(50)]


def test_all_are_asked_at_once(server: LoopbackServer, store: ReplyStore) -> None:
    all_here = threading.Barrier(3, timeout=60)

    def together(name: str):
        all_here.wait()  # breaks unless the three run beside each other
        yield ask(name)

    models = {name: served(name, server, store) for name in "abc"}
    assert [texts(said) for said in ask_all(models, together).values()] == [
        ["a#0"],
        ["b#0"],
        ["c#0"],
    ]


def test_what_is_stored_is_not_asked_again(
    server: LoopbackServer, store: ReplyStore
) -> None:
    alone = served("a", server, store).complete([ask("q")])
    models = {name: served(name, server, store) for name in "ab"}
    assert ask_all(models, lambda name: [ask("q")])["a"] == alone
    assert server.total == 2  # one for each model


def test_a_model_that_stops_is_named_once_the_others_have_finished(
    server: LoopbackServer, store: ReplyStore
) -> None:
    def script(seen):
        if seen.body["model"] == "b":
            return Behaviour(status=401)
        return Behaviour(latency=0.5)  # long after the other has stopped

    server.script = script
    models = {name: served(name, server, store) for name in "ab"}
    with pytest.raises(ChatModelError, match=r"^b: The endpoint .* refused model 'b'"):
        ask_all(models, lambda name: [ask(str(i)) for i in range(9)])
    with store.open() as session:
        assert session.rows("SELECT count(*) FROM replies") == [(9,)]


def test_all_that_stop_are_named(server: LoopbackServer, store: ReplyStore) -> None:
    server.script = lambda seen: Behaviour(status=401)
    models = {name: served(name, server, store) for name in "ab"}
    with pytest.raises(ChatModelError, match=r"^a: The endpoint .* b: The endpoint "):
        ask_all(models, lambda name: [ask("q")])


def test_an_interrupt_ends_all_and_what_was_answered_is_stored(
    server: LoopbackServer, store: ReplyStore
) -> None:
    waiting = threading.Barrier(3, timeout=60)

    def script(seen):
        if seen.content.startswith("slow"):
            threading.Thread(target=waiting.wait).start()
            return Behaviour(latency=600)
        return Behaviour()

    def interrupt() -> None:
        waiting.wait()
        time.sleep(0.5)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    server.script = script
    models = {name: served(name, server, store) for name in "ab"}
    threading.Thread(target=interrupt).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask_all(models, lambda name: [ask("quick"), ask("slow")])
    assert time.monotonic() - began < 300
    with store.open() as session:
        assert session.rows("SELECT count(*) FROM replies") == [(2,)]


def test_an_error_that_is_no_model_s_is_not_swallowed(tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        def complete(self, requests):
            raise ZeroDivisionError

    models = {"echo": OfflineChatModel(EchoBrain(), ReplyStore(tmp_path / "s.sqlite"))}
    with pytest.raises(ZeroDivisionError):
        ask_all({**models, "broken": Broken()}, lambda name: [ask("q")])


def test_no_models_say_nothing() -> None:
    assert ask_all({}, lambda name: [ask("q")]) == {}
