"""Pictures as models and people see them: one form, and nothing about who took them."""

import hashlib
import io
import warnings
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

RECORDS = frozenset({".json", ".jsonl", ".csv", ".tsv", ".xlsx", ".xls"})
"""Ends of names of files that hold no picture."""
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
    for file in picture_files:
        if PurePosixPath(file.name).suffix.lower() in RECORDS:
            continue
        try:
            _add(rows, file, params)
        except UnreadableSource as error:
            lost.append(_rejected(file.name, error))
    return frame(Pictures, rows.values()), frame(CedarRejections, lost)


def _add(rows: dict[str, Row], file: SourceFile, params: PictureParameters) -> None:
    """Add a file's picture, or its name to the row of the same picture."""
    data = read_bytes(file)
    digest = hashlib.sha256(data).hexdigest()
    if digest not in rows:
        known = {"picture_id": content_id(digest), "sha256": digest, "sources": []}
        rows[digest] = known | open_picture(data, params)
    rows[digest]["sources"].append(file.name)


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
            with Image.open(io.BytesIO(data)) as picture:
                kind = str(picture.format).lower()
                flat = _flat(ImageOps.exif_transpose(picture))
    except _UNOPENED as error:
        raise UnreadableSource(
            "no_picture",
            f"It does not open as a picture ({type(error).__name__}): save it again as"
            " JPEG or PNG.",
        ) from error
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
