"""A table says what it was made from, and is stale once that has changed."""

import json
import os
import resource
from pathlib import Path

import polars as pl
import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets import SourceFilesDataset, TableDataset, WholeJSONDataset
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks.lineage import Ledger, Lineage, Run
from psyche_kedro.hooks.lineage_check import read_ledger
from whole_run import run_kedro

RUN = Run(id="r1", at="2026-01-01 00:00 UTC", commit="c")
PARAMETERS = {"cleaning": {"least": 1}}

CHAIN = Pipeline(
    [
        Node(lambda files: files, ["files"], ["posts"], name="read"),
        Node(lambda a, b: a, ["posts", "params:cleaning"], ["held"], name="hold"),
        Node(lambda a: a, ["held"], ["clean"], name="clean"),
    ]
)


@pytest.fixture
def catalog(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.txt").write_text("one")
    tables = {
        name: TableDataset(filepath=str(tmp_path / f"{name}.parquet"))
        for name in ("posts", "clean")
    }
    for number, table in enumerate(tables.values()):
        table.save(pl.DataFrame({"n": [number]}))
    raw = SourceFilesDataset(path=str(tmp_path / "raw"))
    return DataCatalog({**tables, "files": raw, "held": MemoryDataset()})


def stale(catalog, ledger, parameters=PARAMETERS):
    copy = Ledger(**json.loads(ledger.model_dump_json()))
    return Lineage(catalog, parameters, copy).stale({"clean"})


@pytest.fixture
def ledger(catalog):
    ledger = Ledger()
    Lineage(catalog, PARAMETERS, ledger).record(CHAIN, RUN)
    return ledger


def test_what_has_not_changed_is_fresh(catalog, ledger):
    assert stale(catalog, ledger) == []


def test_the_same_content_written_again_is_fresh(catalog, ledger):
    catalog.save("posts", catalog.load("posts"))
    assert stale(catalog, ledger) == []


def test_a_table_whose_input_was_made_anew_is_stale(catalog, ledger):
    catalog.save("posts", pl.DataFrame({"n": [7]}))
    said = stale(catalog, ledger)
    assert "clean: made from an earlier posts" in said
    assert "posts: changed after read had made it, 2026-01-01 00:00 UTC" in said


def test_what_was_never_on_disk_stands_for_what_it_was_made_of(catalog, ledger):
    assert set(ledger.made["clean"].inputs) == {"posts", "params:cleaning"}
    said = stale(catalog, ledger, {"cleaning": {"least": 2}})
    assert said == ["clean: made from an earlier params:cleaning"]


def test_a_raw_file_that_changed_makes_stale_what_was_read_of_it(
    catalog, ledger, tmp_path
):
    (tmp_path / "raw/b.txt").write_text("two")
    assert stale(catalog, ledger) == ["posts: made from an earlier files"]


def test_a_table_that_no_run_recorded_is_not_accused(catalog):
    assert stale(catalog, Ledger()) == []


def test_a_finished_roots_files_are_not_read_again(catalog, ledger, monkeypatch):
    monkeypatch.setattr("psyche_kedro.files.versions._digest", pytest.fail)
    assert stale(catalog, ledger) == []


def test_freshness_is_one_of_two_words(tmp_path):
    said = run_kedro(
        "run",
        "--pipeline=reporting",
        f"--params=data={tmp_path},freshness=sometimes",
        data=tmp_path,
    ).stderr
    assert "Error: The parameter 'freshness' is 'sometimes': write `warn` or" in said


def test_a_raw_file_of_whatever_name_that_changed_is_seen(catalog, tmp_path):
    odd = tmp_path / "raw" / "a\x1bb.txt"
    odd.write_text("one")
    before = Lineage(catalog, PARAMETERS, Ledger()).version("files")
    odd.write_text("two")
    assert Lineage(catalog, PARAMETERS, Ledger()).version("files") != before


def test_a_pipe_and_a_file_that_may_not_be_read_hold_up_nothing(catalog, tmp_path):
    os.mkfifo(tmp_path / "raw/pipe.txt")
    (tmp_path / "raw/loop.txt").symlink_to(tmp_path / "raw/loop.txt")
    assert Lineage(catalog, PARAMETERS, Ledger()).version("files")


def test_a_name_that_is_no_utf8_is_kept_in_the_ledger(catalog, tmp_path):
    Path(os.fsdecode(bytes(tmp_path / "raw") + b"/\xc4\xe3.txt")).write_text("one")
    ledger = Ledger()
    Lineage(catalog, PARAMETERS, ledger).record(CHAIN, RUN)
    assert stale(catalog, ledger) == []


def test_a_ledger_that_a_full_disk_cuts_stays_as_it_was(tmp_path):
    stored = WholeJSONDataset(filepath=str(tmp_path / "lineage.json"))
    stored.save({"made": {}})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(DatasetError):
            stored.save({"made": {"posts": "p" * 1000}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert stored.load() == {"made": {}}
    assert [path.name for path in tmp_path.iterdir()] == ["lineage.json"]


def test_a_damaged_ledger_is_named_with_its_mend(tmp_path):
    file = tmp_path / "lineage.json"
    file.write_text('{"made": {"pos')
    catalog = DataCatalog({"lineage": WholeJSONDataset(filepath=str(file))})
    with pytest.raises(ConfigurationError, match=rf"{file} is damaged .*: delete it"):
        read_ledger(catalog)
