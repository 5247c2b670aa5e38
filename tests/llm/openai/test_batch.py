"""Batch mode: the same protocol, store and replies, through the Batch API."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from asking import ask
from batch_loopback import BatchServer
from loopback import Behaviour

import psyche_kedro
from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import ChatRequest, Failure, Outcome
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.openai import batch as batch_room
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.prices import Budget
from psyche_kedro.llm.store.reply_store import FailureRecord, ReplyStore
from psyche_kedro.llm.store.submissions import Submissions
from psyche_kedro.llm.store.upkeep import Pending, abandon_batches, list_pending

QUICK = Patience(poll_seconds=0.05)
REQUESTS = [ask(str(i)) for i in range(20)]
CODE = """
import sys
sys.path.insert(0, sys.argv[3])
import test_batch as t
from psyche_kedro.llm.store.reply_store import ReplyStore
t.batch_model(sys.argv[1], ReplyStore(sys.argv[2])).complete(t.REQUESTS)
"""


@pytest.fixture
def provider() -> Iterator[BatchServer]:
    with BatchServer() as running:
        yield running


def batch_model(url: str, store: ReplyStore, **fields: object) -> OpenAIChatModel:
    settings = {
        "patience": QUICK,
        "mode": "batch",
        "endpoints": [Endpoint(base_url=url)],
    }
    return OpenAIChatModel("m", store=store, **settings | fields)


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
        env={**os.environ, "PYTHONPATH": f"{source}:{folder.parent}"},
    )
    # The server kills the client before it answers: the client never learns.
    provider.polls = 10**6
    provider.hook = lambda event: (
        process.send_signal(signal.SIGKILL) if event == moment else None
    )
    assert process.wait(300) == -signal.SIGKILL
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


def test_a_flood_of_results_stops_the_run_and_is_collected_later(
    provider: BatchServer, store: ReplyStore
) -> None:
    provider.litter = b" " * 10**6 + b"\n"
    endpoint = Endpoint(base_url=provider.url, max_reply_bytes=10_000)
    with pytest.raises(ChatModelError, match="more than 64 max_reply_bytes, 640,000"):
        batch_model(provider.url, store, endpoints=[endpoint]).complete(REQUESTS)
    assert provider.downloads == 1
    outcomes = batch_model(provider.url, store).complete(REQUESTS)
    assert _texts(outcomes) == [f"batch {i}" for i in range(20)]
    assert len(provider.batches) == 1


def test_a_finished_submission_leaves_nothing_behind(
    provider: BatchServer, store: ReplyStore
) -> None:
    batch_model(provider.url, store).complete(REQUESTS)
    with store.open() as session:
        assert session.rows("SELECT count(*) FROM submitted_calls") == [(0,)]


def test_a_batch_that_the_provider_no_longer_has_is_abandoned_by_choice(
    provider: BatchServer, store: ReplyStore
) -> None:
    lost = Submissions(store, provider.url, "m")
    lost.prepare("s", ["ab"])
    lost.name("s", "batch-gone", ["ab"])
    with pytest.raises(ChatModelError, match="kedro replies abandon"):
        batch_model(provider.url, store).complete(REQUESTS)
    with store.open() as session:
        assert Pending("m", "batch-gone", 1) in list_pending(session)
        assert abandon_batches(session) == 2  # the lost one, and what was just sent
        assert list_pending(session) == []
    assert batch_model(provider.url, store).complete(REQUESTS[:1])


@pytest.mark.parametrize("limit", [("_FILE_CALLS", 7), ("_FILE_BYTES", 1_300)])
def test_calls_are_split_into_files_the_provider_takes(
    provider: BatchServer,
    store: ReplyStore,
    monkeypatch: pytest.MonkeyPatch,
    limit: tuple[str, int],
) -> None:
    monkeypatch.setattr(batch_room, *limit)
    outcomes = batch_model(provider.url, store).complete(REQUESTS)
    assert _texts(outcomes) == [f"batch {i}" for i in range(20)]
    uploads = [provider.files[b["input_file_id"]] for b in provider.batches.values()]
    assert len(uploads) > 2
    size = len if limit[0] == "_FILE_BYTES" else lambda upload: upload.count(b"\n")
    assert max(map(size, uploads)) <= limit[1]


def test_a_torn_line_of_the_results_spoils_no_other(
    provider: BatchServer, store: ReplyStore
) -> None:
    provider.litter = b'\n{"custom_id": "x", "resp\n[]\n{"custom_id": "y"}\n'
    outcomes = batch_model(provider.url, store).complete(REQUESTS)
    assert _texts(outcomes) == [f"batch {i}" for i in range(20)]


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"custom_id": [], "response": {"status_code": 200}}',
        b'{"custom_id": "x", "response": {"status_code": Infinity}}',
        b'{"custom_id": "x", "response": {"status_code": ' + b"1" * 5_000 + b"}}",
        b'{"custom_id": "\\ud83d", "response": {"body": ' + b'{"a": ' * 900 + b"1",
        b"\xff\xfe\0",
    ],
)
def test_no_line_of_the_results_ends_a_run(
    provider: BatchServer, store: ReplyStore, line: bytes
) -> None:
    provider.litter = line + b"\n"
    outcomes = batch_model(provider.url, store).complete(REQUESTS)
    assert _texts(outcomes) == [f"batch {i}" for i in range(20)]


def test_two_runs_may_wait_for_the_same_batches(
    provider: BatchServer, store: ReplyStore
) -> None:
    both = threading.Barrier(2, timeout=300)

    def run(first: int) -> list[str]:
        both.wait()
        # One looks again when the other has long collected everything.
        patience = Patience(poll_seconds=1.0 if first else 0.05)
        model = batch_model(provider.url, store, patience=patience)
        return _texts(model.complete(ask(str(i)) for i in range(first, first + 15)))

    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(run, [0, 5])
    assert one == [f"batch {i}" for i in range(15)]
    assert two == [f"batch {i}" for i in range(5, 20)]
    assert max(provider.seen.values()) <= 2


def test_another_run_does_not_take_an_upload_for_a_dead_ones(
    provider: BatchServer, store: ReplyStore
) -> None:
    provider.upload_seconds = 1.0
    uploaded = threading.Event()
    provider.hook = lambda event: uploaded.set()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(batch_model(provider.url, store).complete, REQUESTS)
        assert uploaded.wait(300)
        batch_model(provider.url, store).complete([ask("another")])
        assert _texts(slow.result(60)) == [f"batch {i}" for i in range(20)]
    assert set(provider.seen.values()) == {1}


def test_a_provider_that_hangs_is_asked_again(
    provider: BatchServer, store: ReplyStore
) -> None:
    provider.stall_seconds = 60.0
    patience = Patience(poll_seconds=0.05, timeout_seconds=2.0)
    outcomes = batch_model(provider.url, store, patience=patience).complete(REQUESTS)
    assert len(outcomes) == 20


def test_an_earlier_runs_failure_is_not_taken_for_a_commit(store: ReplyStore) -> None:
    key = "0" * 64
    failure = Failure("batch_expired", "", key, "m")
    with store.open() as session:
        session.commit([FailureRecord(failure, "t", request="", attempts=1, body="")])
    submissions = Submissions(store, "http://x/v1", "m")
    assert submissions.settled(key, time.time() - 5)
    assert not submissions.settled(key, time.time() + 5)


def test_half_a_character_is_left_to_the_provider(
    provider: BatchServer, store: ReplyStore
) -> None:
    provider.fails = {"a\ud83d"}
    outcomes = batch_model(provider.url, store).complete([ask("a\ud83d"), ask("b")])
    assert _texts(outcomes) == ["bad_request", "batch b"]


@pytest.mark.parametrize("run_budget", [False, True], ids=["role", "run"])
def test_a_budget_in_tokens_holds_before_any_cost_is_known(
    provider: BatchServer, store: ReplyStore, run_budget: bool
) -> None:
    ledger = Ledger()
    budget = {"run_budget" if run_budget else "budget": Budget(tokens=505)}
    account = Account("teacher", ledger=ledger, **budget)
    model = batch_model(
        provider.url, store, account=account, sampling={"max_tokens": 100}
    )
    with pytest.raises(ChatModelError, match="505 tokens, is spent"):
        model.complete(REQUESTS)
    # A digit is counted as one token, and 100 for the reply.
    assert provider.total == 5
    total = ledger.total()
    assert (total.calls, total.replies, total.tokens) == (5, 5, 5 * 15)
    assert total.estimated_tokens == 0


def test_the_way_to_ask_for_a_schema_that_was_found_online_is_taken(
    provider: BatchServer, store: ReplyStore
) -> None:
    schema = {"type": "object"}
    provider.script = lambda seen: Behaviour(
        status=400 if "json_schema" in str(seen.body) else 200
    )
    batch_model(provider.url, store, mode="online").complete([ask("a", schema=schema)])
    batch_model(provider.url, store).complete(
        [ChatRequest([{"role": "user", "content": "b"}], task="t", schema=schema)]
    )
    assert provider.bodies[-1]["guided_json"] == schema
