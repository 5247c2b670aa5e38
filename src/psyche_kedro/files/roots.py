"""The roots of a run: where it reads, where it writes, and its file of replies.

``raw`` and ``data`` may be a folder of this machine or of any filesystem that fsspec
knows; what SQLite or a trainer writes is always on this machine.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsspec import get_filesystem_class
from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import get_protocol

from psyche_kedro.errors import ConfigurationError

_HALF_A_URL = re.compile(
    r"[A-Za-z][\w+.-]+:/(?!/)"
)  # a drive of Windows has one letter
_LOCAL = ("file", "local")


def read_roots(given: Mapping[str, Any]) -> dict[str, str | None]:
    """Return ``raw``, ``data``, ``store`` and ``store_copy`` as they are to be used.

    Args:
        given: The roots by name, as the configuration and the command line have them.

    Raises:
        ConfigurationError: If one of them can be no such place.
    """
    roots = {name: read_root(name, str(given[name] or "")) for name in ("raw", "data")}
    copy = given.get("store_copy")
    return {
        **roots,
        "store": _read_store(given.get("store"), roots["data"]),
        "store_copy": None if copy is None else read_root("store_copy", str(copy)),
    }


def read_root(name: str, given: str) -> str:
    """Return a path of this machine with ``~`` expanded, or a URL.

    Raises:
        ConfigurationError: If nothing can be kept there.
    """
    if not given or _HALF_A_URL.match(given):
        raise ConfigurationError(
            f"`{name}` is '{given}': it is a folder, or a URL with two slashes, as in"
            " s3://bucket/folder."
        )
    protocol = get_protocol(given)
    if protocol == "memory":
        raise ConfigurationError(
            f"`{name}` is '{given}', which is gone with the process: name a folder, or"
            " the URL of a filesystem that keeps it."
        )
    if is_remote(given):
        _check_known(name, given, protocol)
        return given.rstrip("/")
    plain = LocalFileSystem._strip_protocol(given) if "://" in given else given
    return _at_home(name, plain)


def is_remote(path: str) -> bool:
    """Return whether a path is the URL of another filesystem than this machine's."""
    return get_protocol(path) not in _LOCAL


def local_path(path: str | Path, what: str) -> Path:
    """Return a path of this machine.

    Args:
        path: As the catalog has it.
        what: That needs it; begins the sentence.

    Raises:
        ConfigurationError: If it is a URL: as a path it would be a folder ``s3:``.
    """
    if is_remote(str(path)):
        raise ConfigurationError(
            f"{what} needs a path on this machine, and has {path}: name one (`store`"
            " for replies), or run with a local `data`."
        )
    return Path(LocalFileSystem._strip_protocol(path) if "://" in str(path) else path)


def _read_store(given: object, data: str) -> str:
    """Return the file of replies: below ``data`` where it is nowhere else."""
    if given is None and not is_remote(data):
        return f"{data}/replies.sqlite"
    if given is not None and not is_remote(str(given)):
        store = read_root("store", str(given))
        if not is_remote(data) or Path(store).is_absolute():
            return store
    raise ConfigurationError(
        f"The reply store is a file of this machine, and `data` is {data}, `store`"
        f" {given or 'not set'}: name a whole path on a disk that outlives the run, as"
        " in `--params store=/mnt/keep/replies.sqlite` (`store_copy` keeps a copy at a"
        " URL)."
    )


def _check_known(name: str, given: str, protocol: str) -> None:
    try:
        get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise ConfigurationError(
            f"`{name}` is {given}, a filesystem that cannot be opened ({said}): install"
            " its package, or name a folder."
        ) from error


def _at_home(name: str, path: str) -> str:
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigurationError(
            f"`{name}` is '{path}', and no such user has a home here: write the whole"
            " path, or ./~… for a folder of that name."
        ) from error
