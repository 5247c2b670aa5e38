"""Files that are larger than they may be, or that unpack to what is.

An archive says what its parts unpack to, and a sheet where its cells stand: both are
looked at before a library makes room for them.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.parameters import FileLimits

_MB = 1_000_000
_CHUNK = 1 << 20
_OVERLAP = 32
_ZIP = b"PK\x03\x04"
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_FAR_COLUMN = re.compile(rb"""\br\s*=\s*["']([A-Z]{2,3})\d""")
_ROW = re.compile(rb"""\br\s*=\s*["'][A-Z]{0,3}(\d{3,7})["']""")


def refuse_large(n_bytes: int, limits: FileLimits) -> None:
    """Refuse a file of more bytes than it may have.

    Raises:
        UnreadableSource: If it has.
    """
    if n_bytes > limits.file_mb * _MB:
        raise UnreadableSource(
            "too_large",
            f"It has {n_bytes / _MB:,.0f} MB, at most {limits.file_mb:,.0f} are read "
            "(`ingestion.limits.file_mb`): split it, or raise the limit.",
        )


def refuse_many(n_pages: int, limits: FileLimits) -> None:
    """Refuse a book that claims more pages than a book has.

    Raises:
        UnreadableSource: If it does.
    """
    if n_pages > limits.pages:
        raise UnreadableSource(
            "too_large",
            f"It claims {n_pages:,} pages, at most {limits.pages:,} are read "
            "(`ingestion.limits.pages`): split it, or raise the limit.",
        )


def refuse_bomb(data: bytes, limits: FileLimits) -> None:
    """Refuse an archive that unpacks to more than it may, or a sheet that is too wide.

    Raises:
        UnreadableSource: If it does, or is.
    """
    if not data.startswith(_ZIP):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_unpacked(sum(m.file_size for m in archive.infolist()), limits)
            for name in filter(_SHEET.fullmatch, archive.namelist()):
                _refuse_far_cell(name, archive, limits)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ):
        return  # damaged: its reader says so


def _refuse_unpacked(n_bytes: int, limits: FileLimits) -> None:
    if n_bytes > limits.unpacked_mb * _MB:
        raise UnreadableSource(
            "too_large",
            f"It unpacks to {n_bytes / _MB:,.0f} MB, at most {limits.unpacked_mb:,.0f} "
            "are read (`ingestion.limits.unpacked_mb`): split it, or raise the limit.",
        )


def _refuse_far_cell(name: str, archive: zipfile.ZipFile, limits: FileLimits) -> None:
    """Refuse a sheet one of whose cells stands so far out that no room is left.

    Readers make room for every cell up to the farthest. The letters of one column
    alone never take too much.
    """
    columns = max(map(_column, _matches(_FAR_COLUMN, name, archive)), default=0)
    if not columns:
        return
    rows = max(map(int, _matches(_ROW, name, archive)), default=1)
    if rows * columns > limits.cells:
        raise UnreadableSource(
            "too_large",
            f"A sheet spans {rows:,} rows and {columns:,} columns, at most "
            f"{limits.cells:,} cells are read (`ingestion.limits.cells`): delete what "
            "stands far from the table.",
        )


def _matches(
    pattern: re.Pattern[bytes], name: str, archive: zipfile.ZipFile
) -> Iterator[bytes]:
    with archive.open(name) as part:
        tail = b""
        while chunk := part.read(_CHUNK):
            yield from pattern.findall(tail + chunk)
            tail = chunk[-_OVERLAP:]


def _column(letters: bytes) -> int:
    """Return the number of a column.

    >>> _column(b"AB")
    28
    """
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
