"""The user's raw files, whatever their format."""

import errno
import os
import posixpath
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractDataset, DatasetError


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One raw file, read when asked.

    Attributes:
        name: POSIX path below the folder it was found in, e.g.
            ``theory/single/second/1.json``.
        read: Returns the bytes.
        size: How many there are, as far as is known before they are read.
    """

    name: str
    read: Callable[[], bytes] = field(compare=False, repr=False)
    size: int = field(default=0, compare=False, repr=False)


class SourceFilesDataset(AbstractDataset[None, list[SourceFile]]):
    """Every file below a folder, sorted by name; hidden files and notes left out.

    Args:
        path: The folder, on any filesystem fsspec knows.
        required: Whether a run may go on without a file in it.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        path: str,
        required: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = path
        self._required = required
        self.metadata = metadata

    def load(self) -> list[SourceFile]:
        """Return the files.

        Raises:
            DatasetError: If the folder is required and holds no file.
        """
        self.check()
        return self._files()

    def check(self) -> None:
        """Refuse a required folder that holds no file; see ``load``."""
        if self._required and not self._files():
            raise DatasetError(
                f"{self._path} holds no file: put at least one there, or set "
                "`required: false` where the catalog names it to go on without."
            )

    def save(self, data: None) -> NoReturn:
        """Refuse: raw files are the user's."""
        raise DatasetError(f"{self._path} is read-only: raw files are never written.")

    def _files(self) -> list[SourceFile]:
        fs, root = fsspec.url_to_fs(self._path)
        if not fs.exists(root):
            return []
        found = {
            posixpath.relpath(path, root): (path, about)
            for path, about in fs.find(root, detail=True).items()
        }
        return [
            SourceFile(_utf8(name), partial(_read, fs, path), about.get("size") or 0)
            for name, (path, about) in sorted(found.items())
            if not _is_aside(name)
        ]

    def _exists(self) -> bool:
        return bool(self._files())

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "required": self._required}


def _read(fs: Any, path: str) -> bytes:
    """Return a file's bytes; a pipe or a device, which may never end, has none.

    Raises:
        OSError: If it is no regular file, or cannot be opened.
    """
    if isinstance(fs, LocalFileSystem) and not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    data: bytes = fs.cat_file(path)
    return data


def _utf8(name: str) -> str:
    r"""Return a file name with ``\xc4`` for a byte that is not UTF-8, as old ZIPs have.

    Python keeps such bytes as half characters, which no table can hold.
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


NOTES = re.compile(r"(?:readme|licen[cs]e)(?![a-z])(?:.*\.(?:md|txt|rst)|[^.]*)", re.I)
_OF_THE_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})


def _is_aside(name: str) -> bool:
    """Return whether a file is no input: hidden, the system's, or a note to people.

    ``licensed_counsellor.csv`` is none of these.
    """
    base = posixpath.basename(name)
    if any(part.startswith((".", "~$")) for part in name.split("/")):
        return True
    return base.lower() in _OF_THE_SYSTEM or NOTES.fullmatch(base) is not None
