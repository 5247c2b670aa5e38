"""Batch mode: the same protocol, store and replies, through the Batch API."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import ask
from batch_loopback import BatchServer

import psyche_kedro
from psyche_kedro.llm import ChatModelError, Failure, Outcome
from psyche_kedro.llm.endpoints import Endpoint, Patience
from psyche_kedro.llm.openai_chat_model import OpenAIChatModel
from psyche_kedro.llm.reply_store import ReplyStore

QUICK = Patience(poll_seconds=0.05)
REQUESTS = [ask(str(i)) for i in range(20)]
CODE = """
import sys
sys.path.insert(0, sys.argv[3])
import test_batch as t
from psyche_kedro.llm.reply_store import ReplyStore
t.batch_model(sys.argv[1], ReplyStore(sys.argv[2])).complete(t.REQUESTS)
"""


@pytest.fixture
def provider() -> Iterator[BatchServer]:
    with BatchServer() as running:
        yield running


def batch_model(url: str, store: ReplyStore, mode: str = "batch") -> OpenAIChatModel:
    endpoint = Endpoint(base_url=url)
    return OpenAIChatModel(
        "m", endpoints=[endpoint], store=store, patience=QUICK, mode=mode
    )


def _texts(outcomes: list[Outcome]) -> list[str]:
    return [o.reason if isinstance(o, Failure) else o.text for o in outcomes]


def test_replies_stand_in_the_order_of_the_requests(
    provider: BatchServer, store: ReplyStore
) -> None:
    outcomes = batch_model(provider.url, store).complete(REQUESTS)
    assert _texts(outcomes) == [f"batch {i}" for i in range(20)]
    assert len(provider.batches) == 1


def test_batch_and_online_share_one_store(
    provider: BatchServer, store: ReplyStore
) -> None:
    batch = batch_model(provider.url, store).complete(REQUESTS)
    assert batch_model(provider.url, store, mode="online").complete(REQUESTS) == batch
    assert provider.total == 20


def test_a_call_that_failed_is_a_failure_and_the_others_are_kept(
    provider: BatchServer, store: ReplyStore
) -> None:
    provider.fails = {"3"}
    texts = _texts(batch_model(provider.url, store).complete(REQUESTS))
    assert texts.pop(3) == "bad_request"
    assert "bad_request" not in texts


def test_what_an_expired_batch_left_open_is_asked_by_the_next_run(
    provider: BatchServer, store: ReplyStore
) -> None:
    provider.unanswered = {"5", "6"}
    first = _texts(batch_model(provider.url, store).complete(REQUESTS))
    provider.unanswered = set()
    again = _texts(batch_model(provider.url, store).complete(REQUESTS))
    assert first.count("batch_expired") == 2
    assert again == [f"batch {i}" for i in range(20)]
    assert provider.total == 22


@pytest.mark.parametrize("moment", ["uploaded", "created", "polled"])
def test_killed_at_any_moment_it_resumes_and_pays_once(
    provider: BatchServer, store: ReplyStore, moment: str
) -> None:
    folder = Path(__file__).parent
    source = str(Path(psyche_kedro.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, provider.url, str(store.path), str(folder)],
        env={**os.environ, "PYTHONPATH": source},
    )
    # The server kills the client before it answers: the client never learns.
    provider.polls = 10**6
    provider.hook = lambda event: (
        process.send_signal(signal.SIGKILL) if event == moment else None
    )
    assert process.wait(60) == -signal.SIGKILL
    provider.hook = lambda event: None
    provider.polls = 2
    outcomes = batch_model(provider.url, store).complete(REQUESTS)
    assert _texts(outcomes) == [f"batch {i}" for i in range(20)]
    assert set(provider.seen.values()) == {1}


def test_a_refused_batch_stops_the_run_and_is_forgotten(
    provider: BatchServer, store: ReplyStore
) -> None:
    provider.refuse = True
    with pytest.raises(ChatModelError, match="token_limit_exceeded"):
        batch_model(provider.url, store).complete(REQUESTS)
    provider.refuse = False
    assert len(batch_model(provider.url, store).complete(REQUESTS)) == 20


def test_a_finished_submission_leaves_nothing_behind(
    provider: BatchServer, store: ReplyStore
) -> None:
    batch_model(provider.url, store).complete(REQUESTS)
    with store.open() as session:
        assert session.rows("SELECT count(*) FROM submitted_calls") == [(0,)]
