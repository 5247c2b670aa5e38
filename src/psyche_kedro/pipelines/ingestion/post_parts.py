"""``read_posts`` as work on parts: some files of a folder, some 20,000 posts."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import NamedTuple

import polars as pl

from psyche_kedro import tables
from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.partitions.engines import MapEngine
from psyche_kedro.partitions.parts import PartitionedTable, in_pieces
from psyche_kedro.partitions.work import Done, Lost, Result, Tables
from psyche_kedro.pipelines.ingestion.files.sources import unreadable_row
from psyche_kedro.pipelines.ingestion.nodes import read_posts
from psyche_kedro.pipelines.ingestion.parameters import FileLimits

_MB = 1_000_000
_PART_BYTES = 20 * _MB
_PART_FILES = 1_000


class ReadParts(NamedTuple):
    """A table of what was read, in parts, and one of what could not be."""

    rows: PartitionedTable
    unreadable: pl.DataFrame


@dataclass(frozen=True)
class FilesPart:
    """Some raw files; a ``Partition``.

    Attributes:
        files: In the order of their names.
        most: Bytes above which a file is not read, but for its size.
    """

    files: tuple[SourceFile, ...]
    most: int

    @property
    def name(self) -> str:
        """The first file's, and how many follow."""
        more = len(self.files) - 1
        return self.files[0].name + (f" and {more} more" if more else "")

    def digest(self) -> str:
        """Return the SHA-256 of the files' names and bytes."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.name}\0{self._of(file)}\n".encode())
        return digest.hexdigest()

    def _of(self, file: SourceFile) -> str:
        if file.size > self.most:
            return str(file.size)
        try:
            return hashlib.sha256(file.read()).hexdigest()
        except OSError as error:
            return f"{type(error).__name__} {error.errno}"


@dataclass(frozen=True)
class ReadPosts:
    """Reads the posts of some files."""

    limits: FileLimits

    name = "read_posts"
    faults = (UnreadableSource,)

    @property
    def identity(self) -> str:
        """What a file may take, and what reads workbooks."""
        return f"{self.limits.model_dump_json()} fastexcel@{version('fastexcel')}"

    def start(self) -> None:
        """Nothing is loaded."""

    def __call__(self, part: FilesPart, /) -> Tables:
        """Return ``posts`` in pieces, and ``unreadable``."""
        read = read_posts(list(part.files), self.limits)
        tables.Posts.validate(read.rows)
        return in_pieces("posts", read.rows) | {"unreadable": read.unreadable}


def read_posts_in_parts(
    post_files: list[SourceFile], map_engine: MapEngine, limits: FileLimits
) -> ReadParts:
    """Return one row per candidate conversation (Type IV), in parts.

    Args:
        post_files: JSON, CSV, Excel, TXT.
        map_engine: Where the files are read.
        limits: What reading one file may take.
    """
    parts = list(files_parts(post_files, int(_MB * limits.file_mb)))
    results = list(map_engine.map(ReadPosts(limits), parts))
    unreadable = [
        table
        for part, result in zip(parts, results, strict=True)
        for table in _unreadable(part, result, map_engine)
    ]
    return ReadParts(
        PartitionedTable.of(results, "posts", map_engine.store.options),
        pl.concat([tables.frame(tables.UnreadableSources, []), *unreadable]),
    )


def files_parts(files: Sequence[SourceFile], most: int) -> Iterator[FilesPart]:
    """Yield the files in parts of some 20 MB, each at least one.

    Args:
        files: In the order of their names.
        most: Bytes above which a file is not read.
    """
    part: list[SourceFile] = []
    size = 0
    for file in files:
        full = size + file.size > _PART_BYTES or len(part) == _PART_FILES
        if part and full:
            yield FilesPart(tuple(part), most)
            part, size = [], 0
        part.append(file)
        size += file.size
    if part:
        yield FilesPart(tuple(part), most)


def _unreadable(
    part: FilesPart, result: Result, engine: MapEngine
) -> Iterator[pl.DataFrame]:
    if isinstance(result, Done):
        yield PartitionedTable.of([result], "unreadable", engine.store.options).frame()
    else:
        rows = [_row_of_lost(file, result) for file in part.files]
        yield tables.frame(tables.UnreadableSources, rows)


def _row_of_lost(file: SourceFile, lost: Lost) -> dict[str, str]:
    error = UnreadableSource(f"part_{lost.reason}", f"{lost.name}: {lost.detail}.")
    return unreadable_row(file.name, "posts", error)
