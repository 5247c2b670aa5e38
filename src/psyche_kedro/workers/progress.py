"""How far the work under way is, for whoever watches a run.

Work says what it has done and knows nothing of who looks; ``hooks/progress_line.py``
looks. Counts and names only: no text of a row passes through here.
"""

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

T = TypeVar("T")

_NOW: dict[int, "Work"] = {}
_NUMBERS: Final = itertools.count()
_MINUTE: Final = 60.0


@dataclass(slots=True)
class Work:
    """One piece of work under way.

    Attributes:
        name: What is done, e.g. a task and the role that it asks.
        total: How many there are to do; ``None`` where nobody knows.
        unit: Of what; empty where nothing is counted.
        done: How many are done, ``stored`` ones among them.
        stored: Those that an earlier run had paid for.
        asked: Those that were sent.
        retries: How often one was sent again.
        failed: Those that came to nothing, by reason.
        tokens: Input and output.
        money: In the price list's currency.
        figures: What else is worth seeing, e.g. ``{"loss": 1.2}``.
    """

    name: str
    total: int | None
    unit: str
    done: int = 0
    stored: int = 0
    asked: int = 0
    retries: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    money: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    began_at: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.began_at

    @property
    def fresh(self) -> int:
        """How many were done by this run."""
        return self.done - self.stored

    @property
    def rate(self) -> float:
        """How many it does in a second; what was stored took no time."""
        return self.fresh / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """What the rest will take; ``None`` where that cannot be said."""
        if self.total is None or not self.fresh:
            return None
        return max(0, self.total - self.done) / self.rate

    def as_json(self) -> dict[str, Any]:
        """Return the counts, for machines."""
        left = self.seconds_left
        return {
            "task": self.name,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "per_second": round(self.rate, 3),
            "in_flight": max(0, self.asked - self.fresh),
            "stored": self.stored,
            "retries": self.retries,
            "failed": dict(self.failed),
            "tokens": self.tokens,
            "money": round(self.money, 6),
            "seconds": round(self.seconds, 1),
            "seconds_left": None if left is None else round(left, 1),
            **self.figures,
        }

    def in_words(self) -> str:
        """Return the counts as one line, those that are zero left out."""
        if not self.unit:
            return f"{self.name}: {self.seconds:.0f} s"
        said = self.as_json()
        of = "" if self.total is None else f" of {self.total:,}"
        parts = [f"{self.name}: {self.done:,}{of} {self.unit}"]
        if self.fresh:
            parts.append(f"{self.rate:.1f}/s")
        parts += [f"{said[name]:,} {words}" for name, words in _WORDS if said[name]]
        if self.failed:
            parts.append(in_words_of(self.failed))
        parts += [f"{name} {value:.4g}" for name, value in self.figures.items()]
        if self.money:
            parts.append(f"cost {self.money:.2f}")
        if (left := self.seconds_left) is not None and self.done != self.total:
            parts.append(f"{_duration(left)} left")
        return ", ".join(parts)


_WORDS: Final = (
    ("in_flight", "in flight"),
    ("stored", "from the store"),
    ("retries", "retries"),
    ("tokens", "tokens"),
)


def in_words_of(failed: Counter[str]) -> str:
    """Return how many failed and why, e.g. ``3 failed (timeout 2, truncated 1)``."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in failed.most_common())
    return f"{failed.total():,} failed{f' ({reasons})' if reasons else ''}"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@contextmanager
def watched(name: str, total: int | None, unit: str) -> Iterator[Work]:
    """Yield the counts of a piece of work, which can be seen until it ends."""
    work, number = Work(name, total, unit), next(_NUMBERS)
    _NOW[number] = work
    try:
        yield work
    finally:
        del _NOW[number]


def counted(rows: Iterable[T], name: str, total: int, unit: str) -> Iterator[T]:
    """Yield ``rows``; each is done when the next is asked for."""
    with watched(name, total, unit) as work:
        for row in rows:
            yield row
            work.done += 1


def under_way() -> list[Work]:
    """Return what is being done just now, the newest last.

    None of nobody knows how many says nothing, and is left out where others count.
    """
    works = list(_NOW.values())
    return [w for w in works if w.done or w.total is not None] or works
