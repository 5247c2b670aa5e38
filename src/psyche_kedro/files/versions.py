"""The version of what a dataset holds: a digest of its files' bytes."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec.implementations.local import LocalFileSystem

Place = tuple[Any, str]
"""A filesystem of fsspec, and a path in it."""

_ABSENT = "absent"

Seen = dict[str, tuple[int, int, str]]
"""Size, time of the last change in ns, and digest of local files by path."""


class Versions:
    """Versions of files; one whose size and time stand still is not read again.

    Args:
        seen: What earlier calls found; ``seen`` holds it and what is found now.
    """

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def of(self, places: Iterable[Place]) -> str:
        """Return one digest of all files, their names included.

        Args:
            places: The files; one that cannot be read counts as absent.
        """
        digest = hashlib.sha256()
        for fs, path in places:
            name = PurePosixPath(path).name
            digest.update(f"{_utf8(name)}\0{self._of(fs, path)}\n".encode())
        return digest.hexdigest()[:16]

    def _of(self, fs: Any, path: str) -> str:
        if isinstance(fs, LocalFileSystem):
            return self._of_local(path)
        return str(fs.ukey(path)) if fs.exists(path) else _ABSENT

    def _of_local(self, path: str) -> str:
        # Raw folders may hold what cannot be read, or a pipe that never ends.
        try:
            return self._of_regular(path) if Path(path).is_file() else _ABSENT
        except OSError:
            return _ABSENT

    def _of_regular(self, path: str) -> str:
        stat = Path(path).stat()
        name = _utf8(path)
        size, changed, known = self.seen.get(name, (-1, -1, ""))
        if (stat.st_size, stat.st_mtime_ns) != (size, changed):
            known = _digest(path)
            self.seen[name] = (stat.st_size, stat.st_mtime_ns, known)
        return known


def _utf8(path: str) -> str:
    """Return a path that can be written, whatever bytes a file's name is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _digest(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
