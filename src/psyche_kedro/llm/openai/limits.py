"""How fast and how wide one endpoint is asked: stated limits, and those it teaches.

Stated limits (requests and tokens a minute) are paced evenly. The others are learned:

- ``Window``, the requests in flight, grows while latency holds and shrinks on 429 only:
  a vLLM server under load answers later, it never says 429.
- ``Pace``, the requests a second, is unlimited until an endpoint says 429 to more than
  one request in twelve. While its allowance is used up it accepts exactly its refill,
  so what it accepted in the last second is its rate, whatever was sent; from there the
  pace creeps up by 3 % a second. Where slowing down does not help, the 429s are noise.

Everything takes the time as an argument, so that a day can be simulated in a moment.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

_START: Final = 32
_CEILING: Final = 512  # below the usual limit of 1,024 open files
_LATENCY_HELD: Final = 2.0
_SHRINK: Final = 0.7
_REGROWTH: Final = 0.1
_FULL: Final = 0.9

_SHARE_WEIGHT: Final = 0.01
_BINDING_SHARE: Final = 0.08
_EPOCH_SECONDS: Final = 0.5
_BURST_SECONDS: Final = 0.01
_SEARCH: Final = 1.0
_CREEP: Final = 0.03
_SLOWEST: Final = 0.01
_TRIAL_SECONDS: Final = 2.0
_STRIKES: Final = 5
_HALF: Final = 0.5
_NOISE_SHARE: Final = 0.05
_SPAN_SECONDS: Final = 1.0
_KEPT: Final = 4096
_DEAF_SECONDS: Final = 30.0


class Window:
    """How many requests may be in flight.

    Args:
        stated: The user's own number, started from and never exceeded; ``None`` starts
            at 32 and finds out.
    """

    def __init__(self, stated: int | None = None) -> None:
        self.limit = float(stated or _START)
        self._ceiling = stated or _CEILING
        self._doubling = True
        self._shrunk_at = float("-inf")
        self.forget_latency()

    def forget_latency(self) -> None:
        """Begin another kind of requests, whose replies may be longer."""
        self._latency = 0.0
        self._best_latency = float("inf")
        self._replies = 0

    def succeed(self, latency: float, *, in_flight: int) -> None:
        """Take one reply after ``latency`` seconds into account."""
        self._replies += 1
        self._latency += (latency - self._latency) / min(self._replies, _START)
        if self._replies >= _START:  # the first to come back are the fastest
            self._best_latency = min(self._best_latency, self._latency)
        full = in_flight >= _FULL * self.limit
        if full and self._latency <= _LATENCY_HELD * self._best_latency:
            step = 1.0 if self._doubling else _REGROWTH
            self.limit = min(self._ceiling, self.limit + step)

    def refuse(self, now: float) -> None:
        """Take a binding 429 into account; those of one wave count once."""
        if now - self._shrunk_at > max(self._latency, _EPOCH_SECONDS):
            # The first refusals show that doubling, or the stated width, went too far.
            before = min(self.limit, 2 * _START) if self._doubling else self.limit
            self.limit = max(1.0, before * _SHRINK)
            self._shrunk_at = now
        self._doubling = False


@dataclass(slots=True)
class _Trial:
    """What became of the requests in the first seconds after slowing down."""

    until: float = float("-inf")
    accepted: int = 0
    refused: int = 0

    @property
    def no_help(self) -> bool:
        """Whether some are refused as before, most are not: the pace is no cause."""
        sent = self.accepted + self.refused
        return _NOISE_SHARE * sent <= self.refused < _HALF * sent


class Pace:
    """When the next request may go out.

    Args:
        stated: Requests a second, never exceeded; ``None`` where none is stated.
    """

    def __init__(self, stated: float | None = None) -> None:
        self.rate = stated
        self.learned = False
        self._stated = stated or float("inf")
        self._allowance = 0.0
        self._refilled_at: float | None = None
        self.refused_share = 0.0
        self._accepted: deque[float] = deque(maxlen=_KEPT)
        self._epoch_at: float | None = None
        self._rested = False
        self._growth = 0.0
        self._strikes = 0
        self._trial = _Trial()
        self._deaf_until = float("-inf")
        self._rest_until = float("-inf")

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may go out; 0.0 is now."""
        rest = max(0.0, self._rest_until - now)
        if self.rate is None:
            return rest
        self._refill(now)
        return max(rest, (1.0 - self._allowance) / self.rate)

    def spend(self, cost: float = 1.0) -> None:
        """Take one request out of the allowance, which may run into debt."""
        self._allowance -= cost

    def rest(self, until: float) -> None:
        """Send nothing before ``until``."""
        self._rest_until = max(self._rest_until, until)
        self._rested = True

    def succeed(self, now: float) -> None:
        """Take an accepted request into account."""
        self.refused_share *= 1 - _SHARE_WEIGHT
        self._accepted.append(now)
        self._trial.accepted += now < self._trial.until

    def refuse(self, now: float) -> bool:
        """Take a 429 into account; return whether there are enough to bind."""
        self.refused_share += _SHARE_WEIGHT * (1 - self.refused_share)
        self._trial.refused += now < self._trial.until
        if self.refused_share < _BINDING_SHARE or now < self._deaf_until:
            return False
        if self._epoch_at is None:
            self._epoch_at = now
            self.rest(now + _EPOCH_SECONDS)
        elif now - self._epoch_at >= _EPOCH_SECONDS:
            self._learn(now)
        return True

    def _refill(self, now: float) -> None:
        assert self.rate is not None  # noqa: S101 - for the type checker
        elapsed = now - (now if self._refilled_at is None else self._refilled_at)
        self._refilled_at = now
        self.rate = min(self._stated, self.rate * (1 + self._growth * min(1, elapsed)))
        burst = max(1.0, self.rate * _BURST_SECONDS)
        self._allowance = min(burst, self._allowance + elapsed * self.rate)

    def _learn(self, now: float) -> None:
        """Slow down to what was accepted, or find that slowing down is no help."""
        self._strikes = self._strikes + 1 if self._trial.no_help else 0
        self._trial = _Trial(now + _TRIAL_SECONDS)
        rested, self._rested, self.refused_share = self._rested, False, 0.0
        if self._strikes >= _STRIKES:
            return self._forget(now)
        # After a rest the endpoint may have been idle: its rate is at least this.
        self._growth = _SEARCH if rested else _CREEP
        self.rate = min(self._stated, max(_SLOWEST, self._accepted_rate(now)))
        self.learned = True
        self._allowance = 0.0
        self._epoch_at = now
        return None

    def _accepted_rate(self, now: float) -> float:
        span = min(_SPAN_SECONDS, now - (self._epoch_at or now))
        recent = [at for at in self._accepted if at > now - span]
        return len(recent) / span

    def _forget(self, now: float) -> None:
        """Take the 429s as noise: they come whatever the pace."""
        self.rate = None if self._stated == float("inf") else self._stated
        self.learned = False
        self._growth, self._strikes, self._epoch_at = 0.0, 0, None
        self._deaf_until = now + _DEAF_SECONDS
