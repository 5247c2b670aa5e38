"""Writing beside, then swapping: a kill leaves what was there before, or the whole.

Each writer has a folder of its own beside its target, ``<target>.<random>.partial``, so
that neither processes nor threads write into each other's work. Its writer holds a lock
in it, which the kernel lifts when the process ends, however it ends: the next save of
the same target removes the folders whose lock is free, and leaves those of writers that
live or that no lock can tell of (a file system without locks).
"""

import errno
import glob
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from psyche_kedro.files.lock import lock_now

_SUFFIX = ".partial"
_LOCK = "lock"
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


@contextmanager
def swapped_in(target: Path) -> Iterator[Path]:
    """Yield a free path beside ``target``; what is made there takes its place.

    A file or a folder, on the disk before it is swapped in; where the block fails,
    ``target`` stays as it was. A file is replaced in one move: a reader finds the old
    one or the new one. No call replaces a folder so: the old one is moved aside, the
    new one moved in, then the old one deleted. Between the two moves nothing stands at
    ``target``; a kill just there leaves the old folder in the writer's, until the next
    save.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    with _workplace(target) as folder:
        made = folder / "made"
        yield made
        _flush(made)
        if made.is_dir():
            _replace_folder(made, target, folder)
        else:
            made.replace(target)
        _flush_entry(target.parent)


@contextmanager
def swapped_in_on(fs: Any, target: str) -> Iterator[Any]:
    """Yield a file to write to on a filesystem of fsspec; see ``swapped_in``.

    On a remote one a killed writer's ``<target>.<random>.partial`` stays, unread.
    """
    if isinstance(fs, LocalFileSystem):
        with swapped_in(Path(target)) as made, made.open("wb") as file:
            yield file
        return
    partial = f"{target}.{uuid.uuid4().hex}{_SUFFIX}"
    with fs.open(partial, "wb") as file:
        yield file
    fs.mv(partial, target)


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """Yield a new folder beside ``target``, locked until it is deleted at the end."""
    folder = Path(tempfile.mkdtemp(_SUFFIX, f"{target.name}.", target.parent))
    try:
        with (folder / "unlocked").open("w", encoding="utf-8") as lock:
            with suppress(OSError):  # no locks here: then no one sweeps it either
                lock_now(lock)
            # Only now does it bear the name by which a sweep looks for it.
            Path(lock.name).rename(folder / _LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(target: Path) -> None:
    """Delete what killed writers of ``target`` left."""
    left = f"{glob.escape(target.name)}.*{_SUFFIX}"
    for lock in target.parent.glob(f"{left}/{_LOCK}"):
        with suppress(OSError), lock.open("r+", encoding="utf-8") as file:
            lock_now(file)
            shutil.rmtree(lock.parent, ignore_errors=True)


def _replace_folder(made: Path, target: Path, aside: Path) -> None:
    """Move ``made`` to ``target``, and whatever stands or comes there out of it."""
    while made.exists():
        with suppress(FileNotFoundError):
            target.rename(aside / uuid.uuid4().hex)
        try:
            made.rename(target)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise


def _flush(made: Path) -> None:
    """Have what was made on the disk before its name is."""
    files = made.rglob("*") if made.is_dir() else [made]
    for path in files:
        if path.is_file():
            _flush_entry(path)


def _flush_entry(path: Path) -> None:
    if os.name == "nt":  # which flushes nothing that is open to be read
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
