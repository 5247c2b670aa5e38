"""A run gives the same tables wherever, and however, it runs."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from hooks.test_mlflow_hook import free_port, wait_for
from places import clean_environment, install_wheel, locale, small_root
from whole_run import ACCOUNTS, ROOT, Run

pytestmark = pytest.mark.slow

UTF8, GB18030 = "C.UTF-8", "zh_CN.GB18030"
# Every pair of models, runner, locale and place at least once.
MATRIX = [
    ("in_process", "SequentialRunner", UTF8, "checkout"),
    ("endpoint", "SequentialRunner", GB18030, "wheel"),
    ("in_process", "SequentialRunner", "C", "wheel"),
    ("endpoint", "ThreadRunner", UTF8, "wheel"),
    ("in_process", "ThreadRunner", GB18030, "checkout"),
    ("endpoint", "ThreadRunner", "C", "checkout"),
    ("in_process", "ParallelRunner", UTF8, "wheel"),
    ("endpoint", "ParallelRunner", GB18030, "checkout"),
    ("in_process", "ParallelRunner", "C", "checkout"),
]


WHOLE = "SELECT status FROM runs WHERE name LIKE '% · %'"  # no chapter of one
NAMING = ("accounts", "account", "writers")  # tables that count by model


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    return small_root(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> tuple[str, str]:
    return install_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def endpoint():
    url = f"http://127.0.0.1:{(port := free_port())}/v1"
    command = [sys.executable, "-m", "psyche_kedro.offline", "--port", str(port)]
    server = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(f"{url}/models")
    yield {"PSYCHE_BASE_URL": url, "PSYCHE_API_KEY": "none"}
    server.kill()
    server.wait()


@pytest.fixture(scope="module")
def first() -> dict[str, dict[str, pl.DataFrame]]:
    """Tables of the first run, and of the first with the same models."""
    return {}


@pytest.mark.parametrize(("models", "runner", "language", "place"), MATRIX)
def test_tables_are_the_same(  # noqa: PLR0913, PLR0917
    models, runner, language, place, raw, wheel, endpoint, first, tmp_path
):
    python, conf = wheel if place == "wheel" else (sys.executable, str(ROOT / "conf"))
    folder = tmp_path if place == "wheel" else ROOT
    data = tmp_path / "data"
    environment = clean_environment() | endpoint | locale(language, tmp_path)
    if place == "checkout":
        environment["PYTHONPATH"] = str(ROOT / "src")
        environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{data}/mlflow.db"
        data.mkdir()
    command = [python, "-m", "psyche_kedro", f"--conf-source={conf}"]
    command += ["--pipelines=ingestion,cleaning,reporting", f"--runner={runner}"]
    command += ["--params", f"raw={raw},data={data}"]
    if models == "endpoint":
        command.append("--env=endpoint")
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=False
    )
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, said[-3000:]
    assert said.count("model calls") == 1, "one summary"
    assert runs_of(data / "mlflow.db") == ["FINISHED"]
    run = Run(data, said)
    names = {name.partition("/")[0] for name in run.paths}
    tables = {name: run.table(name) for name in names - ACCOUNTS}
    assert "useful_posts" in tables
    for those, as_said in (("all", without_names(tables)), (models, tables)):
        assert as_said.keys() == first.setdefault(those, as_said).keys()
        other = {n for n, t in as_said.items() if not t.equals(first[those][n])}
        assert not other, those


def runs_of(store: Path) -> list[str]:
    with closing(sqlite3.connect(store)) as database:
        return [row[0] for row in database.execute(WHOLE)]


def without_names(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return the tables but for the names of models, of which an endpoint has its own.

    Counts by writer, and the addresses of replies, are of names.
    """
    plain = {n: t for n, t in tables.items() if not n.endswith(NAMING)}
    return {n: t.drop("model", "reply_key", strict=False) for n, t in plain.items()}
