"""Files in parts give the rows of the folder, and a lost part names its files."""

import json

import polars as pl
import pytest

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.partitions.engines import InProcess, MapEngine, died
from psyche_kedro.partitions.store import PartitionStore
from psyche_kedro.pipelines.ingestion.nodes import read_posts
from psyche_kedro.pipelines.ingestion.parameters import UNLIMITED
from psyche_kedro.pipelines.ingestion.post_parts import (
    FilesPart,
    files_parts,
    read_posts_in_parts,
)
from psyche_kedro.tables import Posts, UnreadableSources

MB = 1_000_000


def file(name: str, data: bytes = b"", size: int | None = None) -> SourceFile:
    return SourceFile(name, lambda: data, len(data) if size is None else size)


def some_posts(name: str, n: int) -> SourceFile:
    rows = [
        {"question": f"{name} {k}", "answers": [{"answer_text": "歇"}]}
        for k in range(n)
    ]
    return file(name, json.dumps(rows, ensure_ascii=False).encode())


def read(folder, files, crew=None):
    engine = MapEngine(PartitionStore(str(folder / "store")), crew or InProcess())
    return read_posts_in_parts(files, engine, UNLIMITED)


def test_the_parts_are_the_folder(tmp_path):
    files = [some_posts("a.json", 3), file("b.json", b"{"), some_posts("c.json", 2)]
    made, at_once = read(tmp_path, files), read_posts(files)
    assert made.rows.frame().equals(at_once.rows)
    assert made.unreadable.equals(at_once.unreadable)


def test_a_file_of_many_posts_is_cut(tmp_path):
    made = read(tmp_path, [some_posts("a.json", 20_001)])
    assert [part.read().height for part in made.rows.parts] == [20_000, 1]


def test_small_files_go_together_and_a_large_one_alone():
    sizes = [1, 9 * MB, 9 * MB, 30 * MB, 1]
    files = [file(f"{n}.json", size=size) for n, size in enumerate(sizes)]
    assert [len(part.files) for part in files_parts(files, 10**9)] == [3, 1, 1]
    many = [file(f"{n}.json", size=1) for n in range(1_001)]
    assert [len(part.files) for part in files_parts(many, 10**9)] == [1_000, 1]


def test_a_lost_part_lists_each_of_its_files(tmp_path):
    class Dying:
        def outcomes(self, job, partitions):
            return map(died, partitions)

    made = read(tmp_path, [some_posts("a.json", 1), some_posts("b.json", 1)], Dying())
    assert made.unreadable["source"].to_list() == ["a.json", "b.json"]
    assert set(made.unreadable["reason"]) == {"part_worker_died"}
    UnreadableSources.validate(made.unreadable)
    assert made.rows.parts == ()


def test_a_folder_without_a_file_has_no_part(tmp_path):
    assert read(tmp_path, []).unreadable.height == 0


@pytest.mark.parametrize(
    "changed", [some_posts("a.json", 2), some_posts("b.json", 1), file("a.json")]
)
def test_a_part_is_told_by_the_names_and_bytes_of_its_files(changed):
    part = FilesPart((some_posts("a.json", 1),), MB)
    assert part.digest() == FilesPart((some_posts("a.json", 1),), MB).digest()
    assert part.digest() != FilesPart((changed,), MB).digest()


def test_a_file_that_cannot_be_opened_or_is_too_large_is_told_apart_unread():
    def refuse():
        raise OSError(13, "words of a path")

    closed = FilesPart((SourceFile("a.json", refuse),), MB)
    huge = FilesPart((SourceFile("a.json", refuse, 2 * MB),), MB)
    assert closed.digest() != huge.digest()


def test_rows_are_checked_before_they_are_kept(tmp_path):
    made = read(tmp_path, [some_posts("a.json", 1)])
    assert isinstance(made.rows.frame(), pl.DataFrame)
    Posts.validate(made.rows.frame())
