"""Who is asking for what just now, so that two runs over one store pay once.

A process claims the keys of the requests that it is about to send and releases them
once their replies are stored. Another one that wants the same waits for the reply. The
claims stand beside the store, in ``<store>.leases``: they end with their processes, so
nothing of them need survive a power cut, and no commit waits for the disk.

An owner is gone when the lock that it held while it lived is free (on its own host), or
when its heart has not beaten for a minute (on another). Its claims are then anyone's.
"""

import functools
import itertools
import os
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol, Self

from filelock import FileLock, Timeout

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.store.reply_store import explained
from psyche_kedro.llm.write_ahead import write_ahead

_BEAT_SECONDS: Final = 10.0
_GONE_SECONDS: Final = 60.0
_BUSY_SECONDS: Final = 60.0
_AT_ONCE: Final = 500
_SCHEMA: Final = """
    PRAGMA synchronous = OFF;
    CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, host TEXT, beat REAL);
    CREATE TABLE IF NOT EXISTS leases (key BLOB PRIMARY KEY, owner TEXT) WITHOUT ROWID;
"""


class Leases(Protocol):
    """What a batch of requests claims; used by two threads.

    Attributes:
        shared: Whether another process may be asking for the same.
    """

    shared: bool

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def claim(self, keys: Sequence[str]) -> frozenset[str]:
        """Return those of ``keys`` that no other process is asking for."""
        ...

    def release(self, keys: Iterable[str]) -> None:
        """Give claims back, their replies stored or not."""
        ...


class Unshared:
    """The leases of a model that costs nothing: no one waits for another."""

    shared = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def claim(self, keys: Sequence[str]) -> frozenset[str]:
        """Return all ``keys``."""
        return frozenset(keys)

    def release(self, keys: Iterable[str]) -> None:
        """Do nothing."""


class SharedLeases:
    """Claims of this process on the keys of one store; made on first use.

    Args:
        store: The store's file.
    """

    shared = True

    def __init__(self, store: Path) -> None:
        self._folder = store.with_name(f"{store.name}.leases")
        # This process's own claims are no one's to wait for, whichever batch has them.
        self._process = _name_of(os.getpid())
        self._me = f"{self._process}.{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._claimed: set[str] = set()
        self._closing = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="leases", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._db is None:
            return
        self._closing.set()
        self._heart.join()
        # What a broken disk keeps of it is anyone's, for the lock is free.
        with suppress(ChatModelError, OSError):
            self.release(self._claimed)
            with self._transaction() as db:
                db.execute("DELETE FROM owners WHERE owner = ?", [self._me])
            Path(self._alive.lock_file).unlink(missing_ok=True)
        self._db.close()
        self._alive.release()

    def claim(self, keys: Sequence[str]) -> frozenset[str]:
        """Return those of ``keys`` that no other process is asking for."""
        with self._transaction() as db:
            held = self._held(db, keys)
            mine = frozenset(keys) - held
            db.executemany(
                "INSERT OR REPLACE INTO leases VALUES (?, ?)",
                [(bytes.fromhex(key), self._me) for key in mine],
            )
            self._claimed |= mine
        return mine

    def release(self, keys: Iterable[str]) -> None:
        """Give claims back, their replies stored or not."""
        if self._db is None:
            return
        with self._transaction() as db:
            mine = self._claimed.intersection(keys)
            self._claimed -= mine
            db.executemany(
                "DELETE FROM leases WHERE key = ? AND owner = ?",
                [(bytes.fromhex(key), self._me) for key in mine],
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with explained(self._folder), self._lock:
            if self._db is None:
                self._db = self._open()
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db

    def _open(self) -> sqlite3.Connection:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._alive = FileLock(_lock_of(self._folder, self._me))
        # Where there are no locks, the heart alone tells that it lives.
        with suppress(OSError, Timeout):
            self._alive.acquire(blocking=False)
        db = _connect(self._folder / "leases.sqlite")
        db.execute(
            "INSERT OR REPLACE INTO owners VALUES (?, ?, ?)",
            (self._me, socket.gethostname(), time.time()),
        )
        self._heart.start()
        return db

    def _held(self, db: sqlite3.Connection, keys: Sequence[str]) -> frozenset[str]:
        """Return the keys that another living process has; the dead lose theirs."""
        found: dict[str, str] = {}
        for some in _batches(keys):
            marks = ",".join("?" * len(some))
            found |= {
                key.hex(): owner
                for key, owner in db.execute(
                    "SELECT key, owner FROM leases"  # noqa: S608 - marks
                    f" WHERE owner NOT LIKE ? AND key IN ({marks})",
                    [f"{self._process}.%", *(bytes.fromhex(key) for key in some)],
                )
            }
        living = {owner for owner in set(found.values()) if self._lives(db, owner)}
        return frozenset(key for key, owner in found.items() if owner in living)

    def _lives(self, db: sqlite3.Connection, owner: str) -> bool:
        known = db.execute("SELECT host, beat FROM owners WHERE owner = ?", [owner])
        host, beat = known.fetchone() or ("", 0.0)
        lock = _lock_of(self._folder, owner)
        if host == socket.gethostname() and lock.is_file():
            return _is_held(lock)
        return bool(time.time() - beat < _GONE_SECONDS)

    def _beat(self) -> None:
        while not self._closing.wait(_BEAT_SECONDS):
            # Whatever it is, the next claim meets it and says so.
            with suppress(ChatModelError), self._transaction() as db:
                db.execute(
                    "UPDATE owners SET beat = ? WHERE owner = ?",
                    (time.time(), self._me),
                )


@functools.cache
def _name_of(process: int) -> str:
    """Return a name for a process that no other has: ids are given out again."""
    return f"{process}-{uuid.uuid4().hex}"


def _lock_of(folder: Path, owner: str) -> Path:
    return folder / f"{owner}.lock"


def _is_held(path: Path) -> bool:
    try:
        with FileLock(path).acquire(blocking=False):
            path.unlink(missing_ok=True)
    except (OSError, Timeout):
        return True
    return False


def _connect(path: Path) -> sqlite3.Connection:
    """Return a connection; a file that a power cut spoilt is made anew."""
    try:
        return _prepared(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)
        return _prepared(path)


def _prepared(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(
        path, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False
    )
    try:
        write_ahead(db)
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _batches(keys: Sequence[str]) -> Iterator[tuple[str, ...]]:
    left = iter(keys)
    while some := tuple(itertools.islice(left, _AT_ONCE)):
        yield some
