"""Pictures as models and people see them: one form, and nothing about who took them."""

import hashlib
import io
import warnings
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import polars as pl
from PIL import Image, ImageOps, UnidentifiedImageError

from psyche_kedro.datasets import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.cedar.parameters import PictureParameters
from psyche_kedro.pipelines.cedar.tables import CedarRejections, Pictures
from psyche_kedro.pipelines.ingestion.files.sources import read_bytes
from psyche_kedro.tables import Row, content_id, frame, rejection
from psyche_kedro.workers.tasks import Limits, Lost, Task
from psyche_kedro.workers.worker import hired

RECORDS = frozenset({".json", ".jsonl", ".csv", ".tsv", ".xlsx", ".xls"})
"""Ends of names of files that hold no picture."""
_ONE_PICTURE = Limits(seconds=60, memory=2_000_000_000, depth=1_000)
_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
"""Not all that Pillow knows: for some it starts programs of the machine."""
_UNOPENED = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    OSError,
    SyntaxError,  # a PNG with a broken chunk
    ValueError,
)


def prepare_pictures(
    picture_files: list[SourceFile], params: PictureParameters
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pictures, turned, flattened, shrunk and without metadata.

    Args:
        picture_files: Scenarios and pictures; what ends as records do is passed over.
        params: ``cedar.pictures``.

    Returns:
        ``Pictures`` and ``CedarRejections``.
    """
    rows: dict[str, Row] = {}
    lost: list[dict[str, str | None]] = []
    files = [f for f in picture_files if _suffix(f) not in RECORDS]
    with hired("child_process") as reader:  # a decoder may end the process it is in
        opened = reader.map(
            partial(_opened, params), (Task(file, _ONE_PICTURE) for file in files)
        )
        for file, outcome in zip(files, opened, strict=True):
            picture = (
                _no_picture(outcome.detail) if isinstance(outcome, Lost) else outcome
            )
            if isinstance(picture, UnreadableSource):
                lost.append(_rejected(file.name, picture))
                continue
            row = rows.setdefault(picture["sha256"], picture | {"sources": []})
            row["sources"].append(file.name)
    return frame(Pictures, rows.values()), frame(CedarRejections, lost)


def _suffix(file: SourceFile) -> str:
    return PurePosixPath(file.name).suffix.lower()


def _opened(params: PictureParameters, file: SourceFile) -> Row | UnreadableSource:
    try:
        data = read_bytes(file)
        digest = hashlib.sha256(data).hexdigest()
        known = {"picture_id": content_id(digest), "sha256": digest}
        return known | open_picture(data, params)
    except UnreadableSource as error:
        return error


def _no_picture(why: str) -> UnreadableSource:
    return UnreadableSource(
        "no_picture",
        f"It does not open as a picture ({why}): save it again as JPEG or PNG.",
    )


def _rejected(name: str, error: UnreadableSource) -> dict[str, str | None]:
    return rejection(
        content_id("picture", name),
        "prepare_pictures",
        error.reason,
        source=name,
        detail=error.detail,
    )


def open_picture(data: bytes, params: PictureParameters) -> dict[str, Any]:
    """Return ``kind``, ``width``, ``height`` and ``jpeg`` of a file, by its content.

    Raises:
        UnreadableSource: If it is no picture, or too small to show anything.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                kind = str(picture.format).lower()
                flat = _flat(ImageOps.exif_transpose(picture))
    except _UNOPENED as error:
        raise _no_picture(type(error).__name__) from error
    if min(flat.size) < params.min_side:
        raise UnreadableSource(
            "too_small",
            f"It has {flat.width} x {flat.height} pixels and needs"
            f" {params.min_side} on each side: give a larger one.",
        )
    flat.thumbnail((params.longest_side,) * 2, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    flat.save(file, "JPEG", quality=params.quality)
    size = {"width": flat.width, "height": flat.height}
    return {"kind": kind, "jpeg": file.getvalue(), **size}


def _flat(picture: Image.Image) -> Image.Image:
    """Return the picture on white, in a new image that knows nothing of the old."""
    seen = picture.convert("RGBA")
    flat = Image.new("RGB", seen.size, "white")
    flat.paste(seen, mask=seen.getchannel("A"))
    return flat
