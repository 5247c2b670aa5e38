"""What Kedro-Viz shows is of the root that it shows, and never worth a run."""

import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from psyche_kedro.hooks.row_counts import RowCounts

POSTS = {"posts": {"rows": 2, "columns": 1}}


@pytest.fixture
def stats(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".viz" / "stats.json"


def open_root(data: str) -> RowCounts:
    loader = SimpleNamespace(roots={"data": data})
    hook = RowCounts()
    hook.after_context_created(SimpleNamespace(config_loader=loader))
    return hook


def finish(data: str = "data") -> None:
    hook = open_root(data)
    hook.after_dataset_saved("posts", pl.DataFrame({"a": [1, 2]}))
    wrapper = hook.after_pipeline_run()
    next(wrapper)
    next(wrapper, None)


def shown(stats: Path) -> dict:
    return json.loads(stats.read_text("utf-8"))


def keep(data: str, content: bytes) -> Path:
    path = Path(data) / "row_counts.json"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def test_sizes_of_earlier_runs_on_a_root_are_kept(stats):
    keep("data", b'{"chunks": {"rows": 1}}')
    finish()
    assert shown(stats) == {"chunks": {"rows": 1}, **POSTS}


def test_a_root_shows_its_own_sizes_whatever_ran_elsewhere(stats):
    keep("mine", b'{"chunks": {"rows": 1}}')
    finish("other")
    assert shown(stats) == POSTS
    open_root("mine")
    assert shown(stats) == {"chunks": {"rows": 1}}


@pytest.mark.parametrize("broken", [b"", b"[1]", b"\xc6\xff", b"[" * 100_000])
def test_a_broken_file_is_a_warning_and_written_anew(stats, broken, caplog):
    keep("data", broken)
    finish()
    assert "row_counts.json cannot be read" in caplog.text
    assert shown(stats) == POSTS


def test_a_file_that_cannot_be_written_is_a_warning(stats, caplog):
    stats.parent.write_text("no folder", encoding="utf-8")
    finish()
    assert "stats.json cannot be written" in caplog.text
