"""A run whose process is gone is ended by the next one; every other is left alone."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from psyche_kedro.hooks import killed_runs
from whole_run import ROOT

# mlflow 3 under sqlalchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# What `kedro run` does at its start; then it goes on until it is told to end.
RUN = """
import sys
import mlflow
import kedro.framework.project  # sets up logging
from kedro.pipeline import Pipeline
from psyche_kedro.hooks.run_record import RunRecord

mlflow.set_tracking_uri(sys.argv[1])
record = RunRecord()
with mlflow.start_run() as run:
    mlflow.log_metric("rows.posts", 1, timestamp=4_102_444_800_000)
    asked = {"project_path": sys.argv[2], "pipeline_names": None}
    record.before_pipeline_run(asked, Pipeline([]), {})
    print("under way:", run.info.run_id, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path):
    """A tracking store of its own, and the client that reads it."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


@contextmanager
def running(store, project):
    """Yield a run under way in a process of its own: process, id and what it logged."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, store.tracking_uri, str(project)],
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT / "src"),
            "KEDRO_LOGGING_CONFIG": str(ROOT / "conf/logging.yml"),
        },
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        log = []
        while not log or not log[-1].startswith("under way: "):
            log.append(process.stdout.readline())
            assert log[-1], process.stderr.read()
        yield process, log[-1].split()[-1], "".join(log)
    finally:
        process.communicate(timeout=300)


def kill(process):
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=300) == -signal.SIGKILL


def killed(store, project) -> str:
    with running(store, project) as (process, run_id, _):
        kill(process)
    return run_id


def start_and_end(store, project) -> tuple[str, str]:
    """Run to the end; return the id and the log."""
    with running(store, project) as (process, run_id, log):
        pass
    assert process.returncode == 0
    return run_id, log


def status(store, run_id: str) -> str:
    return store.get_run(run_id).info.status


def test_the_next_run_ends_those_whose_process_is_gone_and_no_other(store, tmp_path):
    three = [running(store, tmp_path) for _ in range(3)]
    with three[0] as (_, alive, _), three[1] as (a, x, _), three[2] as (b, y, _):
        kill(a)
        kill(b)
        assert [status(store, run) for run in (alive, x, y)] == ["RUNNING"] * 3
        own, log = start_and_end(store, tmp_path)
        assert [status(store, run) for run in (x, y)] == ["KILLED"] * 2
        assert [status(store, run) for run in (alive, own)] == ["RUNNING", "FINISHED"]
    assert status(store, alive) == "FINISHED"
    assert "earlier runs ended as KILLED, for their processes are gone: 2" in log
    # A run ended with its last sign of life, not when someone noticed.
    assert store.get_run(x).info.end_time == 4_102_444_800_000
    assert not list((tmp_path / "data").rglob("*.lock")), "locks of runs that ended"


def test_a_run_that_cannot_be_told_to_be_gone_is_left_alone(
    store, tmp_path, monkeypatch
):
    monkeypatch.setattr(killed_runs, "MlflowClient", lambda: store)
    dead = killed(store, tmp_path)
    current = store.create_run(store.get_run(dead).info.experiment_id)
    tags = store.get_run(dead).data.tags
    assert tags["host"] == socket.gethostname()
    for tag, other in [
        ("host", "elsewhere"),
        ("host", None),
        ("lock", None),
        ("lock", f"{tags['lock']}.elsewhere"),
    ]:
        store.delete_tag(dead, tag)
        if other:
            store.set_tag(dead, tag, other)
        assert killed_runs.end_killed_runs(current.info) == 0
        assert status(store, dead) == "RUNNING"
        store.set_tag(dead, tag, tags[tag])
    assert killed_runs.end_killed_runs(current.info) == 1
    assert status(store, dead) == "KILLED"


def test_a_project_that_cannot_be_written_has_runs_without_lock(store, tmp_path):
    (tmp_path / "data").write_text("no folder")
    own, _ = start_and_end(store, tmp_path)
    assert status(store, own) == "FINISHED"
    assert "lock" not in store.get_run(own).data.tags
