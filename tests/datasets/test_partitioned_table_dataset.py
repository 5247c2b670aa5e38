"""A table in parts: a kill leaves the old one or the new one, and no third."""

import json
from pathlib import Path

import fsspec
import polars as pl
import pytest
from kedro.io import DatasetError

from psyche_kedro.datasets import PartitionedTableDataset
from psyche_kedro.hooks.lineage import places_of
from psyche_kedro.partitions.parts import PartitionedTable, framed
from psyche_kedro.partitions.store import PartitionStore
from psyche_kedro.tables import Rejections, frame


def topics(*books: str) -> pl.DataFrame:
    rows = [{"row_id": book, "stage": "measure", "reason": "none"} for book in books]
    return frame(Rejections, rows)


def made(folder: Path, *parts: pl.DataFrame) -> PartitionedTable:
    return PartitionStore(str(folder / "store")).table("measure", parts)


def dataset(folder: Path) -> PartitionedTableDataset:
    model = "psyche_kedro.tables.Rejections"
    return PartitionedTableDataset(path=str(folder / "topics"), model=model)


def test_a_table_comes_back_part_by_part_and_whole(tmp_path):
    parts = topics("a", "b"), topics("c")
    dataset(tmp_path).save(made(tmp_path, *parts))
    loaded = dataset(tmp_path).load()
    assert [part.read().height for part in loaded.parts] == [2, 1]
    assert loaded.frame().equals(pl.concat(parts))
    assert dataset(tmp_path).scan().collect().equals(pl.concat(parts))
    assert dataset(tmp_path).height() == 3


def test_parts_of_this_disk_are_linked(tmp_path):
    table = made(tmp_path, topics("a"))
    dataset(tmp_path).save(table)
    (part,) = dataset(tmp_path).load().parts
    assert Path(part.file.path).samefile(table.parts[0].file.path)
    assert part.digest() == part.file.sha256 == table.parts[0].digest()


def test_an_empty_table_has_one_empty_part(tmp_path):
    dataset(tmp_path).save(PartitionedTable(()))
    loaded = dataset(tmp_path).load()
    assert len(loaded.parts) == 1
    assert loaded.frame().equals(topics())


def test_what_a_killed_save_left_is_not_read(tmp_path, monkeypatch):
    dataset(tmp_path).save(made(tmp_path, topics("a"), topics("b")))
    later = made(tmp_path, topics("c"), topics("d"))

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dumps", killed)
    with pytest.raises(KeyboardInterrupt):
        dataset(tmp_path).save(later)
    assert len(list((tmp_path / "topics").glob("*.parquet"))) == 4
    assert dataset(tmp_path).load().frame().equals(topics("a", "b"))


def test_parts_of_an_earlier_table_go_once_the_new_one_stands(tmp_path):
    dataset(tmp_path).save(made(tmp_path, topics("a"), topics("b")))
    dataset(tmp_path).save(made(tmp_path, topics("c")))
    assert len(list((tmp_path / "topics").glob("*.parquet"))) == 1
    assert dataset(tmp_path).load().frame().equals(topics("c"))


def test_a_table_that_no_run_wrote_says_what_to_do(tmp_path):
    assert not dataset(tmp_path).exists()
    with pytest.raises(DatasetError, match="run the chapter that writes it first"):
        dataset(tmp_path).load()


def test_a_damaged_manifest_is_named(tmp_path):
    dataset(tmp_path).save(made(tmp_path, topics("a")))
    (tmp_path / "topics" / "_parts.json").write_text("[{}]", "utf-8")
    with pytest.raises(DatasetError, match=r"_parts\.json is damaged"):
        dataset(tmp_path).load()


def test_its_version_is_that_of_its_parts(tmp_path):
    dataset(tmp_path).save(made(tmp_path, topics("a"), topics("b")))
    names = [path.rpartition("/")[2] for _, path in places_of(dataset(tmp_path))]
    assert [name[:6] for name in names] == ["00000-", "00001-", "_parts"]


def test_the_first_rows_are_shown(tmp_path):
    dataset(tmp_path).save(made(tmp_path, topics("a"), topics("b")))
    assert dataset(tmp_path).preview()["data"] == [["a", None, "measure", "none", None]]


def test_it_may_stand_on_another_filesystem_than_its_store(tmp_path):
    fs = fsspec.filesystem("memory")
    remote = PartitionedTableDataset(
        path="memory://topics", model="psyche_kedro.tables.Rejections"
    )
    try:
        remote.save(made(tmp_path, topics("a"), topics("b")))
        loaded = remote.load()
        assert loaded.frame().equals(topics("a", "b"))
        assert loaded.scan().collect().equals(topics("a", "b"))
    finally:
        fs.rm("/topics", recursive=True)


def test_a_node_may_be_given_the_whole(tmp_path):
    table = made(tmp_path, topics("a"), topics("b"))
    given = framed(lambda topics, more: (topics, more))(topics=table, more=1)
    assert given[0].equals(topics("a", "b"))
    assert given[1] == 1
