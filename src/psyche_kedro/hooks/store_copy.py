"""The reply store of a machine that does not last."""

import atexit
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from psyche_kedro.errors import ConfigurationError, PsycheError
from psyche_kedro.files.project import in_project
from psyche_kedro.files.roots import is_remote
from psyche_kedro.files.swap import swapped_in_on
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.llm.store.upkeep import export_replies, import_replies

_LOG = logging.getLogger(__name__)


class StoreCopy:
    """Takes the replies of ``store_copy`` before a run, and leaves all there after it.

    The copy is what ``kedro replies export`` writes. Replies that another machine has
    left there in the meantime stay.
    """

    def __init__(self) -> None:
        self._copy: str | None = None
        self._store = Path()
        self._owed = False

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note where the store and its copy are."""
        roots = context.config_loader.roots
        self._copy, self._store = roots["store_copy"], in_project(roots["store"])

    # First: a run that stops here shall leave none in MLflow.
    @hook_impl(tryfirst=True)
    def before_pipeline_run(self) -> None:
        """Take the replies of the copy.

        Raises:
            ConfigurationError: If it is there and cannot be read: all of it would be
                paid for again.
        """
        if not self._copy:
            return
        try:
            taken = _take(self._copy, self._store)
        except PsycheError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"The copy of the reply store at {self._copy} cannot be read"
                f" ({type(error).__name__}): mend it, or run without `store_copy`."
            ) from error
        _LOG.info("%d replies taken from %s", taken, self._copy)
        self._owed = True
        atexit.register(self._leave)  # after Ctrl-C no hook is called

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Leave the store's replies in the copy."""
        self._leave()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Leave them: what was answered is paid for all the same."""
        self._leave()

    def _leave(self) -> None:
        if not (self._owed and self._copy):
            return
        self._owed = False
        try:
            _leave(self._store, self._copy)
        except Exception as error:
            _LOG.warning(
                "The replies could not be copied to %s (%s): they are in %s.",
                self._copy,
                type(error).__name__,
                self._store,
            )


def _take(copy: str, store: Path) -> int:
    """Add the replies of a copy to the store; return how many it did not have."""
    fs, path = _place(copy)
    if not fs.exists(path):
        return 0
    with _scratch() as file, ReplyStore(store).open() as session:
        fs.get_file(path, str(file))
        return import_replies(session, file)


def _leave(store: Path, copy: str) -> None:
    _take(copy, store)  # what others have left there since
    fs, path = _place(copy)
    with _scratch() as file:
        with ReplyStore(store).open() as session:
            export_replies(session, file)
        with swapped_in_on(fs, path) as out, file.open("rb") as replies:
            while part := replies.read(2**20):
                out.write(part)


def _place(copy: str) -> tuple[Any, str]:
    fs, path = fsspec.url_to_fs(copy if is_remote(copy) else str(in_project(copy)))
    return fs, str(path)


@contextmanager
def _scratch() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder, "replies.jsonl")
