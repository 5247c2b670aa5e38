"""One piece of work, how much it may take, and what becomes of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from psyche_kedro.errors import PsycheError

LostReason = Literal[
    "failed", "given_up", "nested_too_deeply", "too_large", "too_slow", "worker_died"
]


class Limits(NamedTuple):
    """What one task may take.

    Attributes:
        seconds: Of work; by the clock, at least as many and at most ten times.
        memory: Bytes of address space, beyond what an idle worker takes.
        depth: Calls in one another.
    """

    seconds: float
    memory: int
    depth: int

    @property
    def longest(self) -> float:
        """Seconds by the clock that a task may take, where it works or waits."""
        return 10 * self.seconds


ONE_WORKBOOK = Limits(seconds=60, memory=2_000_000_000, depth=1_000)
"""Of reading a workbook that is no raw file: far beyond any that people fill in."""


class Task(NamedTuple):
    """What a function is given, and what it may take for it."""

    argument: Any
    limits: Limits


class Lost(NamedTuple):
    """A task that gave nothing.

    Attributes:
        reason: A slug.
        detail: What happened; never a library's own words, which may quote a post.
    """

    reason: LostReason
    detail: str

    @property
    def is_costly(self) -> bool:
        """Whether it took all that a task may take, or its worker along."""
        return self.reason in ("too_large", "too_slow", "worker_died")


def attempt(function: Callable[[Any], Any], argument: Any) -> Any:
    """Return what ``function`` makes of ``argument``, or why that is lost."""
    try:
        return function(argument)
    except MemoryError:
        return Lost("too_large", "it takes more memory than it may")
    except RecursionError:
        return Lost("nested_too_deeply", "its parts nest too deeply")
    except PsycheError as error:
        return Lost("failed", str(error))
    except Exception as error:
        return Lost("failed", place_of(error))


def place_of(error: Exception) -> str:
    """Return what ``error`` is, and where it was raised; its words may quote a post."""
    return f"{type(error).__name__} in {_place(error)}"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
