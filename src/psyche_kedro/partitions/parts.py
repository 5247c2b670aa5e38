"""A table in parts, each a Parquet file."""

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import update_wrapper
from inspect import signature, unwrap
from typing import Any

import fsspec
import polars as pl
from fsspec.implementations.local import LocalFileSystem

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.partitions.work import Done, Result, TableFile

PART_ROWS = 20_000
"""A multiple of what is tagged at one time; some 10 MB of posts."""


@dataclass(frozen=True)
class TablePart:
    """Some rows of a table; a ``Partition``.

    Attributes:
        file: Where they are.
        options: For the filesystem.
    """

    file: TableFile
    options: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        """Its folder's and its own name."""
        return "/".join(self.file.path.rsplit("/", 2)[-2:])

    @property
    def local(self) -> str | None:
        """Its path on this machine, if that is where it is."""
        fs, path = fsspec.url_to_fs(self.file.path, **self.options)
        return str(path) if isinstance(fs, LocalFileSystem) else None

    def content(self) -> bytes:
        """Return its bytes.

        Raises:
            UnreadableSource: If it cannot be opened.
        """
        fs, path = fsspec.url_to_fs(self.file.path, **self.options)
        try:
            return bytes(fs.cat_file(path))
        except OSError as error:
            raise UnreadableSource(
                "unreadable_part",
                f"{self.name} cannot be opened ({type(error).__name__}): run the node"
                " that writes it again.",
            ) from None

    def digest(self) -> str:
        """Return the SHA-256 of its bytes, as they are now."""
        return hashlib.sha256(self.content()).hexdigest()

    def read(self, columns: list[str] | None = None) -> pl.DataFrame:
        """Return its rows.

        Args:
            columns: Those that are wanted; None for all.

        Raises:
            UnreadableSource: If it is no whole table.
        """
        content = self.content()
        try:
            return pl.read_parquet(io.BytesIO(content), columns=columns)
        except (pl.exceptions.PolarsError, OSError):
            what = "is damaged" if content else "is empty"
            raise UnreadableSource(
                "damaged_part",
                f"{self.name} {what}: run the node that writes it again.",
            ) from None


@dataclass(frozen=True)
class PartitionedTable:
    """A table as its parts, in order.

    A part travels to a worker; ``scan`` reads what is asked for, ``frame`` all.
    """

    parts: tuple[TablePart, ...]

    @classmethod
    def of(
        cls, results: Iterable[Result], table: str, options: dict[str, Any]
    ) -> "PartitionedTable":
        """Return the table that a work made of each partition that is not lost.

        Args:
            results: Of the partitions, in order.
            table: Its name; a work that cuts it names the pieces ``kept.0`` …
            options: For the filesystem of the store.
        """
        files = (
            file
            for result in results
            if isinstance(result, Done)
            for name, file in result.files.items()
            if name.partition(".")[0] == table
        )
        return cls(tuple(TablePart(file, options) for file in files))

    @property
    def height(self) -> int:
        """The number of rows."""
        return sum(part.file.rows for part in self.parts)

    @property
    def width(self) -> int:
        """The number of columns, of which one part tells; 0 where there is none."""
        first = PartitionedTable(self.parts[:1])
        return len(first.scan().collect_schema()) if self.parts else 0

    def scan(self) -> pl.LazyFrame:
        """Return the table, of which no more is read than is asked for."""
        paths = [path for part in self.parts if (path := part.local)]
        if len(paths) < len(self.parts):
            return pl.concat([part.read().lazy() for part in self.parts])
        return pl.scan_parquet(paths)

    lazy = scan
    """As a frame says it, so that what counts either need not ask which it has."""

    def frame(self) -> pl.DataFrame:
        """Return the whole table."""
        return pl.concat([part.read() for part in self.parts])


def in_pieces(table: str, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return a table cut into pieces that ``PartitionedTable.of`` puts in a row.

    >>> list(in_pieces("kept", pl.DataFrame({"n": range(20_001)})))
    ['kept.0', 'kept.1']
    """
    pieces = [rows.clear()] if rows.is_empty() else rows.iter_slices(PART_ROWS)
    return {f"{table}.{n}": piece for n, piece in enumerate(pieces)}


def framed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a node's function that is given frames where it reads tables in parts."""
    return _Framed(function)


class _Framed:
    """No closure: a runner may send the node to another process."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.__wrapped__ = unwrap(function)  # Kedro-Viz looks one step behind it
        self._function = function
        self.__signature__ = signature(function)

    def __call__(self, **given: Any) -> Any:
        return self._function(**{name: _whole(data) for name, data in given.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        return _Framed, (self._function,)


def _whole(data: Any) -> Any:
    return data.frame() if isinstance(data, PartitionedTable) else data
