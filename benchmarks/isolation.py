"""``python benchmarks/isolation.py``: what reading in a child process costs.

The same files are read in a child process and in the run's own, by turns, each time by
a fresh program; the quickest of each counts.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import sections

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data/01_raw/sample"
TURNS = 5
WAYS = ("in_process", "child_process")


def read(what: str, way: str) -> tuple[float, float]:
    """Return the seconds that a first and a second reading take.

    The first starts what workers are forked from; a run does that once.
    """
    import yaml

    from psyche_kedro.pipelines.ingestion.parameters import (
        FileLimits,
        TextbookParameters,
    )

    conf = yaml.safe_load(
        (ROOT / "conf/base/parameters/ingestion.yml").read_text("utf-8")
    )["ingestion"]
    limits = FileLimits(**conf["limits"] | {"read_in": way})
    reading = partial(
        READ[what], limits=limits, params=TextbookParameters(**conf["textbooks"])
    )
    times = []
    for _ in range(2):
        start = time.perf_counter()
        reading()
        times.append(time.perf_counter() - start)
    return times[0], times[1]


def read_sample(limits, params) -> None:
    from psyche_kedro.datasets.source_files import SourceFilesDataset
    from psyche_kedro.pipelines.ingestion import nodes

    def files(kind: str):
        return SourceFilesDataset(path=str(SAMPLE / kind)).load()

    nodes.read_question_banks(files("question_banks"), limits)
    nodes.read_posts(files("posts"), limits)
    nodes.read_public_sets(files("public"), limits)
    nodes.read_textbooks(files("textbooks"), None, params, None, limits)


def read_book(limits, params) -> None:
    from psyche_kedro.datasets.source_files import SourceFile
    from psyche_kedro.pipelines.ingestion import nodes

    path = Path(tempfile.gettempdir(), "isolation-book.pdf")
    book = SourceFile("书.pdf", path.read_bytes, path.stat().st_size)
    nodes.read_textbooks([book], None, params, None, limits)


READ = {"the sample, three pages by OCR": read_sample, "a book of 300 pages": read_book}


def write_book() -> Path:
    """Write the 300-page book: the sample's born-digital one, over and over."""
    import pypdfium2

    path = Path(tempfile.gettempdir(), "isolation-book.pdf")
    with (
        pypdfium2.PdfDocument.new() as book,
        pypdfium2.PdfDocument(SAMPLE / "textbooks/社会与健康心理学.pdf") as source,
    ):
        while len(book) < 300:
            pages = range(min(len(source), 300 - len(book)))
            book.import_pages(source, list(pages))
        book.save(path)
    return path


def main() -> None:
    book = write_book()
    rows = []
    for what in READ:
        times = {way: [] for way in WAYS}
        for _ in range(TURNS):
            for way in WAYS:
                command = [sys.executable, __file__, what, way]
                said = subprocess.run(command, capture_output=True, check=True)
                times[way].append([float(t) for t in said.stdout.split()])
        first, then = zip(
            *([min(t[i] for t in times[way]) for i in (0, 1)] for way in WAYS),
            strict=True,
        )
        rows.append(
            f"| {what} | {first[0]:.2f} | {then[0] - first[0]:+.2f} | {first[1]:.2f} | "
            f"{then[1] / first[1] - 1:+.0%} |"
        )
    book.unlink()
    sections.put(
        "isolation",
        "`python benchmarks/isolation.py`\n\n"
        "| seconds | in process | child process, its start with it |"
        " in process, again | child process, again |\n|---|---:|---:|---:|---:|\n"
        + "\n".join(rows),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", choices=READ)
    parser.add_argument("way", nargs="?", choices=WAYS)
    given = parser.parse_args()
    if given.what:
        print(*read(given.what, given.way))
    else:
        main()
