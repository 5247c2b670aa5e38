"""The version of what a dataset holds: a digest of its files' bytes."""

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec.implementations.local import LocalFileSystem

Place = tuple[Any, str]
"""A filesystem of fsspec, and a path in it."""

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
            places: The files; one that is not there counts as absent.
        """
        digest = hashlib.sha256()
        for fs, path in places:
            name = PurePosixPath(path).name
            digest.update(f"{name}\0{self._of(fs, path)}\n".encode())
        return digest.hexdigest()[:16]

    def _of(self, fs: Any, path: str) -> str:
        if not fs.exists(path):
            return "absent"
        if not isinstance(fs, LocalFileSystem):
            return str(fs.ukey(path))
        stat = Path(path).stat()
        size, changed, known = self.seen.get(path, (-1, -1, ""))
        if (stat.st_size, stat.st_mtime_ns) != (size, changed):
            known = _digest(path)
            self.seen[path] = (stat.st_size, stat.st_mtime_ns, known)
        return known


def _digest(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
