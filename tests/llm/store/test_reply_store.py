"""The reply store: what changes a reply's address, and what the file withstands."""

import base64
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from asking import ask

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import ChatRequest, Failure, Reply, Usage
from psyche_kedro.llm.engine import Answer, Call, Deliver, Engine, Fault
from psyche_kedro.llm.store.reply_store import (
    FailureRecord,
    ReplyRecord,
    ReplyStore,
    address_request,
    unpack,
)

BASE = ask("焦虑是什么？")
SCHEMA = {"type": "object"}


def _key(request: ChatRequest = BASE, model: str = "m", **sampling: object) -> str:
    return address_request(model, sampling, request)


def _reply(key: str, text: str = "回答") -> ReplyRecord:
    reply = Reply(text, "m", key, "思考", "stop", Usage(3, 4, True))
    return ReplyRecord(reply, "task")


def _failure(key: str, reason: str) -> FailureRecord:
    failure = Failure(reason, "HTTP 400", key, "m")
    return FailureRecord(failure, task="t", request="{}", attempts=2, body="raw")


@pytest.mark.parametrize(
    "other",
    [
        _key(ask("焦虑是什么")),
        _key(model="m@2"),
        _key(temperature=0.7),
        _key(ask("焦虑是什么？", sample=1)),
        _key(ask("焦虑是什么？", attempt=1)),
        _key(ask("焦虑是什么？", round=1)),
        _key(ChatRequest([{"role": "system", "content": "焦虑是什么？"}], task="t")),
    ],
    ids=["text", "model", "sampling", "sample", "attempt", "round", "role"],
)
def test_what_changes_a_reply_changes_its_address(other: str) -> None:
    assert other != _key()


def test_what_changes_no_reply_leaves_the_address_alone() -> None:
    assert _key(ask("焦虑是什么？", task="another node")) == _key()
    assert _key(ask("焦虑是什么？", schema=SCHEMA)) == _key()
    assert _key(temperature=1.0, top_p=0.9) == _key(top_p=0.9, temperature=1)


def test_a_reply_comes_back_as_it_was_stored(store: ReplyStore) -> None:
    record = _reply(_key())
    with store.open() as session:
        session.commit([record])
    with store.open() as session:
        assert session.look_up([_key(), _key(model="x")]) == {_key(): record.reply}


def test_the_first_reply_stored_wins(store: ReplyStore) -> None:
    first, second = _reply(_key(), "first"), _reply(_key(), "second")
    with store.open() as session, store.open() as other_process:
        session.commit([first])
        assert other_process.commit([second]) == {_key(): first.reply}
        assert session.look_up([_key()]) == {_key(): first.reply}


def test_only_a_failure_that_would_come_again_is_remembered(store: ReplyStore) -> None:
    lasting, passing = _key(), _key(model="x")
    with store.open() as session:
        session.commit([_failure(lasting, "truncated"), _failure(passing, "timeout")])
        found = session.look_up([lasting, passing])
    assert found == {lasting: Failure("truncated", "HTTP 400", lasting, "m")}


def test_a_reply_takes_the_place_of_a_failure(store: ReplyStore) -> None:
    with store.open() as session:
        session.commit([_failure(_key(), "timeout")])
        session.commit([_reply(_key())])
        assert session.look_up([_key()]) == {_key(): _reply(_key()).reply}
    with sqlite3.connect(store.path) as raw:
        assert raw.execute("SELECT count(*) FROM failures").fetchone() == (0,)
    raw.close()


def test_a_newer_schema_is_refused_in_one_sentence(store: ReplyStore) -> None:
    with store.open():
        pass
    raw = sqlite3.connect(store.path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(ChatModelError, match="has schema 99"), store.open():
        pass


def test_a_file_that_is_no_database_is_refused_in_one_sentence(
    store: ReplyStore,
) -> None:
    store.path.write_bytes(b"not a database" * 100)
    expected = r"file is not a database.*move it away"
    with pytest.raises(ChatModelError, match=expected), store.open():
        pass


def test_many_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def write(path: Path, number: int) -> None:
        together.wait()
        with ReplyStore(path).open() as session:
            session.commit([_reply(f"{number:064x}")])

    with ThreadPoolExecutor(4) as threads:
        for new in range(
            25
        ):  # one in ten met the other's lock before it was waited out
            path = tmp_path / f"{new}.sqlite"
            list(threads.map(write, [path] * 4, range(4)))
            with ReplyStore(path).open() as session:
                assert session.rows("SELECT count(*) FROM replies") == [(4,)]


PICTURE = bytes(range(256)) * 40


def _page(text: str = "读这一页。") -> ChatRequest:
    url = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
    image = {"type": "image_url", "image_url": {"url": url}}
    content = [{"type": "text", "text": text}, image]
    return ChatRequest([{"role": "user", "content": content}], task="t")


class _Refusing:
    """Refuses every call and quotes it, cut short, as some servers do."""

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        for call in calls:
            quoted = json.dumps(list(call.request.messages))[:5_001]
            deliver(call, Fault("truncated", "finish_reason=length", body=quoted))


def test_a_failed_page_is_stored_by_the_digest_of_its_picture(
    store: ReplyStore,
) -> None:
    engine = Engine("m", sampling={}, store=store, transport=_Refusing())
    engine.complete([_page()])
    with store.open() as session:
        ((request, body),) = session.rows("SELECT request, body FROM failures")
    digest = hashlib.sha256(PICTURE).hexdigest()
    (said,) = json.loads(unpack(request))["messages"]
    assert said["content"][0]["text"] == "读这一页。"
    assert said["content"][1]["image_url"]["url"] == (
        f"data:image/png;sha256={digest};bytes={len(PICTURE)}"
    )
    assert "data:image/png;sha256=" in unpack(body)
    assert ";base64," not in unpack(body)


def test_a_run_says_how_many_failures_it_remembered(
    store: ReplyStore, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine("m", sampling={}, store=store, transport=_Refusing())
    engine.complete([_page()])
    assert caplog.messages == []
    engine.complete([_page(), _page()])
    (said,) = caplog.messages
    assert said.startswith("m: 1 requests failed in an earlier run")
    assert "`kedro replies retry`" in said


def test_a_refusal_is_asked_again_for_the_server_may_have_been_mended(
    store: ReplyStore,
) -> None:
    with store.open() as session:
        session.commit([_failure(_key(), "bad_request")])
        assert session.look_up([_key()]) == {}


class _Breaking:
    """Answers, and spoils the store before the only group of replies is committed."""

    def __init__(self, store: ReplyStore) -> None:
        self._store = store

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        looked_up = list(calls)
        with self._store.open() as session:
            session.write("DROP TABLE replies")
        for call in looked_up:
            deliver(call, Answer("text"))


def test_a_last_group_that_cannot_be_committed_ends_the_run(store: ReplyStore) -> None:
    said: list[str] = []

    def run() -> None:
        engine = Engine("m", sampling={}, store=store, transport=_Breaking(store))
        with pytest.raises(ChatModelError, match="no such table") as stopped:
            engine.complete([ask("a"), ask("b")])
        said.append(str(stopped.value))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert len(said) == 1
