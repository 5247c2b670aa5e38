"""What cannot be trusted is worked on elsewhere: its end is a word, not the run's."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from psyche_kedro.workers.tasks import Limits, Lost, Task
from psyche_kedro.workers.worker import InProcess, hired

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")

AMPLE = Limits(seconds=30, memory=500_000_000, depth=1000)
HASTE = AMPLE._replace(seconds=0.5)


def dig():
    return dig()


def fail():
    raise ValueError("words of a post")


def spin():
    while True:
        pass


ACTS = {
    "die": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "exit": sys.exit,
    "fill": lambda: bytearray(10**10),
    "dig": dig,
    "stall": lambda: time.sleep(60),
    "spin": spin,
    "wait": lambda: time.sleep(1.5) or "waited",
    "raise": fail,
    "speak": lambda: os.write(1, b"words") + os.write(2, b"words"),
    "pid": os.getpid,
    "unpicklable": lambda: lambda: None,
}


def act(what):
    """Do what a hostile file makes a library do."""
    return ACTS[what]() if what in ACTS else what


def do(*arguments, limits=AMPLE, **options):
    with hired("child_process") as worker:
        return list(worker.map(act, [Task(a, limits) for a in arguments], **options))


def reasons(outcomes) -> list[str]:
    return [o.reason if isinstance(o, Lost) else o for o in outcomes]


def test_results_come_in_the_order_of_the_tasks():
    assert do(*range(100)) == list(range(100))


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("die", "worker_died"),
        ("abort", "worker_died"),
        ("exit", "worker_died"),
        ("fill", "too_large"),
        ("dig", "nested_too_deeply"),
        ("raise", "failed"),
        ("unpicklable", "failed"),
    ],
)
def test_a_lost_task_costs_no_neighbour(what, reason):
    assert reasons(do("a", what, "b", what, "c")) == ["a", reason, "b", reason, "c"]


@pytest.mark.parametrize("what", ["stall", "spin"])
def test_a_task_that_never_ends_is_ended(what):
    assert reasons(do("a", what, "b", limits=HASTE)) == ["a", "too_slow", "b"]


def test_a_task_that_had_to_wait_is_not_ended():
    assert do("wait", limits=HASTE) == ["waited"]


def test_what_is_said_of_a_lost_task_quotes_nothing():
    (lost,) = do("raise")
    assert lost.detail.startswith("ValueError in test_worker.py:")
    assert "post" not in lost.detail


def test_a_worker_is_heard_by_no_one(capfd):
    do("speak")
    assert capfd.readouterr() == ("", "")


def test_after_so_many_that_end_the_worker_the_others_are_given_up():
    found = reasons(do("die", "a", "raise", "die", "b", most_lost=2))
    assert found == ["worker_died", "a", "failed", "worker_died", "given_up"]


def test_one_process_does_many_tasks_and_a_fresh_one_follows_a_lost_one():
    with hired("child_process") as worker:
        first = set(worker.map(act, [Task("pid", AMPLE)] * 40))
        list(worker.map(act, [Task("die", AMPLE)]))
        second = set(worker.map(act, [Task("pid", AMPLE)] * 40))
    assert len(first) == len(second) == 1
    assert len(first | second | {os.getpid()}) == 3


def leave_half(path: Path, n: int) -> str:
    """Die at the third task, unless a worker has died of it before."""
    if n == 3 and not path.exists():
        path.touch()
        os.abort()
    return f"task {n}"


def test_a_task_is_not_blamed_for_what_one_before_it_broke(tmp_path):
    function = partial(leave_half, tmp_path / "died")
    with hired("child_process") as worker:
        found = list(worker.map(function, [Task(n, AMPLE) for n in range(5)]))
    assert found == [f"task {n}" for n in range(5)]


def hold(n: int) -> int:
    """Take, and give back, what one task may take."""
    return len(bytearray(n)) // 1_000_000


def test_what_a_task_may_take_is_not_what_one_before_it_took():
    tasks = [Task(400_000_000, AMPLE)] * 4
    with hired("child_process") as worker:
        assert list(worker.map(hold, tasks)) == [400] * 4


def test_a_map_that_is_left_in_the_middle_leaves_nothing_to_the_next():
    with hired("child_process") as worker:
        left = worker.map(act, [Task(n, AMPLE) for n in range(9)])
        assert next(left) == 0
        left.close()
        assert list(worker.map(act, [Task("new", AMPLE)])) == ["new"]


def test_threads_have_workers_of_their_own():
    found: dict[int, list[object]] = {}

    def work(number: int) -> None:
        found[number] = do(*[number] * 50)

    threads = [threading.Thread(target=work, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [n] * 50 for n in range(6)}


def test_in_process_says_the_same_of_what_can_be_caught():
    tasks = [Task(a, AMPLE) for a in ("a", "raise", "dig")]
    here = list(InProcess().map(act, tasks))
    assert here == do("a", "raise", "dig")


PARENT = """
from test_worker import *
with hired("child_process") as worker:
    for found in worker.map(act, [Task("pid", AMPLE), Task("stall", AMPLE)]):
        print(found, flush=True)
"""


def is_alive(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text("ascii")
    except FileNotFoundError:
        return False


def test_no_worker_outlives_a_run_that_was_killed():
    run = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with run:
        worker = int(run.stdout.readline())
        assert is_alive(worker)
        run.kill()
    end = time.monotonic() + 5
    while is_alive(worker):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_module_that_computes_as_it_is_imported_hires_nobody():
    rows = import_module("computing_module").rows  # not for this module's own workers
    with hired("child_process") as worker:
        with pytest.raises(RuntimeError, match="the lines above say why"):
            list(worker.map(rows, [Task("a", AMPLE)]))
        assert list(worker.map(len, [Task("ab", AMPLE)])) == [2]
