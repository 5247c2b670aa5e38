"""Ray gives the same bytes, and listens to this machine alone."""

import os
import signal
import stat
import subprocess
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from works import Double, engine, parts

from psyche_kedro.errors import ConfigurationError, PartitionError
from psyche_kedro.partitions.ray_engine import Ray
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


def test_ray_listens_to_this_machine_alone_and_its_folder_is_private(
    ray, tmp_path, work
):
    list(engine(tmp_path / "store", "ray").map(work, parts(tmp_path / "in", 2)))
    heard = subprocess.run(
        ["ss", "-ltnpH"], capture_output=True, check=True, encoding="utf-8"
    )
    lines = [x for x in heard.stdout.splitlines() if "raylet" in x or "gcs_server" in x]
    assert lines
    addresses = {line.split()[3].rpartition(":")[0] for line in lines}
    assert addresses <= {"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"}
    import ray as library

    session = Path(library._private.worker._global_node.get_temp_dir_path())
    assert stat.S_IMODE(session.parent.stat().st_mode) == 0o700
