"""No more is sent while received replies wait for the disk."""

import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from asking import ask

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.engine import MOST_UNCOMMITTED, Answer, Call, Deliver, Engine
from psyche_kedro.llm.store.reply_store import Record, ReplyStore, StoreSession


class SlowDisk:
    """What was delivered and what was committed, as a disk that may be slow sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.delivered = self.committed = self.most_uncommitted = 0
        self.full = threading.Event()
        commit = StoreSession.commit

        def slowly(session: StoreSession, records: Sequence[Record]) -> object:
            # The first takes until nothing more should be sent, and a while longer.
            assert self.full.wait(60)
            time.sleep(0.2 if not self.committed else 0)
            settled = commit(session, records)
            self.committed += len(records)
            return settled

        monkeypatch.setattr(StoreSession, "commit", slowly)

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        for call in calls:
            uncommitted = self.delivered - self.committed
            self.most_uncommitted = max(self.most_uncommitted, uncommitted)
            self.delivered += 1
            deliver(call, Answer("text"))
            if self.delivered == MOST_UNCOMMITTED:
                self.full.set()


def test_no_call_goes_out_while_so_many_replies_are_uncommitted(
    store: ReplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    requests = [ask(str(i)) for i in range(5 * MOST_UNCOMMITTED)]
    outcomes = Engine("m", sampling={}, store=store, transport=disk).complete(requests)
    assert len(outcomes) == disk.committed == len(requests)
    assert disk.most_uncommitted == MOST_UNCOMMITTED - 1


def test_a_disk_that_breaks_does_not_keep_the_run_waiting(
    store: ReplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(session: StoreSession, records: Sequence[Record]) -> None:
        raise ChatModelError("The disk is full: free some space.")

    disk = SlowDisk(monkeypatch)
    monkeypatch.setattr(StoreSession, "commit", broken)
    engine = Engine("m", sampling={}, store=store, transport=disk)
    with pytest.raises(ChatModelError, match="The disk is full"):
        engine.complete(ask(str(i)) for i in range(5 * MOST_UNCOMMITTED))
    assert disk.delivered <= MOST_UNCOMMITTED
