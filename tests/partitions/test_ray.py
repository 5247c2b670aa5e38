"""Ray gives the same bytes, and listens to this machine alone."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from works import Double, assert_goes_on, engine, kill_after_three, parts

from psyche_kedro.errors import ConfigurationError, PartitionError
from psyche_kedro.partitions.engines import MapEngine
from psyche_kedro.partitions.ray_engine import Ray
from psyche_kedro.partitions.store import PartitionStore
from psyche_kedro.partitions.work import Done, Lost

# Not imported here: what keeps it to this machine must be set before.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is absent"),
]


@pytest.fixture(scope="module")
def ray(tmp_path_factory):
    """Ray of this machine, which gives up on itself after 30 s of a busy one."""
    crew = Ray(2, 60, tmp_path_factory.mktemp("ray") / "ray")
    for _ in range(5):
        with suppress(ConfigurationError):
            crew.connected()
            break
    yield
    crew.connected().shutdown()


@pytest.fixture
def work(tmp_path) -> Double:
    return Double(tmp_path / "marks")


def files(root: Path) -> dict[str, bytes]:
    found = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): p.read_bytes() for p in found}


def test_ray_leaves_the_bytes_that_this_process_leaves(ray, tmp_path, work):
    some = parts(tmp_path / "in", 9)
    told = [
        [
            (r.name, r.rows, r.address)
            for r in engine(tmp_path / kind, kind).map(work, some)
        ]
        for kind in ("in_process", "ray")
    ]
    assert told[0] == told[1]
    assert files(tmp_path / "in_process") == files(tmp_path / "ray")


def test_another_engine_finds_what_ray_has_finished(ray, tmp_path, work):
    some = parts(tmp_path / "in", 4)
    list(engine(tmp_path / "store", "ray").map(work, some[:2]))
    results = engine(tmp_path / "store", "processes").map(work, some)
    assert [r.found for r in results] == [True, True, False, False]


def test_a_part_that_its_workers_die_of_is_lost(ray, tmp_path, work):
    poisoned = replace(work, at={4: "die"})
    results = list(
        engine(tmp_path / "store", "ray", 1).map(poisoned, parts(tmp_path / "in", 3))
    )
    assert [type(r) for r in results] == [Done, Lost, Done]
    assert results[1].reason == "worker_died"


def test_a_worker_that_is_killed_costs_nothing(ray, tmp_path, work):
    slow = replace(work, at=dict.fromkeys(range(0, 18, 3), "linger"))
    results = engine(tmp_path / "store", "ray").map(slow, parts(tmp_path / "in", 6))
    told = [next(results)]
    for mark in work.marks.glob("worker.*"):
        os.kill(int(mark.suffix[1:]), signal.SIGKILL)
    told += results
    assert [type(r) for r in told] == [Done] * 6


def test_a_fault_of_the_work_is_named_once_the_others_are_done(ray, tmp_path, work):
    faulty = replace(work, at={1: "leak"})
    told = []
    with pytest.raises(PartitionError, match="holds a phone"):
        told.extend(
            engine(tmp_path / "s", "ray").map(faulty, parts(tmp_path / "in", 3))
        )
    assert len(told) == 2


def test_a_worker_that_cannot_begin_ends_the_run_in_a_sentence(ray, tmp_path, work):
    class Elsewhere:
        """Its machine lacks what the work is made of."""

        def __reduce__(self):
            return __import__, ("no_such_module",)

    lacking = replace(work, at=Elsewhere())
    with pytest.raises(ConfigurationError, match="install the same release"):
        list(engine(tmp_path / "s", "ray").map(lacking, parts(tmp_path / "in", 1)))


def test_more_workers_than_the_machines_hold_wait_their_turn(ray, tmp_path, work):
    crew = Ray(9, 60, tmp_path / "ray", resources={"num_cpus": 2, "memory": 1})
    store = PartitionStore(str(tmp_path / "store"))
    results = list(MapEngine(store, crew).map(work, parts(tmp_path / "in", 6)))
    assert [type(r) for r in results] == [Done] * 6


def test_a_part_that_takes_too_long_is_lost(ray, tmp_path, work):
    crew = Ray(2, 5, tmp_path / "ray")
    store = PartitionStore(str(tmp_path / "store"))
    stalled = replace(work, at={4: "stall"})
    results = list(MapEngine(store, crew).map(stalled, parts(tmp_path / "in", 3)))
    assert [type(r) for r in results] == [Done, Lost, Done]
    assert (results[1].reason, results[1].detail) == ("too_slow", "it takes over 5 s")


def test_machines_without_room_for_one_worker_are_named(ray, tmp_path, work):
    crew = Ray(1, 60, tmp_path / "ray", resources={"num_cpus": 3})
    store = PartitionStore(str(tmp_path / "store"))
    with pytest.raises(ConfigurationError, match="'CPU': 3"):
        list(MapEngine(store, crew).map(work, parts(tmp_path / "in", 1)))


def test_ray_listens_to_this_machine_alone_and_its_folder_is_private(
    ray, tmp_path, work
):
    list(engine(tmp_path / "store", "ray").map(work, parts(tmp_path / "in", 2)))
    import ray as library

    session = Path(library._private.worker._global_node.get_temp_dir_path())
    assert stat.S_IMODE(session.parent.stat().st_mode) == 0o700
    heard = listening(str(session))
    assert len(heard) > 1
    assert set(heard) <= {"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"}


def listening(session: str) -> list[str]:
    """The addresses at which the programs of a session of Ray listen."""
    heard = subprocess.run(
        ["ss", "-ltnpH"], capture_output=True, check=True, encoding="utf-8"
    )
    return [
        line.split()[3].rpartition(":")[0]
        for line in heard.stdout.splitlines()
        for pid in re.findall(r"pid=(\d+)", line)
        if is_of(session, int(pid))
    ]


def is_of(session: str, pid: int) -> bool:
    with suppress(OSError):
        said = Path(f"/proc/{pid}/cmdline").read_text("utf-8")
        return session in said or said.startswith("ray::")
    return False


def test_who_stops_listening_waits_for_nothing(ray, tmp_path, work):
    crew = Ray(2, 600, tmp_path / "ray")
    stalled = replace(work, at={3: "stall", 6: "stall"})
    store = PartitionStore(str(tmp_path / "store"))
    results = MapEngine(store, crew).map(stalled, parts(tmp_path / "in", 4))
    next(results)
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 60  # and not the 600 s of a part that stalls


# ---- in programs of their own ----------------------------------------------------

DRIVER = """
import sys; sys.path[:] = {path!r}
from pathlib import Path
from works import Double, engine, parts
work = Double(Path({marks!r}), at={{9: "stall", 12: "stall"}})
for result in engine(Path({root!r}), "ray").map(work, parts(Path({inputs!r}), 6)):
    print(result.name, flush=True)
"""

TWO_NODES = """
import sys; sys.path[:] = {path!r}
import os
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
from pathlib import Path
from psyche_kedro.partitions.engines import MapEngine
from psyche_kedro.partitions.ray_engine import Ray
from psyche_kedro.partitions.store import PartitionStore
from works import Double, parts
from ray.cluster_utils import Cluster
node = dict(num_cpus=1, include_dashboard=False, node_ip_address="127.0.0.1")
cluster = Cluster(True, head_node_args=node | {{"temp_dir": {folder!r}}})
other = cluster.add_node(**node)
crew = Ray(2, 60, None, address=cluster.address)
engine = MapEngine(PartitionStore({root!r}), crew)
work = Double(Path({marks!r}), at=dict.fromkeys(range(0, 27, 3), "linger"))
for n, result in enumerate(engine.map(work, parts(Path({inputs!r}), 9))):
    if n == {lost_after}:
        cluster.remove_node(other, allow_graceful=False)
crew.connected().shutdown()
cluster.shutdown()
"""


def program(code: str, **said: object) -> list[str]:
    said = {k: str(v) if isinstance(v, Path) else v for k, v in said.items()}
    return [sys.executable, "-c", code.format(path=sys.path, **said)]


@pytest.mark.parametrize("lost_after", [None, 2])
def test_two_nodes_leave_the_bytes_that_this_process_leaves(tmp_path, work, lost_after):
    inputs, folder = tmp_path / "in", tempfile.mkdtemp(prefix="ray-")
    lingering = replace(work, at=dict.fromkeys(range(0, 27, 3), "linger"))
    list(engine(tmp_path / "here").map(lingering, parts(inputs, 9)))
    marks = tmp_path / "there-marks"
    said = {"marks": marks, "root": tmp_path / "there", "inputs": inputs}
    command = program(TWO_NODES, lost_after=lost_after, folder=folder, **said)
    # A worker finds the work of these tests as it would an installed one.
    lent = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=lent)
    shutil.rmtree(folder)
    assert files(tmp_path / "here") == files(tmp_path / "there")
    assert len(list(marks.glob("worker.*"))) > 1  # a node holds one


def test_a_killed_driver_leaves_no_worker_and_another_engine_goes_on(tmp_path, work):
    root, inputs = tmp_path / "store", tmp_path / "in"
    command = program(DRIVER, marks=work.marks, root=root, inputs=inputs)
    kill_after_three(command, work)
    assert_goes_on(root, inputs, work, "processes")
