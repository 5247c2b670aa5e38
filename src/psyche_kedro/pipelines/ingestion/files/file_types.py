"""What a file is, by its content: names lie, and a wrong reader loses a book."""

import io
import zipfile
from pathlib import PurePosixPath

from psyche_kedro.errors import UnreadableSource

_MAGIC = (
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
)
_ZIP_MARKS = (
    ("word/document.xml", "docx"),
    ("xl/workbook.xml", "xlsx"),
    ("META-INF/container.xml", "epub"),
)
_SUFFIXES = {
    ".csv": "csv",
    ".gift": "gift",
    ".htm": "html",
    ".html": "html",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".markdown": "markdown",
    ".ndjson": "jsonl",
    ".tsv": "csv",
    ".txt": "text",
    ".xhtml": "html",
    ".xml": "xml",
}
IMAGE_TYPES = frozenset({"png", "jpeg", "tiff", "webp"})
_NOTHING = b"\x00\t\n\v\f\r "
_PDF_HEADER_WINDOW = 1024  # junk may stand before %PDF-, ISO 32000-1 Annex H.3.4.1


def file_type(name: str, data: bytes) -> str:
    """Return the type of a file: ``pdf``, ``docx``, ``xls``, ``markdown`` and so on.

    Args:
        name: File name; its suffix tells text formats apart, nothing else.
        data: The file's bytes.

    Raises:
        UnreadableSource: If the file is empty, encrypted Office, or of no known type.
    """
    if not data.strip(_NOTHING):
        raise UnreadableSource("empty_file", "The file holds no bytes: put it again.")
    return _binary_type(name, data) or _text_type(name, data)


def _binary_type(name: str, data: bytes) -> str | None:
    if b"%PDF-" in data[:_PDF_HEADER_WINDOW]:
        return "pdf"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:4] == b"PK\x03\x04":
        return _zip_type(data)
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    return _ole_type(name, data) if kind == "ole" else kind


def _zip_type(data: bytes) -> str:
    try:
        names = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableSource(
            "truncated", f"The archive is damaged ({error}): fetch the file again."
        ) from error
    for mark, kind in _ZIP_MARKS:
        if mark in names:
            return kind
    raise UnreadableSource(
        "unknown_type", "A plain archive is no input: unpack it into the folder."
    )


def _ole_type(name: str, data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise UnreadableSource(
            "encrypted", "The Office file has a password: save it without one."
        )
    if PurePosixPath(name).suffix.lower() == ".xls" or _holds_workbook(data):
        return "xls"
    raise UnreadableSource(
        "unknown_type",
        "An old Office file that is no .xls (.doc, .ppt, .wps) is not read: save it as "
        ".docx.",
    )


def _holds_workbook(data: bytes) -> bool:
    """Return whether an old Office file is Excel's, by the names of its streams."""
    workbook, document = (s.encode("utf-16-le") for s in ("Workbook", "WordDocument"))
    return workbook in data and document not in data


def _text_type(name: str, data: bytes) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    head = data[:_PDF_HEADER_WINDOW].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "html"
    raise UnreadableSource(
        "unknown_type",
        f"The content of '{suffix or name}' is of no known type: expected PDF, PNG, "
        "JPEG, TIFF, WEBP, DOCX, EPUB, HTML, Markdown, TXT, JSON, CSV or XLSX.",
    )
