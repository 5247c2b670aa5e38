"""What stands between a node's requests and whatever answers them.

One engine serves every kind of model. It addresses the requests as they are rendered,
takes from the reply store what was paid for before, lets a ``Transport`` pull only what
is missing, and stores each reply before it counts as done:

    requests ──▶ address ──▶ look up ──▶ missing calls ──▶ transport
                               │                              │ deliver
                 outcomes ◀────┴───── committed in groups ◀───┘

The transport pulls, so no more than one chunk of requests and what is in flight are in
memory at once, however long the iterable is. It is given no further call while
``MOST_UNCOMMITTED`` replies wait for the disk: a kill therefore costs what was in
flight and that many replies at the most, however slow the machine is.
"""

import base64
import contextlib
import hashlib
import itertools
import json
import logging
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import length_hint
from types import TracebackType
from typing import Any, Final, Protocol, Self

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.accounts import (
    Account,
    stop_as_hopeless,
    stop_for_budget,
)
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome, Reply, Usage
from psyche_kedro.llm.heap import heap_set_aside
from psyche_kedro.llm.pictures import pictures_of
from psyche_kedro.llm.store.leases import Leases, Unshared
from psyche_kedro.llm.store.reply_store import (
    FailureRecord,
    Record,
    ReplyRecord,
    ReplyStore,
    StoreSession,
    address_request,
)
from psyche_kedro.workers.progress import Work, watched

_LOG = logging.getLogger(__name__)
_PICTURE: Final = re.compile(r"data:([\w/+.-]+);base64,([A-Za-z0-9+/]*={0,2})")
_CHUNK: Final = 256
_CHUNK_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.2
_GROUP: Final = 1024
_BACKLOG: Final = 4096
# A slow stream of replies shall not wake the disk for each, and a kill not cost many.
_LINGER_SECONDS: Final = 0.05
_ENOUGH: Final = 32
MOST_UNCOMMITTED: Final = 64
"""Replies received and not yet stored with which another request may still go out."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the store could not answer.

    Attributes:
        key: Its content address.
        request: What the node asked.
        sampling: The model's sampling with the request's own laid over it.
    """

    key: str
    request: ChatRequest
    sampling: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a transport got for a call, and in how many seconds."""

    text: str
    reasoning: str = ""
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)
    attempts: int = 1
    seconds: float | None = field(default=None, compare=False)

    def timed(self, seconds: float) -> "Answer":
        """Return it with the time it took."""
        return replace(self, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a transport got nothing usable for a call.

    Attributes:
        reason: Slug of the kind.
        detail: What the other side said, free of the request's own text.
        attempts: How often the call was sent.
        body: What came back last, as it came.
        retry_after: Seconds that the other side asks to wait.
        usage: Tokens of a completion that is of no use, and is billed all the same.
        partial: What was said until the token limit cut it.
    """

    reason: str
    detail: str
    attempts: int = 1
    body: str = ""
    retry_after: float = 0.0
    usage: Usage | None = None
    partial: Answer | None = None

    def timed(self, seconds: float) -> "Fault":
        """Return it with the time that what was said took."""
        return replace(self, partial=self.partial and self.partial.timed(seconds))


Deliver = Callable[[Call, Answer | Fault], None]


class Transport(Protocol):
    """Something that answers calls, in its own order and at its own pace."""

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        """Pull every call and deliver each exactly once, from one thread.

        Raises:
            ChatModelError: If no further call can succeed.
        """
        ...


class Engine:
    """A model's transport behind the reply store.

    Args:
        name: Identity of the model, revision included.
        sampling: The model's own sampling; a request's is laid over it.
        store: Where replies are kept.
        transport: What answers the rest.
        account: What counts and limits; ``None`` counts under the model's name.
        leases: Makes what tells other processes which requests are under way.
    """

    def __init__(  # noqa: PLR0913 - what it stands between
        self,
        name: str,
        *,
        sampling: Mapping[str, Any],
        store: ReplyStore,
        transport: Transport,
        account: Account | None = None,
        leases: Callable[[], Leases] = Unshared,
    ) -> None:
        self.name = name
        self._sampling = dict(sampling)
        self._store = store
        self._transport = transport
        self._account = account or Account(name)
        self._leases = leases

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request; see ``ChatModel.complete``."""
        total = length_hint(requests) or None
        with (
            watched(self._account.role, total, "requests") as work,
            heap_set_aside(),
            self._store.open() as stored,
            self._leases() as leases,
        ):
            batch = _Batch(self.name, self._account, work, stored, leases)
            with _Committer(self._store, batch.settle) as committer:
                send = partial(
                    self._transport.send, deliver=partial(self._deliver, committer)
                )
                send(batch.missing(map(self._address, requests), committer.await_room))
                while left := batch.left_by_others():
                    send(batch.allowed(left, committer.await_room))
            stored.add_hits(self.name, batch.hits)
        batch.say_remembered()
        return batch.outcomes()

    def _address(self, request: ChatRequest) -> Call:
        sampling = {**self._sampling, **request.sampling}
        return Call(address_request(self.name, sampling, request), request, sampling)

    def _deliver(
        self, committer: "_Committer", call: Call, answer: Answer | Fault
    ) -> None:
        if isinstance(answer, Fault):
            self._account.wasted(call.request.task, answer.usage)
        record = _record(self.name, call, answer)
        delivery = _Delivery(record, answer.attempts, _refuses_picture(call, answer))
        committer.put(delivery)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What a call came to, and how often it was sent.

    Attributes:
        refuses_picture: Whether it was refused for a picture: the model may take none,
            and answer others.
    """

    record: Record
    attempts: int
    refuses_picture: bool


def _refuses_picture(call: Call, answer: Answer | Fault) -> bool:
    if not isinstance(answer, Fault) or answer.reason != "bad_request":
        return False
    return any(map(pictures_of, call.request.messages))


class _Batch:
    """One call of ``complete``: who waits for what, and what was counted.

    Attributes:
        hits: How many replies of earlier runs each task was given.
    """

    def __init__(
        self,
        name: str,
        account: Account,
        work: Work,
        stored: StoreSession,
        leases: Leases,
    ) -> None:
        self._name = name
        self._account = account
        self._work = work
        self._stored = stored
        self._leases = leases
        self._board = _Board()
        self._asked_by_others: list[Call] = []
        self._stop: ChatModelError | None = None
        self._failed: dict[str, Failure] = {}
        self._remembered = 0
        self.hits: Counter[str] = Counter()

    def missing(
        self, calls: Iterator[Call], await_room: Callable[[], None]
    ) -> Iterator[Call]:
        """Yield what neither the store can answer nor another process asks for."""
        while self._stop is None and (chunk := _take_chunk(calls)):
            fresh = self._board.expect(chunk)
            self._recall(chunk[0].request.task, len(chunk) - len(fresh), {})
            mine = self._claim(self._take_stored(fresh))
            yield from self.allowed(mine, await_room)

    def allowed(
        self, calls: Iterable[Call], await_room: Callable[[], None]
    ) -> Iterator[Call]:
        """Yield ``calls``, until a budget, or all hope, is gone."""
        for call in calls:
            await_room()
            if self._stops(call.request.task):
                return
            self._work.name = f"{call.request.task} · {self._account.role}"
            self._work.asked += 1
            yield call

    def left_by_others(self) -> Sequence[Call]:
        """Wait for what other processes ask for; return what they did not get.

        Nothing, once all is answered. Those that ask release what failed.
        """
        if self._asked_by_others and self._stop is None:
            _LOG.info(
                "%s: waiting for %d replies that another run has asked for.",
                self._name,
                len(self._asked_by_others),
            )
        while self._asked_by_others and self._stop is None:
            waited = self._asked_by_others[:_CHUNK]
            self._asked_by_others = self._asked_by_others[_CHUNK:]
            if mine := self._claim(self._take_stored(waited)):
                return mine
            if self._asked_by_others:
                time.sleep(_LOOK_SECONDS)
        return ()

    def _claim(self, calls: Sequence[Call]) -> Sequence[Call]:
        """Return the calls to send; keep those that another process has sent."""
        if not calls:
            return ()
        claimed = self._leases.claim([call.key for call in calls])
        self._asked_by_others += [call for call in calls if call.key not in claimed]
        # What was released just before the claim is in the store by now.
        mine = [call for call in calls if call.key in claimed]
        return self._take_stored(mine) if self._leases.shared else mine

    def _take_stored(self, calls: Sequence[Call]) -> list[Call]:
        """Settle the calls that the store can answer; return the others."""
        found = self._stored.look_up([call.key for call in calls])
        self._board.settle(found)
        for task, some in itertools.groupby(calls, lambda call: call.request.task):
            keys = [call.key for call in some]
            self._recall(task, 0, {k: found[k] for k in keys if k in found})
        return [call for call in calls if call.key not in found]

    def _stops(self, task: str) -> bool:
        """Return whether no further call may go out; else one is counted."""
        if task in self._failed and self._account.hopeless(task):
            self._stop = stop_as_hopeless(task, self._name, self._failed[task])
        elif spent := self._account.ask(task):
            self._stop = stop_for_budget(spent)
        return self._stop is not None

    def _recall(self, task: str, again: int, found: Mapping[str, Outcome]) -> None:
        """Count what the store answered, and requests that are waited for already."""
        count = again + len(found)
        if not count:
            return
        used = [said.usage for said in found.values() if isinstance(said, Reply)]
        failed = [said for said in found.values() if isinstance(said, Failure)]
        if used:
            self.hits[task] += len(used)
        if failed:
            self._failed[task] = failed[-1]
        self._remembered += len(failed)
        usage = Usage(
            sum(u.input_tokens for u in used), sum(u.output_tokens for u in used)
        )
        self._account.recalled(task, count, usage, remembered=len(failed))
        self._work.name = f"{task} · {self._account.role}"
        self._work.stored += count
        self._work.done += count

    def settle(self, group: Sequence[_Delivery], session: StoreSession) -> None:
        """Store a group of deliveries, then count them as done."""
        settled = session.commit([delivery.record for delivery in group])
        self._leases.release(settled)
        self._board.settle(settled)
        by_task: dict[str, list[_Delivery]] = {}
        for delivery in group:
            by_task.setdefault(delivery.record.task, []).append(delivery)
        for task, delivered in by_task.items():
            self._count(task, delivered, settled)

    def _count(
        self, task: str, delivered: Sequence[_Delivery], settled: Mapping[str, Outcome]
    ) -> None:
        """Count what was delivered for one task."""
        outcomes = [settled[each.record.outcome.key] for each in delivered]
        refuses = [each.refuses_picture for each in delivered]
        for outcome, refuses_picture in zip(outcomes, refuses, strict=True):
            if isinstance(outcome, Failure) and not refuses_picture:
                self._failed[task] = outcome
        tally = self._account.settled(
            task,
            zip(outcomes, (each.attempts for each in delivered), strict=True),
            refused_pictures=sum(refuses),
        )
        self._work.done += tally.replies + tally.failures
        self._work.retries += tally.attempts - tally.replies - tally.failures
        self._work.tokens += tally.tokens
        self._work.money += tally.money
        self._work.failed.update(tally.reasons)

    def say_remembered(self) -> None:
        """Say how many requests failed in an earlier run and were not asked again."""
        if self._remembered:
            _LOG.warning(
                "%s: %d requests failed in an earlier run in a way that would come "
                "again and were not asked; `kedro replies retry` asks them again.",
                self._name,
                self._remembered,
            )

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes in the order of the requests.

        Raises:
            ChatModelError: If no request of a task can succeed, or a budget was spent
                before the last.
        """
        if self._stop:
            raise self._stop
        for task, failure in self._failed.items():
            if self._account.in_vain(task):
                raise stop_as_hopeless(task, self._name, failure)
        return self._board.outcomes()


def _take_chunk(calls: Iterator[Call]) -> list[Call]:
    """Return the next calls, as many as are rendered in a moment.

    Nothing is sent or received meanwhile, and a page to read takes long to draw.
    """
    until = time.monotonic() + _CHUNK_SECONDS
    chunk = []
    for call in itertools.islice(calls, _CHUNK):
        chunk.append(call)
        if time.monotonic() > until:
            break
    return chunk


def _record(name: str, call: Call, answer: Answer | Fault) -> Record:
    if isinstance(answer, Answer):
        return ReplyRecord(_reply(name, call, answer), call.request.task)
    partial = _reply(name, call, answer.partial) if answer.partial else None
    return FailureRecord(
        Failure(answer.reason, answer.detail, call.key, name, partial),
        task=call.request.task,
        request=_without_pictures(_as_json(call)),
        attempts=answer.attempts,
        body=_without_pictures(answer.body),
    )


def _reply(name: str, call: Call, answer: Answer) -> Reply:
    return Reply(
        text=answer.text,
        model=name,
        key=call.key,
        reasoning=answer.reasoning,
        finish_reason=answer.finish_reason,
        usage=answer.usage,
        seconds=answer.seconds,
    )


def _without_pictures(text: str) -> str:
    """Return ``text`` with the size and digest of each picture in its place.

    A scanned page is a megabyte, and may show what nobody meant to keep twice.
    """
    return _PICTURE.sub(_describe, text)


def _describe(picture: re.Match[str]) -> str:
    kind, encoded = picture.groups()
    # An endpoint that quotes the request may have been cut short in the middle.
    data = base64.b64decode(encoded[: len(encoded) // 4 * 4])
    return f"data:{kind};sha256={hashlib.sha256(data).hexdigest()};bytes={len(data)}"


def _as_json(call: Call) -> str:
    request = call.request
    return json.dumps(
        {
            "messages": [dict(message) for message in request.messages],
            "sampling": dict(call.sampling),
            "schema": request.schema,
            "purpose": [request.sample, request.attempt, request.round],
        },
        ensure_ascii=False,
    )


class _Board:
    """Which positions wait for which key; written by two threads."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome | None] = []
        self._waiting: dict[str, list[int]] = {}
        self._lock = threading.Lock()

    def expect(self, chunk: Sequence[Call]) -> list[Call]:
        """Give each call of ``chunk`` a place; return those not already waited for."""
        fresh = []
        with self._lock:
            for call in chunk:
                places = self._waiting.setdefault(call.key, [])
                if not places:
                    fresh.append(call)
                places.append(len(self._outcomes))
                self._outcomes.append(None)
        return fresh

    def settle(self, outcomes: Mapping[str, Outcome]) -> None:
        """Put each outcome at every place that waits for its key."""
        with self._lock:
            for key, outcome in outcomes.items():
                for place in self._waiting.pop(key, ()):
                    self._outcomes[place] = outcome

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes in the order of the requests.

        Raises:
            RuntimeError: If a transport broke its promise and left a call undelivered.
        """
        done = [outcome for outcome in self._outcomes if outcome is not None]
        if len(done) < len(self._outcomes):
            raise RuntimeError(
                f"{len(self._outcomes) - len(done)} of {len(self._outcomes)} calls were"
                " pulled but never delivered: the transport is at fault."
            )
        return done


class _Committer:
    """Commits what is delivered, in groups, on a thread of its own.

    A key leaves the board only after its commit: a look-up that no longer finds it
    waiting therefore finds it stored.
    """

    def __init__(
        self,
        store: ReplyStore,
        settle: Callable[[Sequence[_Delivery], StoreSession], None],
    ) -> None:
        self._store = store
        self._settle = settle
        self._queue: queue.Queue[_Delivery | None] = queue.Queue(_BACKLOG)
        self._error: BaseException | None = None
        self._ended = False
        self._ripe = threading.Event()
        self._uncommitted = 0
        self._committed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="reply-store")

    def put(self, delivery: _Delivery) -> None:
        """Hand one delivery over; waits while the disk is far behind."""
        self._raise_error()
        with self._committed:
            self._uncommitted += 1
        self._queue.put(delivery)
        if self._queue.qsize() >= _ENOUGH:
            self._ripe.set()

    def await_room(self) -> None:
        """Wait until fewer than ``MOST_UNCOMMITTED`` deliveries are uncommitted.

        What is in flight meanwhile stays so: nothing of it is received and lost.
        """
        with self._committed:
            self._committed.wait_for(self._has_room)
        self._raise_error()

    def _has_room(self) -> bool:
        return self._uncommitted < MOST_UNCOMMITTED or self._error is not None

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        self._ripe.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _work(self) -> None:
        try:
            with self._store.open() as session:
                for group in self._groups():
                    self._settle(group, session)
                    self._release(len(group))
        except BaseException as error:
            self._error = error
            self._release(0)
            self._drain()

    def _release(self, count: int) -> None:
        with self._committed:
            self._uncommitted -= count
            self._committed.notify_all()

    def _groups(self) -> Iterator[list[_Delivery]]:
        while not self._ended:
            group = [self._queue.get()]
            self._ripe.wait(_LINGER_SECONDS)
            self._ripe.clear()
            with contextlib.suppress(queue.Empty):
                while len(group) < _GROUP:
                    group.append(self._queue.get_nowait())
            self._ended = group[-1] is None
            if deliveries := [delivery for delivery in group if delivery is not None]:
                yield deliveries

    def _drain(self) -> None:
        """Take what still comes, up to the end, which a broken last group has seen."""
        while not self._ended:
            self._ended = self._queue.get() is None
