"""Spares Python's garbage collector what it would look through for nothing.

Requests by the hundred thousand make objects that live long and hardly ever a cycle.
The collector goes through them, and through a whole Kedro session, again and again: a
fifth of the CPU, in pauses of a tenth of a second that leave an endpoint idle.
"""

import contextlib
import gc
import threading
from collections.abc import Iterator
from typing import Final

_RARELY: Final = (50_000, 20, 20)
"""Objects made and not freed between two collections: thousands of requests in flight
are no garbage."""

_lock = threading.Lock()
_usual: list[tuple[int, int, int]] = []
"""The thresholds to return to, once for each that is inside."""


@contextlib.contextmanager
def heap_set_aside() -> Iterator[None]:
    """Keep the collector off what stands already, and rare for what is to come.

    May be entered again, by any thread: what stands then is set aside
    as well, and all of it comes back with the last that leaves.
    """
    with _lock:
        _usual.append(gc.get_threshold())
        gc.freeze()
        gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        with _lock:
            gc.set_threshold(*_usual.pop())
            if not _usual:
                gc.unfreeze()
