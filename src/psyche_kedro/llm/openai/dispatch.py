"""Keeps every endpoint of a model busy and no busier: slots, waits, retries, rests.

One coroutine launches, one task per attempt answers. There is no barrier: a slot that
falls free is filled at once. A retry gives its slot back while it waits. An endpoint
that fails eight times in a row rests, longer each time, and is then asked once.

What is retried, and what not:

- time-outs, lost connections, HTTP 408, 409, 429, 5xx, unreadable bodies, another
  model's name: with exponential back-off and jitter, ``Retry-After`` obeyed;
- 400, context length, content filter, truncation: the same request would meet them
  again, so they are failures at once;
- 401, an unknown model, an empty account, 403 before the first answer: no request can
  succeed, the run stops. A 403 after it is one request's content filter.

A request may be hedged, where ``hedge_after_seconds`` asks for it: in flight for
longer, it is sent once more, on another endpoint where one is free. The first answer is
taken and the other copy cancelled; a fault of one copy waits for what the other brings.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.accounts import Account
from psyche_kedro.llm.chat_model import Usage
from psyche_kedro.llm.engine import Answer, Call, Deliver, Fault
from psyche_kedro.llm.openai.lanes import Begun, Lane
from psyche_kedro.llm.openai.patience import Patience

_RETRIED: Final = frozenset(
    {
        "bad_body",
        "connection",
        "empty_reply",
        "rate_limited",
        "server_error",
        "timeout",
        "wrong_model",
    }
)
_MENDS: Final = {"rate_limited": "wait until its limits allow more"}
_START_IT: Final = "start the server or mend its base_url"
_LONGEST_BACKOFF: Final = 60.0
_EXCUSED: Final = 3
_EMPTY_ATTEMPTS: Final = 2
_BACKLOG: Final = 4
_TICK_SECONDS: Final = 1.0
# A window's worth of launches in one go would let no reply in, and then all at once.
_LAUNCHES_IN_ROW: Final = 8
_LAUNCH_SECONDS: Final = 0.01


@dataclass(slots=True, eq=False)
class _Job:
    """A call on its way, through all its attempts."""

    call: Call
    begun_at: float
    sent: int = 0
    charged: int = 0
    lane: Lane | None = None
    hedged: bool = False
    alarm: asyncio.TimerHandle | None = None
    copies: set[asyncio.Task[None]] = field(default_factory=set)


Ask = Callable[[Any, Call], Awaitable[Answer | Fault]]


@dataclass(slots=True)
class Dispatcher:
    """Sends calls over lanes until all are delivered.

    Attributes:
        lanes: The model's endpoints.
        patience: When to give up.
        ask: Sends one call through a lane's client.
        calls: Pulled one by one, as slots fall free.
        deliver: Takes each call's answer or last fault.
        account: Allows a hedge, or not, and counts it.
    """

    lanes: Sequence[Lane]
    patience: Patience
    ask: Ask
    calls: Iterator[Call]
    deliver: Deliver
    account: Account
    _tasks: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _retries: list[tuple[float, int, _Job]] = field(init=False, default_factory=list)
    _late: dict[_Job, None] = field(init=False, default_factory=dict)
    _order: Iterator[int] = field(init=False, default_factory=itertools.count)
    _wake: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _error: BaseException | None = field(init=False, default=None)
    _exhausted: bool = field(init=False, default=False)
    _answered: bool = field(init=False, default=False)
    _heard: bool = field(init=False, default=False)
    _last_fault: Fault | None = field(init=False, default=None)
    _moved_at: float = field(init=False, default=0.0)

    async def run(self) -> None:
        """Deliver every call.

        Raises:
            ChatModelError: If no further call can succeed; what was in flight has been
                given ``grace_seconds`` and delivered.
        """
        self._moved_at = _now()
        # Who has us wait was heard by an earlier node.
        self._heard = any(lane.wait(self._moved_at) for lane in self.lanes)
        try:
            while self._error is None and await self._some_steps():
                await asyncio.sleep(0)
        except asyncio.CancelledError:  # Ctrl-C does not wait
            self._cancel()
            raise
        finally:
            await self._wind_up()
        if self._error is not None:
            raise self._error

    async def _wind_up(self) -> None:
        """Let what is in flight, and paid for, come home."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.patience.grace_seconds)
        self._cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _some_steps(self) -> bool:
        """Return whether to go on, once the loop has waited for long enough."""
        until = _now() + _LAUNCH_SECONDS
        for _ in range(_LAUNCHES_IN_ROW):
            if self._error is not None or not await self._step():
                return False
            if _now() > until:  # rendering may have taken long
                break
        return True

    async def _step(self) -> bool:
        """Launch one call or wait for something to change; return whether to go on."""
        now = _now()
        self._watch(now)
        waits = [(lane.wait(now), lane) for lane in self.lanes]
        ready = [lane for wait, lane in waits if wait == 0.0]
        if not ready:
            if not self._tasks and not self._retries and not self._hold(now):
                return False
            soonest = min((wait for wait, _ in waits if wait), default=_TICK_SECONDS)
            await self._sleep(soonest)
            return True
        if job := self._next_hedge():
            self._send(job, _choose(ready, job), now)
            return True
        if job := self._next_job(now):
            self._launch(job, _choose(ready, job), now)
            return True
        if not self._tasks and not self._retries:
            return False
        await self._sleep(self._retries[0][0] - now if self._retries else _TICK_SECONDS)
        return True

    def _next_hedge(self) -> _Job | None:
        """Return the job that is late for longest, unless a budget is spent."""
        while self._late:
            job = next(iter(self._late))
            del self._late[job]
            if self.account.hedge(job.call.request.task):
                job.hedged = True
                return job
        return None

    def _next_job(self, now: float) -> _Job | None:
        if self._retries and self._retries[0][0] <= now:
            return heapq.heappop(self._retries)[2]
        width = sum(int(lane.window.limit) for lane in self.lanes)
        if self._exhausted or len(self._retries) > _BACKLOG * width:
            return None
        for call in self.calls:
            self._moved_at = _now()  # rendering may have taken long
            return _Job(call, self._moved_at)
        self._exhausted = True
        return None

    def _hold(self, now: float) -> bool:
        """Have the next call wait, and be missed; return whether there is one.

        Where none is, a rest that an endpoint asks for is not sat out.
        """
        if job := self._next_job(now):
            heapq.heappush(self._retries, (now, next(self._order), job))
        return job is not None

    def _launch(self, job: _Job, lane: Lane, now: float) -> None:
        job.lane = lane
        job.sent += 1
        self._send(job, lane, now)
        after = self.patience.hedge_after_seconds
        if after is not None and not job.hedged:
            loop = asyncio.get_running_loop()
            job.alarm = loop.call_later(after, self._be_late, job)

    def _send(self, job: _Job, lane: Lane, now: float) -> None:
        begun = lane.begin(job.call, now)
        task = asyncio.get_running_loop().create_task(self._attempt(job, lane, begun))
        job.copies.add(task)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _be_late(self, job: _Job) -> None:
        self._late[job] = None
        self._wake.set()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._error = self._error or error
        self._wake.set()

    async def _attempt(self, job: _Job, lane: Lane, begun: Begun) -> None:
        left = job.begun_at + self.patience.deadline_seconds - begun.at
        try:
            async with asyncio.timeout(min(self.patience.timeout_seconds, left)):
                answer = await self.ask(lane.client, job.call)
        except TimeoutError:
            answer = Fault("timeout", "no reply in time")
        finally:
            lane.in_flight -= 1
            self._land(job)
        now = _now()
        answer = answer.timed(now - begun.at)
        away = lane.failing or not self._answered
        lane.note(answer, now, begun)
        self._last_fault = answer if isinstance(answer, Fault) else self._last_fault
        self._heard = self._heard or self._is_sign_of_life(answer, now - begun.at)
        if isinstance(answer, Answer):
            self._answered = True
            self._cancel_copies(job, answer.usage)
            self._hand_over(job, replace(answer, attempts=job.sent), now)
        elif job.copies:
            self.account.wasted(job.call.request.task, answer.usage)
        else:
            job.charged += self._charges(job, answer, away=away)
            self._retry_or_fail(job, answer, now)

    def _land(self, job: _Job) -> None:
        if task := asyncio.current_task():
            job.copies.discard(task)
        if job.alarm:
            job.alarm.cancel()
            self._late.pop(job, None)

    def _cancel_copies(self, job: _Job, usage: Usage) -> None:
        for copy in job.copies:
            copy.cancel()
            self.account.outran(job.call.request.task, usage)

    def _is_sign_of_life(self, answer: Answer | Fault, took: float) -> bool:
        """Return whether something is there, be it a gateway that says 504.

        A connection that is refused is no sign, one that was held for long is.
        """
        no_sign = isinstance(answer, Fault) and answer.reason == "connection"
        return not no_sign or took > self.patience.startup_seconds

    def _charges(self, job: _Job, fault: Fault, *, away: bool) -> bool:
        """Return whether a fault counts against the request's own attempts.

        A rate limit and an endpoint that is away are no fault of the request's, but a
        request that kills every connection must end too.
        """
        if fault.reason == "rate_limited":
            return False
        excused = fault.reason == "connection" and away
        return not excused or job.sent > _EXCUSED * self.patience.attempts

    def _retry_or_fail(self, job: _Job, fault: Fault, now: float) -> None:
        most = self.patience.attempts
        if fault.reason == "empty_reply":  # paid for, and likely to come again
            most = min(most, _EMPTY_ATTEMPTS)
        if fault.reason not in _RETRIED or job.charged >= most:
            return self._hand_over(job, replace(fault, attempts=job.sent), now)
        due = now + _pause(fault, job.sent, self.patience.backoff_seconds)
        if due - job.begun_at > self.patience.deadline_seconds:
            late = replace(fault, reason="deadline", attempts=job.sent)
            return self._hand_over(job, late, now)
        self.account.wasted(job.call.request.task, fault.usage)
        heapq.heappush(self._retries, (due, next(self._order), job))
        return None

    def _hand_over(self, job: _Job, answer: Answer | Fault, now: float) -> None:
        self._moved_at = now
        self.deliver(job.call, answer)

    def _watch(self, now: float) -> None:
        """Stop a run that gets nowhere."""
        patience = self.patience
        longest = patience.idle_seconds if self._heard else patience.startup_seconds
        if self._tasks:  # an attempt may take its full time before it says anything
            longest = max(longest, patience.timeout_seconds + _TICK_SECONDS)
        if now - self._moved_at > longest and (self._tasks or self._retries):
            raise self._no_reply(now - self._moved_at)

    def _no_reply(self, seconds: float) -> ChatModelError:
        urls = ", ".join(lane.endpoint.base_url for lane in self.lanes)
        last = self._last_fault
        words = f" (the last was {last.reason}: {last.detail})" if last else ""
        mend = _MENDS.get(last.reason, _START_IT) if last else _START_IT
        return ChatModelError(
            f"No reply from {urls} for {seconds:.0f} s{words}: {mend}, then run the"
            " same command again; what was answered is stored."
        )

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(min(seconds, _TICK_SECONDS), self._wake.set)
        await self._wake.wait()
        alarm.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _choose(ready: Sequence[Lane], job: _Job) -> Lane:
    """Return the least loaded lane, another than the one that just failed the job."""
    others = [lane for lane in ready if lane is not job.lane]
    return min(others or ready, key=lambda lane: lane.load)


def _pause(fault: Fault, attempt: int, first: float) -> float:
    """Return the seconds until the next attempt: what was asked for, or a back-off."""
    if fault.retry_after:
        return fault.retry_after * random.uniform(1.0, 1.1)  # noqa: S311 - jitter
    longest = min(_LONGEST_BACKOFF, first * 2.0 ** min(attempt - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
