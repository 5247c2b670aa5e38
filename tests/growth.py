"""Whether work takes time in proportion to what it is given; no clock on the wall."""

import time
from collections.abc import Callable

GROWTH = 8
"""Eight times as much takes eight times as long, and not sixty-four."""
_SLACK, _QUICK = 3, 0.05


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of three tries: of a busy machine, its own part."""
    spent = []
    for _ in range(3):
        started = time.thread_time()
        work()
        spent.append(time.thread_time() - started)
    return min(spent)


def takes_in_proportion(work: Callable[[int], object], size: int) -> bool:
    """Return whether ``work`` on ``size`` takes no more than its share of an eighth."""
    took = cpu_seconds(lambda: work(size))
    if took < _QUICK:
        return True
    return took < _SLACK * GROWTH * cpu_seconds(lambda: work(size // GROWTH))
