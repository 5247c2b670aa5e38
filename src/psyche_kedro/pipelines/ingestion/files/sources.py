"""Raw files one by one: what can be read, and what is listed as unreadable."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource

Row = dict[str, Any]


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
            "read; a link to a folder is not followed.",
        ) from error


class ReadRows(NamedTuple):
    """What reading a folder gives."""

    rows: list[Row]
    unreadable: list[Row]


def read_each(
    files: Iterable[SourceFile],
    chapter: str,
    reader: Callable[[SourceFile], Iterable[Row | UnreadableSource]],
) -> ReadRows:
    """Return the rows of all files, and one row per file that could not be read.

    Args:
        files: Raw files.
        chapter: Folder below the raw root.
        reader: Gives a file's rows; it yields an ``UnreadableSource`` for a record it
            cannot read, and raises one for the whole file.
    """
    rows: list[Row] = []
    unreadable: list[Row] = []
    for file in files:
        try:
            outcomes = list(reader(file))
        except UnreadableSource as error:
            outcomes = [error]
        for outcome in outcomes:
            if isinstance(outcome, UnreadableSource):
                unreadable.append(unreadable_row(file.name, chapter, outcome))
            else:
                rows.append(outcome)
    return ReadRows(rows, unreadable)


def unreadable_row(source: str, chapter: str, error: UnreadableSource) -> Row:
    """Return the ``UnreadableSources`` row of ``error``."""
    return {
        "source": source,
        "chapter": chapter,
        "reason": error.reason,
        "detail": error.detail,
    }
