"""Runs what is asynchronous inside from code that is not: script, notebook, thread."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_running: dict[asyncio.Task[Any], asyncio.AbstractEventLoop] = {}


def run_to_end(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run ``coroutine``, also where this thread has a loop running (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_noted(coroutine))
    return _run_beside(coroutine)


def cancel_running() -> None:
    """Cancel what runs on other threads, which no interrupt reaches by itself."""
    for task, loop in list(_running.items()):
        with contextlib.suppress(RuntimeError):  # it has ended meanwhile
            loop.call_soon_threadsafe(task.cancel)


async def _noted(coroutine: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.create_task(coroutine)
    _running[task] = asyncio.get_running_loop()
    try:
        return await task
    finally:
        del _running[task]


def _run_beside(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run on a thread with a loop of its own; an interrupt here cancels it there."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(coroutine)

    def work() -> None:
        asyncio.set_event_loop(loop)
        with contextlib.closing(loop):
            loop.run_until_complete(asyncio.wait([task]))

    thread = threading.Thread(target=work, name="chat-model")
    thread.start()
    try:
        thread.join()
    except BaseException:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    return task.result()
