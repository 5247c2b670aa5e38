"""Writers of one target never meet; what a killed one left is found and removed."""

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from pathlib import Path

import polars as pl
import pytest

from psyche_kedro.datasets import TableDataset
from psyche_kedro.files.swap import swapped_in

SPAWN = multiprocessing.get_context("spawn")
SAVES = 60
READS = 120
ROWS = 20_000


def _table(folder: Path) -> TableDataset:
    return TableDataset(filepath=str(folder / "posts.parquet"))


def _save_often(folder: Path, writer: int) -> None:
    for turn in range(SAVES):
        value = writer * SAVES + turn
        _table(folder).save(pl.DataFrame({"value": [value] * ROWS}))


def _hold(folder: Path, holds: Event) -> None:
    with swapped_in(folder / "model") as made:
        made.mkdir()
        (made / "weights").write_text("half")
        holds.set()
        signal.pause()


def _write_folder(target: Path, value: str) -> None:
    with swapped_in(target) as made:
        made.mkdir()
        (made / "weights").write_text(value)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_two_processes_save_one_table_while_it_is_read(tmp_path):
    _table(tmp_path).save(pl.DataFrame({"value": [0] * ROWS}))
    writers = [
        SPAWN.Process(target=_save_often, args=(tmp_path, writer)) for writer in (0, 1)
    ]
    for writer in writers:
        writer.start()
    reads = 0
    while reads < READS or any(writer.is_alive() for writer in writers):
        table = _table(tmp_path).load()
        assert table.height == ROWS
        assert table["value"].n_unique() == 1
        reads += 1
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert _names(tmp_path) == ["posts.parquet"]


def test_threads_swap_in_one_folder_each_its_own_whole(tmp_path):
    target = tmp_path / "model"
    values = [str(value) for value in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda value: _write_folder(target, value), values))
    assert (target / "weights").read_text() in values
    assert _names(tmp_path) == ["model"]


def test_a_block_that_fails_leaves_what_was_there_alone(tmp_path):
    _write_folder(tmp_path / "model", "before")
    with (
        pytest.raises(RuntimeError, match="full"),
        swapped_in(tmp_path / "model") as made,
    ):
        made.mkdir()
        raise RuntimeError("full")
    assert (tmp_path / "model" / "weights").read_text() == "before"
    assert _names(tmp_path) == ["model"]


def test_a_save_removes_what_a_killed_writer_left_and_no_living_ones(tmp_path):
    holds = SPAWN.Event()
    writer = SPAWN.Process(target=_hold, args=(tmp_path, holds))
    writer.start()
    assert holds.wait(60)
    _write_folder(tmp_path / "model", "whole")
    assert len(_names(tmp_path)) == 2
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    _write_folder(tmp_path / "model", "whole again")
    assert _names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "weights").read_text() == "whole again"
