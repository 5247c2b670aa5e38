"""How far a batch of requests is."""

import logging
import time
from typing import Final

from psyche_kedro.llm.accounts import Tally

_LOG = logging.getLogger(__name__)
_REPORT_SECONDS: Final = 30.0


class Progress:
    """Logs how far a batch is, at most every 30 seconds, and once at its end.

    Args:
        name: Of the model.
        total: How many requests there are; ``None`` where they are lazy.
    """

    def __init__(self, name: str, total: int | None) -> None:
        self._name = name
        self._total = total
        self._began_at = self._logged_at = time.monotonic()
        self._tally = Tally()

    def move(self, tally: Tally) -> None:
        """Add to the counts and log when it is time."""
        self._tally.add(tally)
        now = time.monotonic()
        if now - self._logged_at > _REPORT_SECONDS:
            self._logged_at = now
            self._log(now)

    def end(self) -> None:
        """Log the whole, where it took long enough to have been watched."""
        if self._logged_at > self._began_at:
            self._log(time.monotonic())

    def _log(self, now: float) -> None:
        fresh = self._tally.replies + self._tally.failures
        rate = fresh / max(now - self._began_at, 1e-9)
        done = fresh + self._tally.stored
        left = f" of {self._total}" if self._total is not None else ""
        wait = ""
        if self._total is not None and rate:
            wait = f", about {(self._total - done) / rate / 60:.0f} min left"
        _LOG.info(
            "%s: %d%s done (%s), %.1f replies/s%s",
            self._name,
            done,
            left,
            self._tally.in_words(),
            rate,
            wait,
        )
