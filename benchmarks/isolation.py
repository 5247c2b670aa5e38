"""``python benchmarks/isolation.py``: what reading in a child process costs.

The same files are read in a child process and in the run's own, by turns, each time by
a fresh program. What counts is CPU time, the children's with it: a child reads beside
the run, so that the clock may even be in its favour.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import sections

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data/01_raw/sample"
TURNS = 7
WAYS = ("in_process", "child_process")


def read(what: str, way: str) -> list[float]:
    """Return the CPU seconds and the seconds of a first and of a second reading.

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
    spent = cpu_clock()
    times = []
    for _ in range(2):
        cpu, clock = spent(), time.perf_counter()
        reading()
        times += [spent() - cpu, time.perf_counter() - clock]
    return times


def cpu_clock():
    """Return a clock of the CPU time of this program and all that it started.

    No parent is told what a worker took, which is read before it is ended.
    """
    from psyche_kedro.workers import worker

    gone = [0.0]
    kill = worker.ChildProcess._kill

    def read_and_kill(self):
        gone.append(taken_by(self._pid))
        kill(self)

    worker.ChildProcess._kill = read_and_kill
    return lambda: (
        sum(os.times()[:4])
        + sum(gone)
        + sum(taken_by(nursery._process.pid) for nursery in worker._started)
    )


def taken_by(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:  # it was stopped, and counted then
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


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
        for turn in range(TURNS):
            for way in WAYS[:: 1 if turn % 2 else -1]:
                command = [sys.executable, __file__, what, way]
                said = subprocess.run(command, capture_output=True, check=True)
                times[way].append([float(t) for t in said.stdout.split()])
        alone, child = ([*zip(*times[way], strict=True)] for way in WAYS)
        for i, which in ((0, "its start with it"), (2, "again")):
            more = [c / a - 1 for a, c in zip(alone[i], child[i], strict=True)]
            rows.append(
                f"| {what}, {which} | {median(alone[i]):.2f} | {median(child[i]):.2f} |"
                f" {median(more):+.0%} ({min(more):+.0%} to {max(more):+.0%}) |"
                f" {median(alone[i + 1]):.2f} | {median(child[i + 1]):.2f} |"
            )
    book.unlink()
    sections.put(
        "isolation",
        f"`python benchmarks/isolation.py`, medians of {TURNS} pairs\n\n"
        "| | CPU s, in process | CPU s, child process | more, of a pair |"
        " s, in process | s, child process |\n|---|---:|---:|---:|---:|---:|\n"
        + "\n".join(rows)
        + f"\n\nThe load of the machine was {os.getloadavg()[2]:.0f}. A run pays the"
        " start once: the child imports what the run has imported.",
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
