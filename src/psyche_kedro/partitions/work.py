"""What is done to a partition, and what becomes of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import polars as pl

Tables = Mapping[str, pl.DataFrame]


class Partition(Protocol):
    """What a worker can read by itself; it travels pickled."""

    @property
    def name(self) -> str:
        """What a message calls it: ``00007.parquet``, ``心理学.pdf p. 17-32``."""
        ...

    def digest(self) -> str:
        """Return a digest of its content; another place or date changes nothing."""
        ...


class Work(Protocol):
    """A pure function of one partition; it travels pickled."""

    @property
    def name(self) -> str:
        """The node's name."""
        ...

    @property
    def identity(self) -> str:
        """Settings, and versions of the libraries that this machine has."""
        ...

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        """What a damaged partition raises; any other error is the work's own."""
        ...

    def start(self) -> None:
        """Load what is loaded once per worker."""
        ...

    def __call__(self, partition: Any, /) -> Tables:
        """Return the tables of one partition, which is of the work's own kind."""
        ...


class TableFile(NamedTuple):
    """A table in the store.

    Attributes:
        path: Parquet, on a filesystem that fsspec knows.
        rows: How many it has.
        sha256: Of its bytes.
        n_bytes: How many there are.
    """

    path: str
    rows: int
    sha256: str
    n_bytes: int


class Done(NamedTuple):
    """A finished partition.

    Attributes:
        name: Of the partition.
        address: Its folder below the store.
        files: Its tables, by name.
        found: Whether it was finished before.
    """

    name: str
    address: str
    files: Mapping[str, TableFile]
    found: bool = False

    @property
    def rows(self) -> dict[str, int]:
        """The rows of each of its tables."""
        return {table: file.rows for table, file in self.files.items()}


class Lost(NamedTuple):
    """A partition that gave nothing: data, and no crash.

    Attributes:
        name: Of the partition.
        reason: A slug.
        detail: What happened; never a library's own words, which may quote a post.
    """

    name: str
    reason: str
    detail: str


class Broken(NamedTuple):
    """A sound partition on which the work itself fails: the run ends after the others.

    Attributes:
        name: Of the partition.
        detail: What happened; see ``Lost``.
        error: The error, where it was raised in this process.
    """

    name: str
    detail: str
    error: Exception | None = None


Result = Done | Lost
Outcome = Done | Lost | Broken
