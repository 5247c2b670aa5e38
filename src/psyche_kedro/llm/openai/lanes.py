"""One endpoint at work: its slots, what it was seen to bear, and whether it rests."""

import functools
from dataclasses import dataclass
from typing import Any, Final

from psyche_kedro.llm.engine import Answer, Call, Fault
from psyche_kedro.llm.openai.completions import count_prompt
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.limits import Pace, Window
from psyche_kedro.text.tokens import estimate_from_characters

_LANE_FAULTS: Final = frozenset({"connection", "server_error", "timeout"})
_FAULTS_TO_REST: Final = 8
_LONGEST_REST: Final = 60.0
_FLOOD_SHARE: Final = 0.5
_SECONDS_PER_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Begun:
    """When an attempt began and the tokens set aside for it.

    Attributes:
        at: Time of the loop.
        text: Tokens of the prompt's text.
        reserved: Those and what else is to be expected.
    """

    at: float
    text: int = 0
    reserved: float = 0.0


class Bearing:
    """What an endpoint was seen to bear.

    Args:
        endpoint: Its stated limits.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.window = Window(endpoint.concurrency)
        self.pace = Pace(_per_second(endpoint.requests_per_minute))
        self.tokens = Pace(_per_second(endpoint.tokens_per_minute))
        self.expected_beside_text = 256.0  # the reply, and pictures where there are any


# The provider does not forget between two nodes what it was asked by the first.
_bearing_of = functools.cache(Bearing)


class Lane:
    """One endpoint at work, and whether it rests.

    Args:
        endpoint: Its stated limits.
        client: What sends to it.
    """

    def __init__(self, endpoint: Endpoint, client: Any) -> None:
        self.endpoint = endpoint
        self.client = client
        self._bearing = _bearing_of(endpoint)
        self.window = self._bearing.window
        self.window.forget_latency()
        self.pace = self._bearing.pace
        self.tokens = self._bearing.tokens
        self.in_flight = 0
        self.resting_until = 0.0
        self._faults_in_row = 0
        self._rests = 0

    @property
    def load(self) -> float:
        """Requests in flight for each unit of weight."""
        return self.in_flight / self.endpoint.weight

    @property
    def failing(self) -> bool:
        """Whether the last replies were all faults of the endpoint's own."""
        return self._faults_in_row >= _FAULTS_TO_REST

    def wait(self, now: float) -> float | None:
        """Return the seconds until it may be asked; ``None`` while no slot is free."""
        if self.in_flight >= (1 if self.failing else int(self.window.limit)):
            return None
        rest = self.resting_until - now
        return max(0.0, rest, self.pace.wait(now), self.tokens.wait(now))

    def begin(self, call: Call, now: float) -> Begun:
        """Count one attempt as begun; set its tokens aside where they are limited."""
        self.in_flight += 1
        self.pace.spend()
        if self.endpoint.tokens_per_minute is None:
            return Begun(now)
        text = count_prompt(call.request.messages, estimate_from_characters)
        reserved = text + self._bearing.expected_beside_text
        self.tokens.spend(reserved)
        return Begun(now, text, reserved)

    def note(self, answer: Answer | Fault, now: float, begun: Begun) -> None:
        """Learn from how one attempt ended."""
        if isinstance(answer, Answer):
            self.window.succeed(now - begun.at, in_flight=self.in_flight + 1)
            self.pace.succeed(now)
            self._settle_tokens(answer, begun)
        elif answer.reason == "rate_limited":
            self._back_off(answer, now)
        if isinstance(answer, Fault) and answer.reason in _LANE_FAULTS:
            self._fault(now)
        else:
            self._faults_in_row = self._rests = 0

    def _settle_tokens(self, answer: Answer, begun: Begun) -> None:
        spent = answer.usage.input_tokens + answer.usage.output_tokens
        self.tokens.spend(spent - begun.reserved)
        surprise = spent - begun.text - self._bearing.expected_beside_text
        self._bearing.expected_beside_text += 0.05 * surprise

    def _back_off(self, fault: Fault, now: float) -> None:
        binds = self.pace.refuse(now)
        if binds and not self.pace.learned:
            self.window.refuse(now)
        # One refused among many accepted waits alone; a flood stops the endpoint.
        flood = not self.pace.learned or self.pace.refused_share >= _FLOOD_SHARE
        if binds and flood and fault.retry_after:
            self.pace.rest(now + fault.retry_after)

    def _fault(self, now: float) -> None:
        self._faults_in_row += 1
        if self.failing and now >= self.resting_until:
            self.resting_until = now + min(_LONGEST_REST, 2.0**self._rests)
            self._rests = min(self._rests + 1, 6)


def _per_second(per_minute: float | None) -> float | None:
    return per_minute / _SECONDS_PER_MINUTE if per_minute else None
