"""The user's raw files, whatever their format."""

import errno
import os
import posixpath
import re
import stat
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.io import DatasetError

from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.files.versions import Place
from psyche_kedro.text.halves import without_controls


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


class SourceFilesDataset(ReadOnlyDataset[list[SourceFile]]):
    """Every file below a folder, sorted by name; hidden files and notes left out.

    A link is read as what it leads to where that stands below ``within``. Another is
    listed as a file that cannot be read, and says why.

    Args:
        path: The folder, on any filesystem fsspec knows.
        within: The raw root, which no link may leave; ``path`` if none is given.
        links: ``within``, or ``follow`` for links that may lead anywhere.
        required: Whether a run may go on without a file in it.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        path: str,
        within: str | None = None,
        links: str = "within",
        required: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if links not in ("within", "follow"):
            raise DatasetError(f"`links` is '{links}': it is within, or follow.")
        self._path = path
        self._within = None if links == "follow" else within or path
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

    def places(self) -> list[Place]:
        """Return the files."""
        fs, root = fsspec.url_to_fs(self._path)
        return [(fs, posixpath.join(root, name)) for name in self._found()]

    def _files(self) -> list[SourceFile]:
        return [
            SourceFile(_utf8(name), read, size)
            for name, (read, size) in self._found().items()
        ]

    def _found(self) -> dict[str, tuple[Callable[[], bytes], int]]:
        """Return how each file is read, and its size, by its path below the folder."""
        fs, root = fsspec.url_to_fs(self._path)
        if not fs.exists(root):
            return {}
        if isinstance(fs, LocalFileSystem):
            bound = Path(self._within).resolve() if self._within else None
            found = dict(_walk(Path(root), bound))
        else:
            found = {
                path: (partial(fs.cat_file, path), about.get("size") or 0)
                for path, about in fs.find(root, detail=True).items()
            }
        named = {posixpath.relpath(path, root): found[path] for path in found}
        return {name: named[name] for name in sorted(named) if not _is_aside(name)}

    def _exists(self) -> bool:
        return bool(self._files())

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "required": self._required}


class _Found(NamedTuple):
    """A folder or file.

    Attributes:
        path: Where it is.
        real: Where it is, links resolved.
        above: Such folders that lead here: a link to one has no end.
        is_linked: Whether a link is among what leads here.
    """

    path: Path
    real: Path
    above: frozenset[Path] = frozenset()
    is_linked: bool = False

    def inside(self) -> Iterator["_Found"]:
        """Yield what a folder holds, by name."""
        above = self.above | {self.real}
        for path in sorted(self.path.iterdir()):
            is_link = path.is_symlink()
            # Its own loops have no end, and no error here.
            real = Path(os.path.realpath(path)) if is_link else self.real / path.name
            yield _Found(path, real, above, self.is_linked or is_link)


def _walk(
    root: Path, bound: Path | None
) -> Iterator[tuple[str, tuple[Callable[[], bytes], int]]]:
    """Yield each file below a folder of this machine: how it is read, and its size.

    Links lead to a folder once: twenty folders of two links each would be a million.

    Args:
        root: Where to begin.
        bound: What no link may leave; None where it may.
    """
    waiting = [_Found(root, root.resolve())]
    linked: set[Path] = set()
    while waiting:
        folder = waiting.pop()
        try:
            inside = list(folder.inside())
        except OSError as error:
            why = error.strerror or "no folder"
            yield str(folder.path), (partial(_refuse, why), 0)
            continue
        for found in inside:
            path = found.path
            if why := _refusal(found, bound, linked):
                yield str(path), (partial(_refuse, why), 0)
            elif path.is_dir():
                linked |= {found.real} if found.is_linked else set()
                waiting.append(found)
            else:
                size = path.stat().st_size if path.exists() else 0
                yield str(path), (partial(_read, path), size)


def _refusal(found: _Found, bound: Path | None, linked: Set[Path]) -> str:
    """Return why something is not looked into, if it is not."""
    if found.path.is_symlink() and bound and not found.real.is_relative_to(bound):
        return _LEAVES
    if found.real in found.above:
        return _ABOVE
    return _TWICE if found.is_linked and found.real in linked else ""


def _refuse(why: str) -> bytes:
    raise OSError(errno.ELOOP, why)


def _read(path: Path) -> bytes:
    """Return a file's bytes; a pipe or a device, which may never end, has none.

    Raises:
        OSError: If it is no regular file, or cannot be opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    return path.read_bytes()


def _utf8(name: str) -> str:
    r"""Return a file name with ``\xc4`` for a byte that is not UTF-8, as old ZIPs have.

    Python keeps such bytes as half characters, which no table can hold. Control
    characters are written so, too: a terminal would obey them wherever the name is
    printed.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return without_controls(text).replace("\n", "\\x0a").replace("\t", "\\x09")


NOTES = re.compile(r"(?:readme|licen[cs]e)(?![a-z])(?:.*\.(?:md|txt|rst)|[^.]*)", re.I)
_ABOVE = "it is a link to a folder above it"
_TWICE = "another link leads to the same folder"
_LEAVES = "a link that leaves the raw root, which `--params links=follow` allows"
_OF_THE_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})


def _is_aside(name: str) -> bool:
    """Return whether a file is no input: hidden, the system's, or a note to people.

    ``licensed_counsellor.csv`` is none of these.
    """
    base = posixpath.basename(name)
    if any(part.startswith((".", "~$")) for part in name.split("/")):
        return True
    return base.lower() in _OF_THE_SYSTEM or NOTES.fullmatch(base) is not None
