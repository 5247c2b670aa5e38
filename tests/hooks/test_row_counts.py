"""What Kedro-Viz shows is never worth a finished run."""

import json

import polars as pl
import pytest

from psyche_kedro.hooks.row_counts import RowCounts


@pytest.fixture
def stats(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".viz" / "stats.json"


def finish() -> None:
    hook = RowCounts()
    hook.after_dataset_saved("posts", pl.DataFrame({"a": [1, 2]}))
    wrapper = hook.after_pipeline_run()
    next(wrapper)
    next(wrapper, None)


def test_sizes_of_earlier_runs_are_kept(stats):
    stats.parent.mkdir()
    stats.write_text('{"chunks": {"rows": 1}}', encoding="utf-8")
    finish()
    kept = json.loads(stats.read_text("utf-8"))
    assert kept == {"chunks": {"rows": 1}, "posts": {"rows": 2, "columns": 1}}


@pytest.mark.parametrize("broken", [b"", b"[1]", b"\xc6\xff", b"[" * 100_000])
def test_a_broken_file_is_a_warning_and_written_anew(stats, broken, caplog):
    stats.parent.mkdir()
    stats.write_bytes(broken)
    finish()
    assert "stats.json cannot be read" in caplog.text
    assert json.loads(stats.read_text("utf-8")) == {"posts": {"rows": 2, "columns": 1}}


def test_a_file_that_cannot_be_written_is_a_warning(stats, caplog):
    stats.parent.write_text("no folder", encoding="utf-8")
    finish()
    assert "stats.json cannot be written" in caplog.text
