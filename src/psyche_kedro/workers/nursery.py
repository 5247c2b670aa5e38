"""The process that worker processes are forked from, and what goes on in them.

A worker cannot be forked from the run itself, whose libraries have threads, and takes a
second to import them anew. So one child imports them once, stays without a thread, and
forks a worker in milliseconds whenever the run asks for one.
"""

import ctypes
import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from psyche_kedro.workers.tasks import Limits, Task, attempt

ADDRESS_SPACE = Path("/proc/self/statm")
"""Pages of a process's address space, on Linux."""
_PR_SET_PDEATHSIG = 1
_MODULE_NAME_BYTES = 4096
_GRACE = 10
"""Seconds after which a worker ends itself, where no one lives to end it."""


def serve(control: int) -> None:
    """Fork a worker for each connection that comes, until the run has ended.

    Args:
        control: File descriptor of a socket. With each connection comes the name of
            the module that the worker will need.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that none is left a zombie
    with socket.socket(fileno=control) as run:
        while True:
            module, descriptors, *_ = socket.recv_fds(run, _MODULE_NAME_BYTES, 1)
            if not module:
                return
            importlib.import_module(module.decode())
            _refuse_pool(module.decode())
            gc.freeze()
            if not os.fork():
                run.close()
                _live(descriptors[0])
            os.close(descriptors[0])


def _refuse_pool(module: str) -> None:
    """Refuse what would wait for ever: no fork has the threads that polars computes on.

    Raises:
        RuntimeError: If they have been started, as a module was imported.
    """
    if any(name.startswith("polars-0") for name in _threads()):
        raise RuntimeError(
            f"{module} computes with polars as it is imported, so that no worker can be"
            " forked for it: compute in its functions."
        )


def _threads() -> Iterator[str]:
    """Yield the names of this process's threads, on Linux."""
    for thread in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it has ended meanwhile
            yield thread.read_text("utf-8", "replace")


def _live(descriptor: int) -> None:
    """Work on what comes through a connection; then end without a word."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()  # one group with the programs that it may start
        _die_with_parent()
        _say_nothing()
        with suppress(EOFError, OSError):  # the run no longer listens
            _work(Connection(descriptor))
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    if sys.platform != "linux":  # elsewhere the alarm of its task ends it
        return
    nursery = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != nursery:
        os._exit(0)


def _say_nothing() -> None:
    """Close the ways by which the words of a file could leave, a crash's included."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _work(run: Connection) -> None:
    idle = _address_space()
    run.send(os.getpid())
    while True:
        function, tasks = run.recv()
        for task in tasks:
            run.send_bytes(_outcome(function, task, idle))


def _outcome(function: Callable[[Any], Any], task: Task, idle: int | None) -> bytes:
    """Return the pickled outcome of a task; pickling it is part of the task."""
    with _limited(task.limits, idle):
        outcome = attempt(lambda a: pickle.dumps(function(a), -1), task.argument)
    return outcome if isinstance(outcome, bytes) else pickle.dumps(outcome)


@contextmanager
def _limited(limits: Limits, idle: int | None) -> Iterator[None]:
    sys.setrecursionlimit(limits.depth)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if idle is not None:
        wanted = idle + limits.memory
        within = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_AS, (within, most))
    # No handler: it ends the process, whatever library holds the interpreter.
    signal.setitimer(signal.ITIMER_REAL, limits.longest + _GRACE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if idle is not None:
            resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _address_space() -> int | None:
    if not ADDRESS_SPACE.exists():
        return None
    return int(ADDRESS_SPACE.read_text("ascii").split()[0]) * resource.getpagesize()
