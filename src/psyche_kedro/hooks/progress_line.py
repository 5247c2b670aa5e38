"""A run shows how far it is: a live line, lines from time to time, or JSON."""

import json
import logging
import multiprocessing
import sys
import threading
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.workers.progress import Work, under_way

KINDS: Final = ("auto", "live", "lines", "json", "none")
_PARAMETER: Final = "params:progress"
_LOG = logging.getLogger(__name__)


class ProgressLine:
    """Looks at the work under way and shows it, on a thread of its own.

    Where nothing counts, the node and its seconds are shown. Of a parallel run each
    process tells of its own node, in lines: one that is live bears no other beside it.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], catalog: DataCatalog
    ) -> None:
        """Begin to look.

        Raises:
            ConfigurationError: If there is no such way to show progress.
        """
        self.stop()
        if _PARAMETER not in catalog:
            return
        show = _shower(catalog.load(_PARAMETER))
        if "Parallel" not in str(run_params.get("runner")):
            self._begin(show)

    def _begin(self, show: "Shower | None") -> None:
        if show is not None:
            self._ended.clear()
            self._thread = threading.Thread(
                target=self._look, args=(show,), name="progress", daemon=True
            )
            self._thread.start()

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog) -> None:
        """Note that a node has begun; a process of the runner's begins to look."""
        if _is_worker() and _PARAMETER in catalog:
            self.stop()
            kind = catalog.load(_PARAMETER)
            self._begin(_shower(kind if kind in {"json", "none"} else "lines"))
        self._nodes[node.name] = time.monotonic()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Note that it has ended."""
        self._end(node)

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Note that it has ended."""
        self._end(node)

    def _end(self, node: Node) -> None:
        self._nodes.pop(node.name, None)
        if _is_worker():
            self.stop()

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Pipeline) -> None:
        """Look no more."""
        self.stop()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Look no more."""
        self.stop()

    def _look(self, show: "Shower") -> None:
        with show:
            while not self._ended.wait(show.seconds):
                show.show(list(self._work()))

    def _work(self) -> Iterator[Work]:
        counting = under_way()
        yield from counting
        if not counting:
            for name, began_at in list(self._nodes.items()):
                yield Work(name, None, "", began_at=began_at)

    def stop(self) -> None:
        """Look no more, whatever runs on."""
        self._nodes.clear()
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None


class Shower(AbstractContextManager["Shower"]):
    """A way to show work."""

    seconds: float
    """Between two looks."""

    def __exit__(self, *exc: object) -> None:
        """Leave nothing behind."""

    @abstractmethod
    def show(self, work: list[Work]) -> None:
        """Show what is under way."""


def _is_worker() -> bool:
    return multiprocessing.parent_process() is not None


def _shower(kind: str) -> Shower | None:
    """Return the way that a parameter names; none where nothing is to be shown.

    Raises:
        ConfigurationError: If it names none.
    """
    if kind not in KINDS:
        raise ConfigurationError(
            f"The parameter 'progress' is '{kind}': write one of {', '.join(KINDS)}."
        )
    if kind == "auto":
        kind = "live" if sys.stderr.isatty() else "lines"
    ways: dict[str, type[Shower]] = {"live": _Live, "lines": _Lines, "json": _Json}
    return ways[kind]() if kind in ways else None


class _Lines(Shower):
    seconds = 15.0

    def show(self, work: list[Work]) -> None:
        for one in work:
            _LOG.info("%s", one.in_words())


class _Json(Shower):
    seconds = 1.0

    def show(self, work: list[Work]) -> None:
        for one in work:
            line = json.dumps({"event": "progress", **one.as_json()})
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


class _Live(Shower):
    """A line for each piece of work at the foot of the terminal; logs go above it."""

    seconds = 0.5

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where one looks
        from rich.live import Live  # noqa: PLC0415

        console = Console(stderr=True)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._held: list[tuple[logging.Handler, Any]] = []

    def __enter__(self) -> Shower:
        self._live.start()
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream.isatty():
                above = partial(self._print_above, handler)
                handler.addFilter(above)
                self._held.append((handler, above))
        return self

    def __exit__(self, *exc: object) -> None:
        for handler, above in self._held:
            handler.removeFilter(above)
        self._live.stop()

    def show(self, work: list[Work]) -> None:
        from rich.text import Text  # noqa: PLC0415

        lines = [Text(one.in_words(), "cyan", no_wrap=True) for one in work]
        self._live.update(Text("\n").join(lines), refresh=True)

    def _print_above(self, handler: logging.Handler, record: logging.LogRecord) -> bool:
        """Print a record above the lines, in place of where its handler would."""
        from rich.text import Text  # noqa: PLC0415

        self._live.console.print(Text(handler.format(record)), soft_wrap=True)
        return False
