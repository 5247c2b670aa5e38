"""Works and parts of tests: small, and as bad as those of users."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from psyche_kedro.errors import LeakError, UnreadableSource
from psyche_kedro.partitions.engines import InProcess, MapEngine, Processes
from psyche_kedro.partitions.parts import TablePart
from psyche_kedro.partitions.ray_engine import Ray
from psyche_kedro.partitions.store import PartitionStore
from psyche_kedro.partitions.work import Done, TableFile
from psyche_kedro.workers.tasks import Limits

AMPLE = Limits(seconds=60, memory=2_000_000_000, depth=1000)


def part(path: Path) -> TablePart:
    return TablePart(TableFile(str(path), 0, "", 0))


def parts(folder: Path, n: int) -> list[TablePart]:
    """Parts of three rows each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05d}.parquet" for number in range(n)]
    for number, path in enumerate(paths):
        pl.DataFrame({"n": range(3 * number, 3 * number + 3)}).write_parquet(path)
    return [part(path) for path in paths]


def engine(root: Path, kind: str = "in_process", workers: int = 2) -> MapEngine:
    crews = {
        "in_process": InProcess(),
        "processes": Processes(workers, AMPLE),
        "ray": Ray(workers, AMPLE.seconds, root.with_name("ray")),
    }
    return MapEngine(PartitionStore(str(root)), crews[kind])


@dataclass
class Double:
    """Doubles; what happens at a number is told by it. Each call leaves its mark."""

    marks: Path
    factor: int = 2
    library: str = "reader@1"
    at: dict[int, str] = field(default_factory=dict)

    name = "double"
    faults = (UnreadableSource,)

    @property
    def identity(self) -> str:
        return f"{self.factor} {self.library}"

    def start(self) -> None:
        self.marks.mkdir(parents=True, exist_ok=True)
        (self.marks / f"worker.{os.getpid()}").touch()

    def __call__(self, partition: TablePart):
        rows = partition.read()
        with (self.marks / "calls").open("a", encoding="utf-8") as file:
            file.write(f"{partition.name}\n")
        for number, act in self.at.items():
            if number in rows["n"]:
                ACTS[act]()
        kept = rows.filter(pl.col("n") % 3 > 0) * self.factor
        return {"kept": kept, "rejected": rows.filter(pl.col("n") % 3 == 0)}


def leak():
    raise LeakError("post 'a1' holds a phone")


def fail():
    raise KeyError("words of a post")


ACTS = {
    "die": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "leak": leak,
    "fail": fail,
    "stall": lambda: time.sleep(600),
    "linger": lambda: time.sleep(0.3),
}


def called(work: Double) -> list[str]:
    calls = work.marks / "calls"
    return calls.read_text("utf-8").split() if calls.exists() else []


def is_alive(pid: int) -> bool:
    try:
        state = (
            Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
        )
    except FileNotFoundError:
        return False
    return state != "Z"


def kill_after_three(command: list[str], work: Double) -> None:
    """Kill a driver that has three parts done; its workers end within 5 s."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert [driver.stdout.readline() for _ in range(3)]
        workers = [int(p.suffix[1:]) for p in work.marks.glob("worker.*")]
        driver.kill()
    killed = time.monotonic()
    while any(map(is_alive, workers)):
        assert time.monotonic() - killed < 5
        time.sleep(0.05)
    assert workers


def assert_goes_on(root: Path, inputs: Path, work: Double, kind: str) -> None:
    """See that another engine finds the three, and does the others."""
    results = list(engine(root, kind).map(work, parts(inputs, 6)))
    assert [r.found for r in results[:3]] == [True] * 3
    assert all(isinstance(r, Done) for r in results)
