"""A lock on an open file, which the system frees with the process that holds it."""

from typing import IO


def lock_now(file: IO[str]) -> None:
    """Lock an open file until it is closed.

    Raises:
        BlockingIOError: If another process holds it.
        OSError: If this system or this file system has no locks.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError as error:
        raise OSError("no file locks on this system") from error
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
