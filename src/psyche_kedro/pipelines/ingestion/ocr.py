"""OCR engines that run here: rapidocr, whose models come in its wheel, and tesseract.

On rendered Chinese textbook pages rapidocr lost 0.1 to 2.5 % of the Han characters,
tesseract 1.9 to 3.1 % (tried). A page whose lowest line score is below 0.9 may have
lost a line: it is flagged, not dropped.
"""

import importlib.util
import io
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL.Image import Image

from psyche_kedro.pipelines.ingestion.reading_order import (
    TextBox,
    is_sideways,
    to_text,
)

QUARTER_TURNS = (90, 270)
TESSERACT_LANGUAGE = "chi_sim"


class OcrText(NamedTuple):
    """What an engine read.

    Attributes:
        text: Lines, with an empty line between paragraphs.
        confidence: Lowest line score in [0, 1]; None where the engine gives none.
    """

    text: str
    confidence: float | None


class OcrEngine(Protocol):
    """Reads a picture of a page."""

    @property
    def name(self) -> str:
        """What the ``engine`` column says."""
        ...

    def read(self, image: Image) -> OcrText:
        """Return the text of a page; empty where none was found."""
        ...


def installed_engines(names: Sequence[str]) -> list[OcrEngine]:
    """Return the engines of ``names`` that this machine has, in that order."""
    return [engine for name in names if (engine := _engine(name)) is not None]


@cache
def _engine(name: str) -> OcrEngine | None:
    if name == "rapidocr":
        return Rapidocr() if importlib.util.find_spec("rapidocr") else None
    return Tesseract() if shutil.which("tesseract") else None


class Rapidocr:
    """PP-OCR models on onnxruntime, one thread."""

    name = "rapidocr"

    def __init__(self) -> None:
        self._reader: Any = None

    def read(self, image: Image) -> OcrText:
        """Return the text of a page; one that lies on its side is turned first."""
        boxes, scores = self._boxes(image)
        if boxes and is_sideways(boxes):
            turned = [self._boxes(image.rotate(a, expand=True)) for a in QUARTER_TURNS]
            boxes, scores = max(turned, key=lambda f: sum(f[1]) / max(len(f[1]), 1))
        return OcrText(to_text(boxes), min(scores, default=None))

    def _boxes(self, image: Image) -> tuple[list[TextBox], list[float]]:
        result = self._load()(np.asarray(image))
        if result.boxes is None:
            return [], []
        boxes = [
            _text_box(box, text)
            for box, text in zip(result.boxes, result.txts, strict=True)
        ]
        return boxes, [float(score) for score in result.scores]

    def _load(self) -> Any:
        if self._reader is None:
            from rapidocr import RapidOCR  # noqa: PLC0415  the extra `ocr`

            threads = "EngineConfig.onnxruntime.{}_op_num_threads"
            self._reader = RapidOCR(
                params={
                    "Global.log_level": "error",
                    threads.format("intra"): 1,
                    threads.format("inter"): 1,
                }
            )
        return self._reader


def _text_box(corners: Any, text: str) -> TextBox:
    """Return the upright box around a recognised quadrilateral, ``[4, 2]`` corners."""
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return TextBox(float(left), float(top), float(right), float(bottom), text)


class Tesseract:
    """The tesseract binary with its simplified Chinese model."""

    name = "tesseract"

    def read(self, image: Image) -> OcrText:
        """Return the text of a page."""
        png = io.BytesIO()
        image.save(png, "png")
        # Two OpenMP threads cost 10 times the CPU seconds of one on small machines
        # (tried): parallelise by process instead.
        done = subprocess.run(  # noqa: S603
            ["tesseract", "-", "-", "-l", TESSERACT_LANGUAGE, "--psm", "3"],  # noqa: S607
            input=png.getvalue(),
            capture_output=True,
            check=False,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        )
        return OcrText(done.stdout.decode("utf-8", "replace").strip(), None)
