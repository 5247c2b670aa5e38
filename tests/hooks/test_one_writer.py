"""Two runs never write below one root; nothing that ends a run keeps it locked."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from psyche_kedro.errors import RootInUseError
from psyche_kedro.hooks.one_writer import OneWriter
from whole_run import run_kedro

HOLD = """
import sys, time
from test_one_writer import run_on
held = run_on(sys.argv[1])
print("holds", flush=True)
time.sleep(600)
"""


def run_on(root, project=Path("/nowhere"), **given) -> OneWriter:
    """Return the hook of a run that has begun to write below ``root``."""

    writer = OneWriter()
    loader = SimpleNamespace(roots={"data": str(root), **given})
    writer.after_context_created(
        SimpleNamespace(config_loader=loader, project_path=project)
    )
    writer.before_pipeline_run()
    return writer


def other_run(data: Path) -> subprocess.Popen:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data)],
        cwd=Path(__file__).parent,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert any(line == "holds\n" for line in other.stdout)
    return other


def test_of_a_root_that_a_run_makes_git_adds_nothing(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    run_on("5", tmp_path).after_pipeline_run()
    (tmp_path / "5" / "lineage.json").write_text("{}")
    shown = subprocess.run(
        ["git", "-C", tmp_path, "status", "--porcelain"],
        capture_output=True,
        check=True,
    )
    assert shown.stdout == b""


def test_a_root_with_anything_in_it_is_left_as_it_is(tmp_path):
    (tmp_path / "01_raw").mkdir()
    run_on(tmp_path).after_pipeline_run()
    assert sorted(f.name for f in tmp_path.iterdir()) == [".run.lock", "01_raw"]


def test_a_second_run_is_told_who_writes_and_since_when(tmp_path):
    with other_run(tmp_path) as other:
        try:
            with pytest.raises(RootInUseError) as refused:
                run_on(tmp_path)
        finally:
            other.kill()
    assert re.fullmatch(
        rf"{tmp_path} is written by the run of \S+ on \S+ \(process {other.pid}\) "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S+: wait for its end, or write "
        r"elsewhere with `--params data=…`\.",
        str(refused.value),
    )


@pytest.mark.parametrize(
    "said", ["", "[]", "7", '{"who": 1', "[" * 10**5, '{"who": "\\u001b[2J"}']
)
def test_what_a_lock_says_may_be_anything(tmp_path, said):
    with other_run(tmp_path) as other:
        try:
            (tmp_path / ".run.lock").write_text(said)
            with pytest.raises(RootInUseError, match="written by another run: wait"):
                run_on(tmp_path)
        finally:
            other.kill()


def test_a_killed_run_leaves_its_root_to_others(tmp_path):
    with other_run(tmp_path) as other:
        other.kill()
    run_on(tmp_path).after_pipeline_run()


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_a_run_that_ends_leaves_its_root_to_others(tmp_path, end):
    first = run_on(tmp_path)
    getattr(first, end)()
    run_on(tmp_path).after_pipeline_run()


def test_one_process_may_run_again_though_nothing_said_that_it_ended(tmp_path):
    writer = run_on(tmp_path)
    writer.before_pipeline_run()
    writer.after_pipeline_run()


def test_two_roots_are_two_runs(tmp_path):
    runs = [run_on(tmp_path / name) for name in ("a", "b")]
    for run in runs:
        run.after_pipeline_run()


def test_the_root_of_the_command_line_is_the_one_that_is_locked(tmp_path):
    held = run_on("data", tmp_path, data=str(tmp_path / "own"))
    with pytest.raises(RootInUseError, match="own"):
        run_on(tmp_path / "own")
    held.after_pipeline_run()


def test_a_remote_root_is_left_to_care(caplog):
    with caplog.at_level("INFO"):
        run_on("s3://bucket/out").after_pipeline_run()
    assert "s3://bucket/out cannot be locked" in caplog.text


def test_a_command_on_a_root_that_is_written_stops_before_it_writes(tmp_path):
    with other_run(tmp_path) as other:
        try:
            run = run_kedro(
                "run", "--params", f"data={tmp_path}", data=tmp_path / "log"
            )
        finally:
            other.kill()
    assert run.returncode == 1
    assert f"process {other.pid}" in run.stderr + run.stdout
    assert "Traceback" not in run.stderr + run.stdout
    assert {path.name for path in tmp_path.iterdir()} <= {
        ".gitignore",
        ".run.lock",
        "log",
    }
    assert not _mlflow_runs(tmp_path / "log")


def _mlflow_runs(data: Path) -> list:
    """Return the runs of a store, which a refused run need not have made."""
    with closing(sqlite3.connect(data / "mlflow.db")) as store:
        made = store.execute("select name from sqlite_master where name = 'runs'")
        return list(store.execute("select * from runs")) if made.fetchall() else []
