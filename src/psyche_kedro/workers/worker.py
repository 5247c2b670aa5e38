"""Workers as the run sees them: in a child process, or in the run's own."""

import atexit
import itertools
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from psyche_kedro.workers.tasks import Limits, Lost, Task, attempt

WorkerKind = Literal["child_process", "in_process"]
Function = Callable[[Any], Any]

_LOG = logging.getLogger(__name__)
_TASKS_AT_ONCE = 32
_START_SECONDS = 300
"""A worker that is not there by then, on a machine however busy, never comes."""
ONE_THREAD: Final = {
    "MALLOC_ARENA_MAX": "2",
    "POLARS_MAX_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Each thread reserves address space, which is what a worker's memory is counted in."""


class Worker(Protocol):
    """Does one task after the other."""

    def map(
        self, function: Function, tasks: Iterable[Task], *, most_lost: int | None = None
    ) -> Iterator[Any]:
        """Yield for each task what ``function`` made of it, or ``Lost``, in order.

        Args:
            function: Of a module, or a partial of one: it is sent by its name.
            tasks: What to do.
            most_lost: After so many are lost that took all they may, or the worker
                along, the others are ``given_up``.
        """
        ...


@contextmanager
def hired(kind: WorkerKind) -> Iterator[Worker]:
    """Give a worker, and dismiss it at the end."""
    if kind == "in_process" or not _can_fork():
        yield InProcess()
        return
    worker = ChildProcess()
    try:
        yield worker
    finally:
        worker.dismiss()


def alone(function: Function, argument: Any, limits: Limits) -> Any:
    """Return what ``function`` makes of it in a process of its own, or ``Lost``."""
    with hired("child_process") as worker:
        (outcome,) = worker.map(function, [Task(argument, limits)])
    return outcome


@cache
def _can_fork() -> bool:
    """Return whether this system has what limits a worker; say once what it lacks."""
    if not hasattr(os, "fork"):
        _LOG.warning(
            "This system cannot fork: files are read in the run's own process, where no"
            " limit holds. Read what you do not trust on Linux."
        )
        return False
    if sys.platform != "linux":
        _LOG.warning(
            "This system limits no process's memory: a file may take all there is. Read"
            " what you do not trust on Linux."
        )
    return True


class InProcess:
    """Works in the process that asks; no limit holds."""

    def map(
        self, function: Function, tasks: Iterable[Task], *, most_lost: int | None = None
    ) -> Iterator[Any]:
        """See ``Worker``."""
        lost = 0
        for task in tasks:
            over = most_lost is not None and lost >= most_lost
            outcome = _GIVEN_UP if over else attempt(function, task.argument)
            lost += _is_costly(outcome)
            yield outcome


_GIVEN_UP = Lost("given_up", "too much beside it is lost")


class ChildProcess:
    """Works in a child process, which is replaced where a task is lost in it.

    A task that is lost in a worker which has done others is tried again in a fresh one:
    what it broke may have been damaged before.

    Args:
        module: Imported before a process is forked; None for the function's own.
    """

    def __init__(self, module: str | None = None) -> None:
        self._module = module
        self._run: Connection | None = None
        self._pid = 0
        self._is_fresh = False
        self._is_over = False

    def map(
        self, function: Function, tasks: Iterable[Task], *, most_lost: int | None = None
    ) -> Iterator[Any]:
        """See ``Worker``."""
        lost, waiting = 0, iter(tasks)
        while batch := list(itertools.islice(waiting, _TASKS_AT_ONCE)):
            while batch:
                over = most_lost is not None and lost >= most_lost
                outcomes = (
                    [_GIVEN_UP] * len(batch) if over else self._do(function, batch)
                )
                n_done = 0
                for outcome in outcomes:
                    n_done += 1
                    lost += _is_costly(outcome)
                    yield outcome
                batch = batch[n_done:]

    def dismiss(self) -> None:
        """End the process, whatever it is at."""
        if self._run is None:
            return
        self._run.close()
        self._run = None
        self._kill()

    def stop(self) -> None:
        """End it from another thread: what it is at comes to nothing, and no more."""
        self._is_over = True
        if self._run is not None:
            self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)

    def _do(self, function: Function, tasks: Sequence[Task]) -> Iterator[Any]:
        """Yield outcomes until the tasks, or this process, are at their end."""
        run = self._ready(function)
        unheard = len(tasks)
        try:
            run.send((function, tasks))
            for task in tasks:
                outcome = self._outcome(run, task)
                unheard -= 1
                if isinstance(outcome, Lost):
                    unheard = len(tasks)
                    if self._is_fresh or outcome.reason == "too_slow":
                        yield outcome
                    return
                self._is_fresh = False
                yield outcome
        except OSError:
            return
        finally:
            if unheard:
                self.dismiss()

    def _ready(self, function: Function) -> Connection:
        run = self._run
        if run is None and not self._is_over:
            run = _nursery().fork(self._module or _module_of(function))
            self._pid = _first_word(run)
            self._run, self._is_fresh = run, True
        if run is None or self._is_over:
            raise RuntimeError("This worker was stopped.")
        return run

    def _outcome(self, run: Connection, task: Task) -> Any:
        try:
            if not self._answers(run, task.limits):
                return Lost("too_slow", f"it takes over {task.limits.seconds:.0f} s")
            return run.recv()
        except (EOFError, OSError):
            return Lost("worker_died", "the process that read it died of it")

    def _answers(self, run: Connection, limits: Limits) -> bool:
        """Return whether an outcome comes within the limits.

        A busy machine loses no file: what others take of it does not count.
        """
        work = _worked(self._pid) + limits.seconds
        clock = time.monotonic() + limits.longest
        if run.poll(limits.seconds):
            return True
        while _worked(self._pid) < work and time.monotonic() < clock:
            if run.poll(limits.seconds / 10):
                return True
        return False


def _worked(pid: int) -> float:
    """Return the seconds that a process was at work; without end where none tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return math.inf
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _is_costly(outcome: Any) -> bool:
    return isinstance(outcome, Lost) and outcome.is_costly


def _module_of(function: Function) -> str:
    while isinstance(function, partial):
        function = function.func
    return function.__module__


def _first_word(run: Connection) -> int:
    """Return the process id that a new worker begins with.

    Raises:
        RuntimeError: If there is none.
    """
    with suppress(EOFError, OSError):
        if run.poll(_START_SECONDS):
            return int(run.recv())
    raise RuntimeError(
        "No process to read files in could be started; the lines above say why."
    )


# ---- the nursery -----------------------------------------------------------------


class _Nursery:
    """The child that workers are forked from; it ends with this process."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._control, theirs = socket.socketpair()
        code = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            "from psyche_kedro.workers.nursery import serve\n"
            f"serve({theirs.fileno()})"
        )
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", code],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | ONE_THREAD,
                start_new_session=True,  # Ctrl-C is for the run, which ends it
            )
        atexit.register(self.close)

    def is_alive(self) -> bool:
        is_mine = self.owner == os.getpid() and self._process.poll() is None
        return is_mine and not wait([self._control], 0)  # all that it says is its end

    def fork(self, module: str) -> Connection:
        """Return the connection to a new worker."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [module.encode()], [theirs.fileno()])
        return Connection(ours.detach())

    def close(self) -> None:
        """End it; it may be called twice, and in a fork it does nothing."""
        if self.owner == os.getpid():
            with suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)  # in its forks as well
            self._control.close()
            self._process.wait()


_started: list[_Nursery] = []
_starting = threading.Lock()


def _nursery() -> _Nursery:
    """Return the nursery of this process, and start it where there is none."""
    with _starting:
        if not (_started and _started[-1].is_alive()):
            _started[:] = [_Nursery()]
        return _started[-1]
