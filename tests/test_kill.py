"""A run killed in the middle of synthesis goes on, and pays for nothing twice."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager

import polars as pl
import pytest

from whole_run import ACCOUNTS, ROOT, Run, tracking

CHAPTERS = "ingestion,cleaning,synthesis"
# Model names and the addresses made of them are what the endpoint changes.
NAMES = ("model", "rationale_model", "reply_key", "rationale_key", "judge_key")
NAMES += ("choice_key", "refinement_key")


@contextmanager
def endpoint(log, latency: float):
    """Serve the offline model on loopback; yields its URL."""
    command = [sys.executable, "-m", "psyche_kedro.offline", "--port", "0"]
    with log.open("w") as out:
        server = subprocess.Popen(
            [*command, "--latency", str(latency)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield f"http://127.0.0.1:{port_of(log)}/v1"
    finally:
        server.terminate()
        server.wait(timeout=60)


def port_of(log) -> str:
    for _ in range(3_000):
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()):
            return found[1]
        time.sleep(0.1)
    raise TimeoutError("the offline endpoint did not start")


def start(data, url):
    kedro = [sys.executable, "tests/recorded_run.py", str(data / "requests.jsonl")]
    arguments = ["run", "--env=endpoint", f"--pipelines={CHAPTERS}"]
    return subprocess.Popen(
        [*kedro, *arguments, "--params", f"data={data}"],
        cwd=ROOT,
        env=os.environ
        | tracking(data)
        | {"PSYCHE_BASE_URL": url, "PSYCHE_API_KEY": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def stored(data) -> int:
    store = data / "replies.sqlite"
    if not store.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
            # Of the endpoint only: a page that this machine reads is kept there too.
            query = "SELECT count(*) FROM replies WHERE model LIKE 'offline-%'"
            return database.execute(query).fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # not created yet


def asked(log) -> list[str]:
    return [line for line in log.read_text().splitlines() if " seed=" in line]


def of_round(number: int, lines: list[str]) -> int:
    """Return how many requests a refinement round has sent; the seed says which."""
    return sum(int(line.split(" seed=")[1]) // 1_000_000 == number for line in lines)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """A run killed in the middle of round 2, and run again to its end."""
    data = tmp_path_factory.mktemp("killed")
    log = data / "server.log"
    with endpoint(log, latency=0.02) as url:
        first = start(data, url)
        while first.poll() is None and of_round(2, asked(log)) < 40:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        killed = first.wait(timeout=300) == -signal.SIGKILL
        before = asked(log), stored(data)
        again = start(data, url)
        assert again.wait(timeout=900) == 0
    return data, killed, before, asked(log)


def test_no_stored_reply_is_asked_for_twice(resumed):
    _, killed, (sent, kept), lines = resumed
    assert killed, "the run ended before it could be killed"
    assert 40 <= of_round(2, sent) < of_round(2, list(set(lines)))
    repeated = [line for line, n in Counter(lines).items() if n > 1]
    assert len(repeated) <= len(sent) - kept, "more than what was in flight"
    assert max(Counter(lines).values()) <= 2


def test_the_next_run_ends_the_killed_one_in_mlflow(resumed):
    data, *_ = resumed
    with closing(sqlite3.connect(data / "mlflow.db")) as database:
        query = "SELECT status FROM runs WHERE name LIKE '% · %' ORDER BY start_time"
        assert database.execute(query).fetchall() == [("KILLED",), ("FINISHED",)]


def test_the_tables_are_those_of_the_demo_but_for_the_models_names(resumed, demo):
    data, *_ = resumed
    run = Run(data, "")
    made = {name.partition("/")[0] for name in run.paths}
    differing = [
        name
        for name in made - ACCOUNTS
        if not nameless(run.table(name)).equals(nameless(demo.table(name)))
    ]
    assert "reasoning_samples" in made
    assert not differing


def nameless(table: pl.DataFrame) -> pl.DataFrame:
    # Tokens are what an endpoint says of itself; the embedded model counts none. How
    # long a training took is told, and is never the same twice.
    varying = (*NAMES, "seconds")
    table = table.drop(c for c in table.columns if c in varying or "tokens" in c)
    if "origin" in table.columns:
        # A distilled question has no file: its source is the model that wrote it.
        source = pl.when(pl.col("origin") == "distilled").then(None)
        table = table.with_columns(source=source.otherwise(pl.col("source")))
    return table
