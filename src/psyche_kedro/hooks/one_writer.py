"""One run writes below a root at a time."""

import getpass
import json
import logging
import os
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from psyche_kedro.errors import RootInUseError
from psyche_kedro.files.lock import lock_now
from psyche_kedro.files.roots import is_remote

LOCK = ".run.lock"
_MOST_SAID = 1_000
_LOG = logging.getLogger(__name__)


class OneWriter:
    """Holds a lock on the root that a run writes below; a second run is told whose.

    Two runs on one root would both end well, and leave tables of either. The system
    frees the lock with the process, however that ends; the workers of a parallel run
    are of the one run. What only reads takes no lock: every pipeline writes.
    """

    def __init__(self) -> None:
        self._root: str | Path = ""
        self._held: IO[str] | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note the root that a run would write below."""
        data = context.config_loader.roots["data"]
        self._root = data if is_remote(data) else context.project_path / data

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self) -> None:
        """Lock the root.

        Raises:
            RootInUseError: If another run holds it.
        """
        self._release()  # Ctrl-C in a notebook ends a run without a word
        if isinstance(self._root, Path):
            self._held = _hold(self._root / LOCK)
        else:
            _LOG.info(
                "%s cannot be locked: let one run write it at a time.", self._root
            )

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Leave the root to others."""
        self._release()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Leave the root to others."""
        self._release()

    def _release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


def _hold(path: Path) -> IO[str]:
    """Return an open file that is locked, where this system has locks."""
    _make_root(path.parent)
    file = path.open("a+", encoding="utf-8")
    try:
        lock_now(file)
    except BlockingIOError as error:
        with file:
            raise RootInUseError(_in_use(path, file)) from error
    except OSError:
        _LOG.warning(
            "%s has no file locks: let one run write it at a time.", path.parent
        )
        return file
    file.truncate(0)
    file.write(json.dumps(_this_run()))
    file.flush()
    return file


def _make_root(root: Path) -> None:
    """Make a root that is not there, or empty, one of which git adds nothing.

    It will hold people's words, and the project's own patterns know ``data`` only.
    """
    root.mkdir(parents=True, exist_ok=True)
    if not any(root.iterdir()):
        (root / ".gitignore").write_text("*\n", encoding="utf-8")


def _this_run() -> dict[str, Any]:
    return {
        "who": _user(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
    }


def _user() -> str:
    with suppress(KeyError, OSError):  # a container's user may have no name
        return getpass.getuser()
    return "someone"


def _in_use(path: Path, file: IO[str]) -> str:
    file.seek(0)
    by = "another run"
    # It has locked, and not yet written; or what it wrote is not its own.
    with suppress(ValueError, LookupError, TypeError, RecursionError):
        said = json.loads(file.read(_MOST_SAID))
        by = (
            f"the run of {said['who']} on {said['host']} (process {said['pid']}) since "
            f"{said['since']}"
        )
    return (
        f"{path.parent} is written by {by}: wait for its end, or write elsewhere with "
        "`--params data=…`."
    )
