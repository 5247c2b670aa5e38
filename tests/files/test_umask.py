"""What a process of the project writes is for its user, unless it is told otherwise."""

import os
import subprocess
import sys

import pytest

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.umask import read_umask

WRITE = """
import os, subprocess, sys
from pathlib import Path
import psyche_kedro.settings
import polars as pl
from psyche_kedro.datasets import ReleaseDataset, ReviewWorkbookDataset, TableDataset
from psyche_kedro.llm.store.reply_store import ReplyStore

out, rows = Path(sys.argv[1]), pl.DataFrame({"text": ["x"]})
TableDataset(filepath=f"{out}/tables/posts.parquet").save(rows)
ReviewWorkbookDataset(filepath=f"{out}/review/batch.xlsx").save(rows)
ReleaseDataset(filepath=f"{out}/release").save({"README.md": "x", "a/b.parquet": rows})
subprocess.run(["touch", out / "by_a_child"], check=True)
with ReplyStore(out / "store" / "replies.sqlite").open() as session:
    session.add_hits("m", {"task": 1})
    for path in sorted(out.rglob("*")):
        print(oct(path.stat().st_mode)[-3:], path.relative_to(out).as_posix())
"""
FOLDERS = ["release", "release/a", "review", "store", "tables"]
FILES = [
    "by_a_child",
    "release/README.md",
    "release/a/b.parquet",
    "review/batch.xlsx",
    "store/replies.sqlite",
    "store/replies.sqlite-shm",
    "store/replies.sqlite-wal",
    "tables/posts.parquet",
]


def _modes(folder, **environment):
    """Return the mode of each thing written, under a login's usual umask."""
    out = subprocess.run(
        [sys.executable, "-c", WRITE, str(folder)],
        env={k: v for k, v in os.environ.items() if k != "PSYCHE_KEDRO_UMASK"}
        | environment,
        umask=0o022,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {name: mode for mode, name in map(str.split, out.splitlines())}


def test_files_are_0600_and_folders_0700(tmp_path):
    expected = dict.fromkeys(FOLDERS, "700") | dict.fromkeys(FILES, "600")
    assert _modes(tmp_path) == expected


def test_a_group_that_shares_its_data_may_read_it_where_it_says_so(tmp_path):
    expected = dict.fromkeys(FOLDERS, "750") | dict.fromkeys(FILES, "640")
    assert _modes(tmp_path, PSYCHE_KEDRO_UMASK="027") == expected


@pytest.mark.parametrize("octal", ["", "27", "0o77", "private", "088"])
def test_what_is_no_umask_is_refused(octal):
    with pytest.raises(ConfigurationError, match="three octal digits"):
        read_umask(octal)


@pytest.mark.parametrize("command", ["kedro registry list", "psyche_kedro"])
def test_a_wrong_one_is_one_sentence_and_no_traceback(command):
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        env=os.environ | {"PSYCHE_KEDRO_UMASK": "zz"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: PSYCHE_KEDRO_UMASK is 'zz', where three")
    assert len(done.stderr.splitlines()) == 1
