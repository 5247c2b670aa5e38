"""A run is one run in MLflow, and goes on where MLflow does not."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from whole_run import ROOT, run_kedro, tracking

# In one process, as a notebook has it: run, be interrupted, run again.
NOTEBOOK = """
import sys
from pathlib import Path
import mlflow
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner

class Interrupted(SequentialRunner):
    def run(self, *args, **kwargs):
        raise KeyboardInterrupt

project = Path.cwd()
bootstrap_project(project)
def run(name, **how):
    with KedroSession.create(project, runtime_params={"data": sys.argv[1]}) as session:
        session.run(pipeline_names=[name], **how)
run("ingestion")
try:
    run("cleaning", runner=Interrupted())
except KeyboardInterrupt:
    pass
run("reporting")
assert mlflow.active_run() is None
client = mlflow.MlflowClient()
for run in client.search_runs(["1"], order_by=["attributes.start_time"]):
    rows = [name for name in run.data.metrics if name.startswith("rows.")]
    tables = [name for name in ("posts", "funnel") if f"rows.{name}" in rows]
    print(run.info.run_name.split(" · ")[0], run.info.status, *tables)
"""


def test_two_runs_of_one_process_are_two_in_mlflow(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, str(tmp_path / "data")],
        cwd=ROOT,
        env=os.environ | tracking(tmp_path) | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.splitlines()[-3:] == [
        "ingestion FINISHED posts",
        "cleaning KILLED",
        "reporting FINISHED funnel",
    ]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def report(folder, **environment: str) -> subprocess.CompletedProcess[str]:
    data = f"data={folder / 'data'}"
    run = ("run", "--pipeline=reporting", "--params", data)
    return run_kedro(*run, data=folder, **environment)


def said_once(done: subprocess.CompletedProcess[str]) -> bool:
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-2000:]
    assert "Traceback" not in said
    assert "WARNING urllib3" not in said
    return said.count("MLflow records nothing more of this run") == 1


def test_a_server_that_is_not_there_is_a_warning(tmp_path):
    began = time.monotonic()
    uri = f"http://127.0.0.1:{free_port()}"
    assert said_once(report(tmp_path, MLFLOW_TRACKING_URI=uri))
    assert time.monotonic() - began < 120
    assert (tmp_path / "data/08_reporting/report.html").exists()


def wait_for(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5)  # noqa: S310
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_dies_under_a_run_is_a_warning(tmp_path, ending):
    port = free_port()
    store = f"sqlite:///{tmp_path}/server.db"
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--workers=1",
            f"--port={port}",
            f"--backend-store-uri={store}",
            f"--artifacts-destination={tmp_path}/art",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        run = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "psyche_kedro",
                "--pipelines=reporting",
                "--params",
                f"data={tmp_path}/data",
            ],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": str(ROOT / "src")}
            | {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        log = []
        with run:
            for line in iter(run.stdout.readline, ""):
                log.append(line)
                if "Completed 1 out of" in line:
                    os.killpg(server.pid, ending)
        said = "".join(log)
        assert "Completed 1 out of" in said
        assert run.returncode == 0, said[-2000:]
        assert said.count("MLflow records nothing more of this run") == 1
        assert "Traceback" not in said
        assert (tmp_path / "data/08_reporting/report.html").exists()
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
