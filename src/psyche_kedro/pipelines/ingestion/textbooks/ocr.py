"""OCR engines that run here: rapidocr, whose models come in its wheel, and tesseract.

On rendered Chinese textbook pages rapidocr lost 0.1 to 2.5 % of the Han characters,
tesseract 1.9 to 3.1 % (tried). A page with a line of low score may have lost one: it is
flagged, not dropped.
"""

import csv
import importlib.util
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL.Image import Image

from psyche_kedro.errors import OcrError
from psyche_kedro.pipelines.ingestion.textbooks.reading_order import (
    TextBox,
    is_sideways,
    to_text,
)
from psyche_kedro.workers.tasks import Limits, Lost, Task
from psyche_kedro.workers.worker import Worker

_QUARTER_TURNS = (90, 270)
_LINES_TRIED = 3
"""Lines of a page that tell whether it stands on its head."""
_SURE = 0.9
"""Score of a line that stands upright."""
_TESSERACT_LANGUAGE = "chi_sim"
_TESSERACT_SECONDS = 300
WORD = "5"  # level of a row of tesseract's TSV


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

    @property
    def identity(self) -> str:
        """Name and version: another version may read otherwise."""
        ...

    def read(self, image: Image) -> OcrText:
        """Return the text of a page; empty where none was found.

        Raises:
            OcrError: If the engine failed.
        """
        ...

    def lacks(self) -> str | None:
        """Return what is to be installed before it can read, or None."""
        ...


def installed_engines(names: Sequence[str]) -> list[OcrEngine]:
    """Return the engines of ``names`` that this machine has, in that order."""
    return [engine for engine in map(_engine, names) if engine.lacks() is None]


def missing_engines(names: Sequence[str]) -> list[str]:
    """Return what is to be installed for those that this machine has not."""
    return [lack for engine in map(_engine, names) if (lack := engine.lacks())]


@cache
def _engine(name: str) -> OcrEngine:
    return Rapidocr() if name == "rapidocr" else Tesseract()


class HiredEngine:
    """An engine that a worker keeps and asks, so that no picture takes the run along.

    Args:
        engine: The engine, of which no more than its name is sent.
        worker: Who asks it.
        limits: What reading one page may take.
    """

    def __init__(self, engine: OcrEngine, worker: Worker, limits: Limits) -> None:
        self.name = engine.name
        self.identity = engine.identity
        self.lacks = engine.lacks
        self._worker = worker
        self._limits = limits

    def read(self, image: Image) -> OcrText:
        """Return the text of a page.

        Raises:
            OcrError: If the engine failed, or took more than it may.
        """
        task = Task((self.name, image), self._limits)
        (read,) = self._worker.map(_read_with, [task])
        if isinstance(read, Lost):
            raise OcrError(read.detail if read.reason == "failed" else read.reason)
        text: OcrText = read
        return text


def _read_with(what: tuple[str, Image]) -> OcrText:
    name, image = what
    return _engine(name).read(image)


class Rapidocr:
    """PP-OCR models on onnxruntime, one thread."""

    name = "rapidocr"

    def __init__(self) -> None:
        self._reader: Any = None

    @property
    def identity(self) -> str:
        """The package's version; its models come in the wheel."""
        return f"{self.name}@{metadata.version(self.name)}"

    def lacks(self) -> str | None:
        """Return what is to be installed before it can read, or None."""
        if importlib.util.find_spec("rapidocr"):
            return None
        return "rapidocr is not installed (`pip install psyche-kedro[ocr]`)"

    def read(self, image: Image) -> OcrText:
        """Return the text of a page; one on its side or upside down is turned first.

        Raises:
            OcrError: If the reader fails on the page.
        """
        boxes, scores = self._boxes(image)
        if boxes and self._is_upside_down(image, boxes):
            boxes, scores = self._boxes(image.rotate(180))
        if boxes and is_sideways(boxes):
            turned = [self._boxes(image.rotate(a, expand=True)) for a in _QUARTER_TURNS]
            boxes, scores = max(turned, key=lambda f: sum(f[1]) / max(len(f[1]), 1))
        return OcrText(to_text(boxes), min(scores, default=None))

    def _is_upside_down(self, image: Image, boxes: Sequence[TextBox]) -> bool:
        """Return whether most of the longest lines read better when turned.

        The reader turns each line by itself, and so reads such a page from its end.
        """
        longest = sorted(boxes, key=lambda b: b.left - b.right)[:_LINES_TRIED]
        turned = 0
        for box in longest:
            line = image.crop((box.left, box.top, box.right, box.bottom))
            score = self._score(line)
            if score > _SURE:
                return False
            turned += self._score(line.rotate(180)) > score
        return turned * 2 > len(longest)

    def _score(self, line: Image) -> float:
        read = self._load()(np.asarray(line), use_det=False, use_cls=False)
        return float(max(read.scores or (0.0,)))

    def _boxes(self, image: Image) -> tuple[list[TextBox], list[float]]:
        reader = self._load()
        try:
            # It keeps what a call before asked for.
            result = reader(np.asarray(image), use_det=True, use_cls=True)
        except Exception as error:  # its errors have no narrower class in common
            raise OcrError(type(error).__name__) from error
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

    @cached_property
    def identity(self) -> str:
        """The binary's version, and its model."""
        version = _run(["--version"]).stdout.split()[1]
        return f"{self.name}@{version}-{_TESSERACT_LANGUAGE}"

    def lacks(self) -> str | None:
        """Return what is to be installed before it can read, or None."""
        if shutil.which("tesseract") is None:
            return (
                "tesseract is not on the PATH (`apt install tesseract-ocr "
                "tesseract-ocr-chi-sim`, `brew install tesseract tesseract-lang`)"
            )
        listed = _run(["--list-langs"]).stdout.split()
        if _TESSERACT_LANGUAGE in listed:
            return None
        return (
            f"tesseract lacks its model {_TESSERACT_LANGUAGE} (`apt install "
            "tesseract-ocr-chi-sim`, `brew install tesseract-lang`)"
        )

    def read(self, image: Image) -> OcrText:
        """Return the text of a page; one that lies on its side is turned first.

        Raises:
            OcrError: If tesseract does not end well.
        """
        with TemporaryDirectory() as folder:
            page, found = Path(folder, "page.png"), Path(folder, "found")
            image.save(page)
            _recognise(page, found)
            text = found.with_suffix(".txt").read_text("utf-8").strip()
            return OcrText(text, _lowest_line(found.with_suffix(".tsv")))


def _recognise(page: Path, found: Path) -> None:
    options = ["-l", _TESSERACT_LANGUAGE, "--psm", "1"]  # 1: finds the page's rotation
    for output in ("txt", "tsv"):
        options += ["-c", f"tessedit_create_{output}=1"]
    try:
        done = _run([str(page), str(found), *options])
    except subprocess.TimeoutExpired as error:
        raise OcrError(f"no end after {_TESSERACT_SECONDS} s") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise OcrError(said[-1] if said else f"exit code {done.returncode}")


def _run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # Two OpenMP threads cost 10 times the CPU seconds of one on small machines (tried):
    # parallelise by process instead.
    return subprocess.run(  # noqa: S603
        ["tesseract", *arguments],  # noqa: S607
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        timeout=_TESSERACT_SECONDS,
        env=os.environ | {"OMP_THREAD_LIMIT": "1"},
    )


def _lowest_line(tsv: Path) -> float | None:
    """Return the lowest mean word score of a line, in [0, 1]; None without a word."""
    lines: dict[tuple[str, ...], list[float]] = defaultdict(list)
    with tsv.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["level"] == WORD and row["text"].strip():
                place = row["block_num"], row["par_num"], row["line_num"]
                # A word of n characters counts n times.
                lines[place] += [float(row["conf"]) / 100] * len(row["text"])
    return min((sum(line) / len(line) for line in lines.values()), default=None)
