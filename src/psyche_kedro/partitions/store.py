"""Finished partitions, by what they were made of.

One stands in ``<work>/<aa>/<sha256>/`` as ``kept.parquet`` … and ``done.json``, written
last: a folder without it is a kill's, and counts for nothing. The address is of the
partition's content, the work with its settings and versions, and this package's source:
whatever of these changes, another address is looked at.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import polars as pl

import psyche_kedro
from psyche_kedro.errors import ConfigurationError, PsycheError, UnreadableSource
from psyche_kedro.files.roots import is_remote
from psyche_kedro.files.swap import swapped_in_on
from psyche_kedro.partitions.parts import PartitionedTable
from psyche_kedro.partitions.work import (
    Broken,
    Done,
    Lost,
    Outcome,
    Partition,
    TableFile,
    Tables,
    Work,
)
from psyche_kedro.workers.tasks import place_of

_DONE = "done.json"
_NEEDED = "needed.json"
_PROBE = "probe"
_SOURCE = (".py", ".csv", ".txt", ".yml", ".jinja")


class Kept(NamedTuple):
    """What the store holds of one work.

    Attributes:
        work: Its name.
        partitions: How many are finished.
        n_bytes: What they take, unfinished ones included.
        folders: Of those that the work's last run did not need.
    """

    work: str
    partitions: int
    n_bytes: int
    folders: list[str]


_UNREADABLE = (
    *(FileNotFoundError, ValueError, TypeError, AttributeError),
    RecursionError,
)


@dataclass(frozen=True)
class PartitionStore:
    """Finished partitions below a folder.

    Attributes:
        root: Path or URL.
        options: For its filesystem.
    """

    root: str
    options: dict[str, Any] = field(default_factory=dict)

    def find(self, address: str, name: str) -> Done | None:
        """Return a finished partition, or None."""
        fs, folder = self._at(address)
        try:
            done = json.loads(fs.cat_file(f"{folder}/{_DONE}"))
            files = self._files(address, done)
            sizes = {t: fs.size(f"{folder}/{t}.parquet") for t in files}
        except _UNREADABLE:  # not there, or the disk, or a person, has cut it
            return None
        if not files or any(sizes[t] != file.n_bytes for t, file in files.items()):
            return None
        return Done(name, address, files, found=True)

    def put(self, address: str, name: str, tables: Tables) -> Done:
        """Keep the tables of a partition, and return it."""
        return self._write(address, name, {t: _bytes(r) for t, r in tables.items()})

    def forget(self, address: str) -> None:
        """Take a partition for unfinished: the next run does it again."""
        fs, folder = self._at(address)
        fs.rm_file(f"{folder}/{_DONE}")

    def table(self, work: str, frames: Iterable[pl.DataFrame]) -> PartitionedTable:
        """Keep what is made part by part in this process, e.g. of a model's replies.

        It stands under what it holds: nothing is told of what it was made of.

        Args:
            work: The node's name.
            frames: The parts, in order.
        """
        kept = [self._keep(work, str(n), frame) for n, frame in enumerate(frames)]
        self.need(work, [done.address for done in kept])
        return PartitionedTable.of(kept, "kept", self.options)

    def _keep(self, work: str, name: str, frame: pl.DataFrame) -> Done:
        table = _bytes(frame)
        digest = hashlib.sha256(table.content).hexdigest()
        address = f"{work}/{digest[:2]}/{digest}"
        found = self.find(address, name)
        return found or self._write(address, name, {"kept": table})

    def _write(self, address: str, name: str, tables: Mapping[str, "_Bytes"]) -> Done:
        fs, folder = self._at(address)
        fs.makedirs(folder, exist_ok=True)
        for table, one in tables.items():
            with swapped_in_on(fs, f"{folder}/{table}.parquet") as file:
                file.write(one.content)
        done = {table: one.about() for table, one in tables.items()}
        with swapped_in_on(fs, f"{folder}/{_DONE}") as file:
            file.write(json.dumps(done).encode())
        return Done(name, address, self._files(address, done))

    def need(self, work: str, addresses: Iterable[str]) -> None:
        """Note what the last run of a work consists of: all else can be pruned."""
        fs, folder = self._at(work)
        fs.makedirs(folder, exist_ok=True)
        with swapped_in_on(fs, f"{folder}/{_NEEDED}") as file:
            file.write(json.dumps(sorted(addresses)).encode())

    def kept(self) -> Iterator[Kept]:
        """Yield what is held of each work, by name."""
        fs, root = fsspec.url_to_fs(self.root, **self.options)
        works = fs.ls(root, detail=False) if fs.exists(root) else []
        for work in sorted(works):
            files = {p: about["size"] or 0 for p, about in _all(fs, work).items()}
            folders = {p.rpartition("/")[0] for p in files} - {work}
            done = [p for p in files if p.endswith(f"/{_DONE}")]
            yield Kept(
                work.rpartition("/")[2],
                len(done),
                sum(files.values()),
                sorted(folders - self._needed(fs, work)),
            )

    def remove(self, folders: Iterable[str]) -> None:
        """Delete folders that ``kept`` named."""
        fs, _ = fsspec.url_to_fs(self.root, **self.options)
        for folder in folders:
            fs.rm(folder, recursive=True)

    def check(self) -> None:
        """See that the store can be written and read.

        On this machine nothing is written: another run may hold the root above it.

        Raises:
            ConfigurationError: If it cannot.
        """
        if not is_remote(self.root):
            folder = Path(self.root)
            there = next(p for p in (folder, *folder.parents) if p.exists())
            if there.is_dir() and os.access(there, os.W_OK):
                return
        fs, root = fsspec.url_to_fs(self.root, **self.options)
        try:
            fs.makedirs(root, exist_ok=True)
            fs.pipe_file(f"{root}/{_PROBE}", b"here")
            read = fs.cat_file(f"{root}/{_PROBE}")
            fs.rm_file(f"{root}/{_PROBE}")
        except Exception as error:  # each filesystem has errors of its own
            raise ConfigurationError(
                f"The store of partitions, {self.root}, cannot be written and read"
                f" ({type(error).__name__}): name another as `store` of `map_engine`."
            ) from error
        if read != b"here":
            raise ConfigurationError(
                f"The store of partitions, {self.root}, does not give back what is"
                " written: name another as `store` of `map_engine`."
            )

    def _needed(self, fs: Any, work: str) -> set[str]:
        with suppress(*_UNREADABLE):
            addresses = json.loads(fs.cat_file(f"{work}/{_NEEDED}"))
            return {fs._strip_protocol(f"{self.root}/{a}") for a in addresses}
        return set()

    def _at(self, address: str) -> tuple[Any, str]:
        fs, folder = fsspec.url_to_fs(f"{self.root}/{address}", **self.options)
        return fs, str(folder)

    def _files(self, address: str, done: dict[str, Any]) -> dict[str, TableFile]:
        at = f"{self.root}/{address}"
        return {t: TableFile(f"{at}/{t}.parquet", **about) for t, about in done.items()}


class _Bytes(NamedTuple):
    """A table as Parquet."""

    content: memoryview
    rows: int

    def about(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "n_bytes": self.content.nbytes,
        }


def _bytes(table: pl.DataFrame) -> _Bytes:
    file = io.BytesIO()
    table.write_parquet(file)
    return _Bytes(file.getbuffer(), table.height)


def _all(fs: Any, folder: str) -> dict[str, Any]:
    found: dict[str, Any] = fs.find(folder, detail=True)
    return found


@dataclass(frozen=True)
class Job:
    """A work, where its results are kept, and what the machine that asks has."""

    work: Work
    store: PartitionStore

    @cached_property
    def seal(self) -> str:
        """All that, changed, changes a result, but the partition."""
        return "\x1f".join([self.work.name, self.work.identity, source_digest()])

    def address(self, partition: Partition) -> str:
        """Return the folder of a partition below the store."""
        said = f"{partition.digest()}\x1f{self.seal}".encode()
        digest = hashlib.sha256(said).hexdigest()
        return f"{self.work.name}/{digest[:2]}/{digest}"

    def find(self, partition: Partition) -> Done | None:
        """Return a partition that is finished, or None."""
        with suppress(OSError, UnreadableSource):  # its reader says what ails it
            return self.store.find(self.address(partition), partition.name)
        return None

    def do(self, partition: Partition) -> Outcome:
        """Return what became of a partition that is not finished."""
        try:
            address = self.address(partition)  # before: a file may change meanwhile
            return self.store.put(address, partition.name, self.work(partition))
        except (MemoryError, RecursionError):
            raise  # its worker's to name
        except UnreadableSource as error:
            if not isinstance(error, self.work.faults):
                return Broken(partition.name, str(error), error)
            return Lost(partition.name, error.reason, error.detail)
        except self.work.faults as error:
            return Lost(partition.name, _slug(error), place_of(error))
        except PsycheError as error:
            return Broken(partition.name, str(error), error)
        except Exception as error:
            return Broken(partition.name, place_of(error), error)


_ANOTHER_MACHINE = (
    "a worker has another release of psyche-kedro or of a library than the machine that"
    " asks: install the same on both"
)
_started: dict[str, Job] = {}
"""What this worker has loaded, by seal."""


def do_apart(job: Job, seal: str, partition: Partition) -> Outcome:
    """Do a partition in a worker, which starts a work once.

    Args:
        job: What is done.
        seal: The job's, on the machine that asks.
        partition: To what.
    """
    if seal not in _started:
        if job.seal != seal:
            return Broken(partition.name, _ANOTHER_MACHINE)
        job.work.start()
        _started[seal] = job
    outcome = _started[seal].do(partition)
    return outcome._replace(error=None) if isinstance(outcome, Broken) else outcome


def _slug(error: Exception) -> str:
    name = type(error).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


@cache
def source_digest() -> str:
    """Return the digest of this package's source: changed rules change any result."""
    root = Path(psyche_kedro.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix in _SOURCE):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()
