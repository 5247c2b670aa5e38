"""Where the work is done is said in the catalog, and refused before the first node."""

import stat
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.io import DatasetError

from psyche_kedro.datasets import MapEngineDataset, map_engine_dataset
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.project import in_project


def test_a_kind_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(
        DatasetError, match=r"is 'dask': it is in_process, processes, ray"
    ):
        MapEngineDataset(kind="dask", store=str(tmp_path))


@pytest.mark.parametrize("workers", [0, -1, "many", 1.5])
def test_no_worker_is_refused(tmp_path, workers):
    with pytest.raises(DatasetError, match="give a whole number from 1 on"):
        MapEngineDataset(kind="processes", store=str(tmp_path), workers=workers)


def test_a_store_that_cannot_be_written_stops_the_run_before_its_first_node(tmp_path):
    (tmp_path / "file").write_text("no folder", "utf-8")
    entry = MapEngineDataset(kind="in_process", store=str(tmp_path / "file" / "in"))
    with pytest.raises(ConfigurationError, match="cannot be written and read"):
        entry.check()


def test_ray_that_is_not_installed_stops_the_run_before_its_first_node(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(map_engine_dataset, "find_spec", lambda name: None)
    entry = MapEngineDataset(kind="ray", store=str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"psyche-kedro\[ray\]"):
        entry.check()


def test_a_store_that_can_be_used_is_left_as_it_was(tmp_path):
    MapEngineDataset(kind="in_process", store=str(tmp_path / "new")).check()
    assert not list(tmp_path.iterdir())


def test_a_relative_store_is_below_the_project_wherever_the_run_began(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    entry = MapEngineDataset(kind="in_process", store="data/partitions")
    assert entry.store.root == str(in_project("data/partitions"))
    assert Path(entry.store.root).is_absolute()
    there = MapEngineDataset(kind="in_process", store="memory://partitions")
    assert there.store.root == "memory://partitions"


def test_ray_of_this_machine_has_a_folder_of_its_own_where_the_store_is_remote(
    tmp_path, monkeypatch
):
    begun = []
    ray = SimpleNamespace(is_initialized=list, init=lambda **how: begun.append(how))
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    entry = MapEngineDataset(kind="ray", store="memory://partitions")
    entry.load()._crew.connected()
    folder = Path(begun[0]["_temp_dir"]).parent
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_node_may_write_it(tmp_path):
    with pytest.raises(DatasetError, match="read-only"):
        MapEngineDataset(kind="in_process", store=str(tmp_path)).save("an engine")
