"""Raw files one by one: what can be read, and what is listed as unreadable."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files.sizes import refuse_bomb, refuse_large
from psyche_kedro.pipelines.ingestion.parameters import UNLIMITED, FileLimits
from psyche_kedro.workers.tasks import Lost, LostReason, Task
from psyche_kedro.workers.worker import InProcess, Worker, hired

Row = dict[str, Any]
Reader = Callable[[SourceFile], Iterable[Row | UnreadableSource]]


def read_bytes(file: SourceFile) -> bytes:
    """Return the bytes of a file.

    Raises:
        UnreadableSource: If it cannot be opened.
    """
    try:
        return file.read()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UnreadableSource(
            "unreadable_file",
            f"It cannot be opened ({why}): give a file that exists and that you may "
            "read.",
        ) from error


# ---- within limits ---------------------------------------------------------------


class Bounded(NamedTuple):
    """Who reads files, and how much reading one of them may take."""

    worker: Worker
    limits: FileLimits

    def map(
        self,
        function: Callable[[Any], Any],
        file: SourceFile,
        arguments: Iterable[Any],
    ) -> Iterator[Any]:
        """Yield what ``function`` makes of each part of one file, or ``Lost``.

        After ``lost_pages`` of them that are lost no other is tried.
        """
        limits = self.limits.of(file.size)
        tasks = (Task(argument, limits) for argument in arguments)
        return self.worker.map(function, tasks, most_lost=self.limits.lost_pages)


HERE: Final = Bounded(InProcess(), UNLIMITED)
"""In this process, whatever it takes: for files that are trusted."""


@contextmanager
def bounded(limits: FileLimits) -> Iterator[Bounded]:
    """Give a worker that reads files within ``limits``; dismiss it at the end."""
    with hired(limits.read_in) as worker:
        yield Bounded(worker, limits)


def admitted(file: SourceFile, limits: FileLimits) -> SourceFile:
    """Return a file with its bytes in hand, if it is no larger than it may be.

    Raises:
        UnreadableSource: If it cannot be opened, or is too large, packed or unpacked.
    """
    refuse_large(file.size, limits)
    data = read_bytes(file)
    refuse_large(len(data), limits)
    refuse_bomb(data, limits)
    return SourceFile(file.name, partial(bytes, data), len(data))


_LOST: dict[LostReason, tuple[str, str]] = {
    "failed": ("reader_failed", "save it again, or in another format"),
    "given_up": ("given_up", "mend or take out the pages before it"),
    "nested_too_deeply": ("nested_too_deeply", "flatten it, or save it as text"),
    "too_large": (
        "too_large",
        "split it, or raise `ingestion.limits.memory_mb` for a file that you trust",
    ),
    "too_slow": (
        "too_slow",
        "split it, or raise `ingestion.limits.seconds` for a file that you trust",
    ),
    "worker_died": (
        "reader_died",
        "it is damaged, or needs more than `ingestion.limits.memory_mb`; save it again",
    ),
}


def unreadable(lost: Lost) -> UnreadableSource:
    """Return why a file, or a page of it, cannot be read whose reading was lost."""
    reason, mend = _LOST[lost.reason]
    return UnreadableSource(
        reason, f"It was not read to its end, {lost.detail}: {mend}."
    )


# ---- every file of a folder ------------------------------------------------------


class ReadRows(NamedTuple):
    """What reading a folder gives."""

    rows: list[Row]
    unreadable: list[Row]


def read_each(
    files: Iterable[SourceFile],
    chapter: str,
    reader: Reader,
    limits: FileLimits = UNLIMITED,
) -> ReadRows:
    """Return the rows of all files, and one row per file that could not be read.

    Args:
        files: Raw files.
        chapter: Folder below the raw root.
        reader: Gives a file's rows; it yields an ``UnreadableSource`` for a record it
            cannot read, and raises one for the whole file.
        limits: What reading one file may take.
    """
    files = list(files)
    tasks = (Task(file, limits.of(file.size)) for file in files)
    read = ReadRows([], [])
    with bounded(limits) as hand:
        outcomes = hand.worker.map(partial(_read_file, reader, limits), tasks)
        for file, outcome in zip(files, outcomes, strict=True):
            found = [unreadable(outcome)] if isinstance(outcome, Lost) else outcome
            for row in found:
                if isinstance(row, UnreadableSource):
                    read.unreadable.append(unreadable_row(file.name, chapter, row))
                else:
                    read.rows.append(row)
    return read


_NO_RECORDS = UnreadableSource(
    "no_records", "The file was read but holds no record: fill it, or take it out."
)


def _read_file(
    reader: Reader, limits: FileLimits, file: SourceFile
) -> list[Row | UnreadableSource]:
    try:
        return list(reader(admitted(file, limits))) or [_NO_RECORDS]
    except UnreadableSource as error:
        return [error]


def unreadable_row(source: str, chapter: str, error: UnreadableSource) -> Row:
    """Return the ``UnreadableSources`` row of ``error``."""
    return {
        "source": source,
        "chapter": chapter,
        "reason": error.reason,
        "detail": error.detail,
    }
