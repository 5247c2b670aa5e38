"""What several processes of one run have counted, in a file that ends with the run.

A budget holds for the run, and a runner may give each node a process of its own. No
commit waits for the disk: a run that loses its file has ended.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from psyche_kedro.llm.write_ahead import write_ahead

_BUSY_SECONDS: Final = 60.0


class Sum(NamedTuple):
    """One number of one role and task."""

    role: str
    task: str
    column: str
    value: float


class LedgerFile:
    """Sums that processes add to; for one process, whose threads may share it.

    Args:
        path: The file; made on first use.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            path, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False
        )
        write_ahead(self._db)
        self._db.executescript(
            "PRAGMA synchronous = OFF;"
            "CREATE TABLE IF NOT EXISTS sums (role TEXT, task TEXT, name TEXT,"
            " value REAL, PRIMARY KEY (role, task, name)) WITHOUT ROWID"
        )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process and thread from adding meanwhile."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield

    def add(self, sums: Iterable[Sum]) -> None:
        """Add to the sums."""
        with self._lock:
            self._db.executemany(
                "INSERT INTO sums VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET value = value + excluded.value",
                sums,
            )

    def sums(self) -> list[Sum]:
        """Return what all processes have added."""
        with self._lock:
            return [Sum(*row) for row in self._db.execute("SELECT * FROM sums")]

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
