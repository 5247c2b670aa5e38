"""Who is at work in a run's folder: one run, and no trainer that an earlier one left.

A run holds ``run.lock``. Every trainer holds a lock on its ``heartbeat-<rank>.json``
and writes to it while it lives. The system frees a lock with its process, however that
ends, and a file system that machines share shows it to each of them; where there are no
locks, or where they do not cross machines, a beat that still changes tells.
"""

import contextlib
import ctypes
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.files.lock import lock_now

_LOG = logging.getLogger(__name__)

ASKED_BY = "PSYCHE_KEDRO_TRAINS_FOR"
"""Environment variable: ``<host>:<pid>`` of the process that asked for a trainer."""

_BEAT_SECONDS = 2.0
_BEAT_LENGTH = 400
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder; wait for whoever has it.

    Raises:
        TrainingFailedError: If a trainer of an earlier run does not end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        _LOG.warning(
            "Another run is training in %s: this one waits until it ends, and then"
            " takes its model or goes on from its last checkpoint.",
            folder,
        )
        lock.acquire()
    with lock:
        _wait_for_trainers(folder)
        for dead in folder.glob("heartbeat-*.json"):
            dead.unlink()
        yield


def _wait_for_trainers(folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while left := trainers_at_work(folder):
        if time.monotonic() > deadline:
            raise TrainingFailedError(
                f"A trainer of an earlier run is still at work in {folder}: "
                f"{' and '.join(left)}; end it there and run the same command again."
            )
        time.sleep(_POLL_SECONDS)


def trainers_at_work(folder: Path) -> list[str]:
    """Return the trainers that live, as ``process <pid> on <host>``."""
    seen = {path: _beat(path) for path in sorted(folder.glob("heartbeat-*.json"))}
    elsewhere = {p for p, beat in seen.items() if beat and beat["host"] != _host()}
    if elsewhere:
        time.sleep(2 * _BEAT_SECONDS)
    beating = {path for path in elsewhere if _beat(path) != seen[path]}
    return [
        f"process {beat['pid']} on {beat['host']}" if beat else f"who holds {path.name}"
        for path, beat in seen.items()
        if path in beating or _is_locked(path)
    ]


def end_trainers(folder: Path, patience: float = 5.0) -> None:
    """Kill what trainers of this machine are left when their launcher has ended."""
    deadline = time.monotonic() + patience
    while left := [p for p in folder.glob("heartbeat-*.json") if _is_locked(p)]:
        for path in left:
            beat = _beat(path)
            if beat and beat["host"] == _host():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(beat["pid"], signal.SIGKILL)
        if time.monotonic() > deadline:
            return  # the next run names them
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def heartbeat(folder: Path, rank: str) -> Iterator[None]:
    """Show that this process trains in ``folder`` for as long as it does."""
    path = folder / f"heartbeat-{rank}.json"
    ended = threading.Event()
    path.touch()
    with path.open("r+", encoding="utf-8") as file:
        with contextlib.suppress(OSError):  # no locks here: the beat has to do
            lock_now(file)
        thread = threading.Thread(target=_keep_beating, args=(file, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            path.unlink(missing_ok=True)


def _keep_beating(file: IO[str], ended: threading.Event) -> None:
    while True:
        with contextlib.suppress(OSError):  # a full disk is told by what fails on it
            beat = {"host": _host(), "pid": os.getpid(), "time": time.time()}
            # Over the last one and as long, so that no reader finds half of it.
            file.seek(0)
            file.write(json.dumps(beat).ljust(_BEAT_LENGTH))
            file.flush()
        if ended.wait(_BEAT_SECONDS):
            return


def _beat(path: Path) -> dict[str, Any] | None:
    """Return what a heartbeat says, or ``None`` if it says nothing whole."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return None


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r+", encoding="utf-8") as file:
            lock_now(file)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _host() -> str:
    return socket.gethostname()


# ---- dying together --------------------------------------------------------------


def die_with_parent() -> None:
    """Ask Linux to kill this process when the one that started it ends.

    Every trainer asks for itself: a launcher hands the wish of its own parent on to no
    process that it starts. SIGKILL, because what a trainer leaves behind is known by
    its digests, and a handler could take its time.
    """
    with contextlib.suppress(OSError):  # other systems have no libc.so.6
        ctypes.CDLL("libc.so.6").prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def is_orphan() -> bool:
    """Tell whether the one that asked for this trainer ended before it could ask so."""
    host, _, pid = os.environ.get(ASKED_BY, "").rpartition(":")
    if not pid or host != _host():
        return False
    adopted = os.getppid() == 1 and pid != "1"
    return adopted or not _lives(int(pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def asked_by() -> dict[str, str]:
    """Return what a trainer's environment says of who asked for it."""
    return {ASKED_BY: f"{_host()}:{os.getpid()}"}
