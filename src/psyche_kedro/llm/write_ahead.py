"""SQLite's write-ahead log, where several processes open a new file at once."""

import sqlite3
import time
from typing import Final

_BUSY_SECONDS: Final = 60.0
_BUSY_PAUSE: Final = 0.01


def write_ahead(connection: sqlite3.Connection) -> None:
    """Set the journal mode, also where another connection sets it just now.

    Of two that open a new file, SQLite refuses one at once, whatever its time-out.
    """
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > until:
                raise
            time.sleep(_BUSY_PAUSE)
        else:
            return
