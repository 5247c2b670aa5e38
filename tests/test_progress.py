"""How far a run is can be seen, and no text of a row with it."""

import json
import logging
import multiprocessing
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from kedro.framework.cli import project
from kedro.io import DataCatalog, MemoryDataset

from places import small_root
from psyche_kedro.commands import run as commands_run
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks.progress_line import ProgressLine
from psyche_kedro.llm.accounts import RUN_LEDGER, Tally
from psyche_kedro.workers.progress import Work, counted, under_way, watched
from whole_run import ROOT, run_kedro, tracking


def work(**counts) -> Work:
    return Work("judge · judge_replies", 100, "requests", **counts)


def test_a_line_says_what_is_not_zero(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 20.0)
    one = work(
        began_at=0.0,
        done=50,
        stored=10,
        asked=48,
        retries=2,
        failed=Counter(timeout=2, truncated=1),
        tokens=1_234,
        money=0.5,
    )
    assert one.in_words() == (
        "judge · judge_replies: 50 of 100 requests, 2.0/s, 8 in flight, 10 from the"
        " store, 2 retries, 1,234 tokens, 3 failed (timeout 2, truncated 1), cost 0.50,"
        " 25 s left"
    )


def test_what_was_stored_says_nothing_of_the_time_that_is_left():
    assert work(done=60, stored=60).seconds_left is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "3 s"), (150, "2 min"), (5_400, "1 h 30 min")]
)
def test_the_time_left_is_said_as_people_do(seconds, said, monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: float(seconds))
    assert work(began_at=0.0, done=50).in_words().endswith(f", {said} left")


def test_a_node_that_counts_nothing_shows_its_seconds(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 7.4)
    assert Work("cleaning.split", None, "", began_at=0.0).in_words() == (
        "cleaning.split: 7 s"
    )


def test_rows_are_counted_as_they_pass_and_seen_until_the_last():
    rows = counted("abc", "clean", 3, "rows")
    next(rows), next(rows)
    (seen,) = under_way()
    assert (seen.done, seen.total) == (1, 3)
    assert list(rows) == ["c"]
    assert under_way() == []


def test_none_of_nobody_knows_how_many_is_seen_only_where_nothing_else_counts():
    with watched("read_textbooks", None, "parts") as parts:
        assert under_way() == [parts]
        with watched("OCR", 3, "pages") as pages:
            assert under_way() == [pages]
            parts.done = 1
            assert under_way() == [parts, pages]


def test_work_that_fails_is_no_longer_under_way():
    with pytest.raises(ZeroDivisionError), watched("w", None, "rows"):
        _ = 1 / 0
    assert under_way() == []


NODE = SimpleNamespace(name="ingestion.read_textbooks")


def catalog(kind: str) -> DataCatalog:
    return DataCatalog({"params:progress": MemoryDataset(kind)})


def hook(kind: str, runner: str | None = None) -> ProgressLine:
    line = ProgressLine()
    line.before_pipeline_run({"runner": runner}, catalog(kind))
    return line


def test_a_way_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match="auto, live, lines, json, none"):
        hook("loud")


def test_lines_go_to_the_log(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("psyche_kedro.hooks.progress_line._Lines.seconds", 0.01)
    with watched("OCR", 12, "pages"):
        line = hook("lines")
        while "OCR: 0 of 12 pages" not in caplog.text:
            time.sleep(0.01)
        line.stop()


@pytest.mark.parametrize("kind", ["live", "lines"])
def test_a_process_of_a_parallel_run_tells_of_its_own_node(kind, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("psyche_kedro.hooks.progress_line._Lines.seconds", 0.01)
    driver = hook(kind, "ParallelRunner")
    assert "progress" not in {thread.name for thread in threading.enumerate()}
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "the driver")
    driver.before_node_run(NODE, catalog(kind))
    while "ingestion.read_textbooks: 0 s" not in caplog.text:
        time.sleep(0.01)
    driver.after_node_run(NODE)
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_json_is_a_line_for_each_look(capsys, monkeypatch):
    monkeypatch.setattr("psyche_kedro.hooks.progress_line._Json.seconds", 0.01)
    said = ""
    with watched("OCR", 12, "pages") as one:
        one.figures["loss"] = 1.5
        line = hook("json")
        while not said.count("\n"):
            said += capsys.readouterr().err
            time.sleep(0.01)
        line.stop()
    seen = json.loads(said.splitlines()[0])
    assert seen["event"] == "progress"
    assert (seen["task"], seen["done"], seen["total"]) == ("OCR", 0, 12)
    assert seen["loss"] == 1.5


def test_ctrl_c_ends_with_the_calls_and_the_command(monkeypatch):
    def run(**_):
        RUN_LEDGER.add("judge", "screen", Tally(replies=3))
        raise KeyboardInterrupt

    monkeypatch.setattr(commands_run, "_check_nodes", lambda *_: None)
    monkeypatch.setattr(project.run, "callback", run)
    monkeypatch.setattr(sys, "argv", ["/bin/kedro", "run", "--params=data=a b"])
    ended = CliRunner().invoke(commands_run.run, [])
    RUN_LEDGER.clear()
    assert ended.exit_code == 130
    assert "judge · screen: 3 replies" in ended.output
    assert (
        "Interrupted: what was answered is stored;"
        " `kedro run '--params=data=a b'` goes on." in ended.output
    )


@pytest.mark.slow
def test_a_chapter_ends_with_its_tables_and_ctrl_c_with_what_goes_on(tmp_path):
    raw, data = small_root(tmp_path / "raw"), tmp_path / "data"
    where = f"raw={raw},data={data}"
    command = ("run", "--pipeline=ingestion", f"--params={where},progress=none")
    done = run_kedro(*command, data=data)
    place = data / "02_intermediate" / "bank_questions.parquet"
    assert f"bank_questions                      60  {place}" in done.stdout
    said = interrupted("run", f"--params={where},progress=live")
    assert "Interrupted: what was answered is stored; `python tests/recor" in said
    assert f"--params={where},progress=live` goes on." in said.replace("\r\n", "")
    assert "judge_replies: " in said, "the calls so far"
    assert "Aborted!" not in said
    assert "\x1b[?25h" in said, "the cursor is back"


def interrupted(*arguments: str) -> str:
    """Return what a terminal showed of a run that Ctrl-C ended at its first call."""
    near, far = pty.openpty()
    data = arguments[1].split("data=")[1].split(",")[0]
    script = [sys.executable, "tests/recorded_run.py", f"{data}/requests.jsonl"]
    run = subprocess.Popen(
        [*script, *arguments],
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "200"} | tracking_of(data),
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
    )
    os.close(far)
    said = b""
    sent = False
    while True:
        try:
            said += os.read(near, 65536)
        except OSError:  # the other side has ended
            break
        if not sent and b"judge_replies" in said:
            run.send_signal(signal.SIGINT)
            sent = True
    assert run.wait() == 130, said.decode()[-2_000:]
    return said.decode()


def tracking_of(data: str) -> dict[str, str]:
    from pathlib import Path

    return tracking(Path(data))
