"""Calls that are worth a trace: one in a hundred, and each that failed.

Which one in a hundred says the address of its reply, so that the same request is traced
in every run. No word of a request or a reply is kept: it may be a post's.
"""

import time
import zlib
from typing import Final, NamedTuple

from psyche_kedro.llm.chat_model import Outcome, Reply, Usage

_ONE_IN: Final = 100
_MOST: Final = 1000


class SampledCall(NamedTuple):
    """What a call took."""

    role: str
    task: str
    key: str
    """Of its reply: `kedro replies show` prints the text."""
    model: str
    reason: str
    """Why it failed; empty of a reply."""
    usage: Usage
    seconds: float
    """0 where nobody measured it."""
    attempts: int
    ended: int
    """Nanoseconds since 1970."""


class SampledCalls:
    """The calls of a run that are to be traced, at most a thousand.

    Attributes:
        left_out: Those after the thousandth.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the run before."""
        self._waiting: list[SampledCall] = []
        self._n = 0
        self.left_out = 0

    def note(self, role: str, task: str, outcome: Outcome, attempts: int) -> None:
        """Keep a call that failed, or is one of a hundred."""
        reply = outcome if isinstance(outcome, Reply) else outcome.partial
        reason = "" if isinstance(outcome, Reply) else outcome.reason
        if not reason and zlib.crc32(outcome.key.encode()) % _ONE_IN:
            return
        if self._n == _MOST:
            self.left_out += 1
            return
        self._n += 1
        self._waiting.append(
            SampledCall(
                role=role,
                task=task,
                key=outcome.key,
                model=outcome.model,
                reason=reason,
                usage=reply.usage if reply else Usage(),
                seconds=(reply and reply.seconds) or 0.0,
                attempts=attempts,
                ended=time.time_ns(),
            )
        )

    def take(self) -> list[SampledCall]:
        """Return what was kept since the last time."""
        taken, self._waiting = self._waiting, []
        return taken


RUN_CALLS: Final = SampledCalls()
"""Those of this process; a hook traces them."""
