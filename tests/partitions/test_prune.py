"""What no last run needed can go, and nothing else."""

from dataclasses import replace

import polars as pl
import pytest
from works import Double, engine, parts

from psyche_kedro.commands.partitions import what_is_kept
from psyche_kedro.errors import PartitionError
from psyche_kedro.partitions.store import PartitionStore


def test_what_the_last_run_did_not_need_goes(tmp_path):
    work = Double(tmp_path / "marks")
    some = parts(tmp_path / "in", 3)
    maps = engine(tmp_path / "store")
    list(maps.map(work, some))
    list(maps.map(replace(work, factor=3), some[:2]))
    (kept,) = maps.store.kept()
    assert (kept.work, kept.partitions, len(kept.folders)) == ("double", 5, 3)
    assert kept.n_bytes > 0
    maps.store.remove(kept.folders)
    (left,) = maps.store.kept()
    assert (left.partitions, left.folders) == (2, [])
    assert all(r.found for r in maps.map(replace(work, factor=3), some[:2]))


def test_a_run_that_failed_makes_nothing_superfluous(tmp_path):
    work = Double(tmp_path / "marks")
    some = parts(tmp_path / "in", 2)
    maps = engine(tmp_path / "store")
    list(maps.map(work, some))
    with pytest.raises(PartitionError):
        list(maps.map(replace(work, factor=3, at={0: "fail"}), some))
    (kept,) = maps.store.kept()
    assert len(kept.folders) == 1, "of the failed run"


def test_a_folder_that_a_kill_left_can_go(tmp_path):
    maps = engine(tmp_path / "store")
    (done,) = maps.map(Double(tmp_path / "marks"), parts(tmp_path / "in", 1))
    (torn,) = maps.map(Double(tmp_path / "marks", factor=5), parts(tmp_path / "in", 1))
    (tmp_path / "store" / torn.address / "done.json").unlink()
    maps.store.need("double", [done.address])
    (kept,) = maps.store.kept()
    assert [folder.rpartition("/")[2] for folder in kept.folders] == [
        torn.address.rpartition("/")[2]
    ]


def test_a_store_that_is_not_there_holds_nothing(tmp_path):
    assert list(PartitionStore(str(tmp_path / "none")).kept()) == []


def test_what_is_made_in_this_process_stands_under_what_it_holds(tmp_path):
    store = PartitionStore(str(tmp_path / "store"))
    frames = [pl.DataFrame({"n": [1]}), pl.DataFrame({"n": [2]})]
    first, again = (store.table("judge", frames) for _ in range(2))
    assert first == again
    assert [kept.partitions for kept in store.kept()] == [2]


def test_a_root_without_any_is_named_with_what_to_do(tmp_path):
    with pytest.raises(PartitionError, match=r"left anything at .*nothing: name the"):
        what_is_kept(PartitionStore(str(tmp_path / "nothing")))
