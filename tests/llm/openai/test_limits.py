"""Pace and width, against simulated endpoints: hours of traffic in a moment."""

import heapq
import itertools
import random
from dataclasses import dataclass, field

import pytest

from psyche_kedro.llm.openai.limits import Pace, Window


@dataclass
class Simulation:
    """A client that sends as fast as pace and window allow, and an endpoint.

    Attributes:
        rate: Requests a second that the endpoint accepts; ``None`` for all.
        burst: How many at once.
        latency: Seconds to a reply; a refusal takes 5 ms.
        noise: Share of requests refused whatever the pace.
        retry_after: What a refusal asks to wait.
    """

    rate: float | None = None
    burst: float = 20
    latency: float = 0.05
    noise: float = 0.0
    retry_after: float = 0.0
    width: int | None = None
    stated: float | None = None
    now: float = 0.0
    refused: int = 0
    accepted: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(5))

    def run(self, requests: int) -> float:
        """Return the seconds until every request is accepted."""
        self.pace, self.window = Pace(self.stated), Window(self.width)
        self._tokens, self._filled_at = self.burst, 0.0
        events: list[tuple[float, int, bool, float]] = []
        retries: list[float] = []
        order = itertools.count()
        left, flying = requests, 0
        while self.accepted < requests:
            assert self.now < 100 * requests, "the simulation stands still"
            due = retries and retries[0] <= self.now
            can_send = (left or due) and flying < int(self.window.limit)
            wait = self.pace.wait(self.now) if can_send else None
            if wait == 0.0:
                if due:
                    heapq.heappop(retries)
                else:
                    left -= 1
                flying += 1
                self.pace.spend()
                good = self._accept()
                takes = self.latency * self.chance.lognormvariate(0, 0.3)
                arrives = self.now + (takes if good else 0.005)
                heapq.heappush(events, (arrives, next(order), good, self.now))
                self.now += 0.0004
                continue
            moments = [events[0][0]] if events else []
            moments += [self.now + max(wait, 1e-4)] if wait is not None else []
            moments += [retries[0]] if retries and not due else []
            self.now = max(self.now, min(moments))
            while events and events[0][0] <= self.now:
                _, _, good, sent = heapq.heappop(events)
                self._take(good, sent, flying)
                flying -= 1
                if not good:
                    back = self.chance.uniform(0.25, 0.5)
                    heapq.heappush(retries, self.now + max(self.retry_after, back))
        return self.now

    def _accept(self) -> bool:
        if self.chance.random() < self.noise:
            return False
        if self.rate is None:
            return True
        gained = (self.now - self._filled_at) * self.rate
        self._tokens = min(self.burst, self._tokens + gained)
        self._filled_at = self.now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _take(self, good: bool, sent: float, flying: int) -> None:
        if good:
            self.accepted += 1
            self.window.succeed(self.now - sent, in_flight=flying)
            self.pace.succeed(self.now)
            return
        self.refused += 1
        binds = self.pace.refuse(self.now)
        if binds and not self.pace.learned:
            self.window.refuse(self.now)
            if self.retry_after:
                self.pace.rest(self.now + self.retry_after)


@pytest.mark.parametrize("latency", [0.0, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("retry_after", [0.0, 1.0])
@pytest.mark.parametrize("width", [None, 256])
def test_a_true_limit_is_found_within_a_fifth_and_a_tenth(
    latency: float, retry_after: float, width: int | None
) -> None:
    endpoint = Simulation(
        rate=100, latency=latency, retry_after=retry_after, width=width
    )
    took = endpoint.run(2_000)
    # With replies a second late it takes seconds to see that more would pass.
    assert took <= (24 if latency < 1 else 45)
    if width is None:  # a stated width goes out at once, before any refusal is back
        assert endpoint.refused <= 200


@pytest.mark.parametrize(("rate", "burst"), [(10, 20), (100, 1), (100, 100), (500, 50)])
def test_other_limits_are_found_too(rate: float, burst: float) -> None:
    requests = int(30 * rate)
    took = Simulation(rate=rate, burst=burst, latency=0.1).run(requests)
    assert took <= 1.4 * requests / rate


@pytest.mark.parametrize("noise", [0.04, 0.1])
@pytest.mark.parametrize("seed", range(4))
def test_refusals_that_come_whatever_the_pace_do_not_choke_it(
    noise: float, seed: int
) -> None:
    quiet = Simulation(latency=0.05).run(5_000)
    chance = random.Random(seed)
    noisy = Simulation(latency=0.05, noise=noise, chance=chance).run(5_000)
    assert noisy <= 2 * quiet + 6


def test_a_stated_pace_is_kept_from_the_first_request() -> None:
    endpoint = Simulation(rate=100, burst=2, stated=100)
    assert 19.9 <= endpoint.run(2_000) <= 20.5
    assert endpoint.refused == 0


def test_without_refusals_the_window_grows_while_latency_holds() -> None:
    window = Window()
    for _ in range(500):
        window.succeed(0.2, in_flight=int(window.limit))
    assert window.limit > 256


def test_the_window_stops_growing_where_latency_doubles() -> None:
    window = Window()
    for _ in range(100):
        window.succeed(0.2, in_flight=int(window.limit))
    for _ in range(1_000):
        window.succeed(0.5, in_flight=int(window.limit))
    assert window.limit < 200


def test_late_replies_alone_never_shrink_the_window() -> None:
    window = Window()
    before = window.limit
    for _ in range(200):
        window.succeed(5.0, in_flight=1)
    assert window.limit == before


def test_a_stated_width_is_a_ceiling() -> None:
    window = Window(8)
    for _ in range(100):
        window.succeed(0.1, in_flight=8)
    assert window.limit == 8


def test_one_wave_of_refusals_shrinks_the_window_once() -> None:
    window = Window(50)
    for moment in range(50):
        window.refuse(0.001 * moment)
    assert window.limit == 35
