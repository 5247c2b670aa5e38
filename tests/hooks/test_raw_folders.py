"""Roots are looked at before the first node: what is read there, and written."""

import pytest
from kedro.io import DataCatalog

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks.configuration_check import _check_writable, _tell_of_strangers


def catalog(raw) -> DataCatalog:
    folder = "psyche_kedro.datasets.SourceFilesDataset"
    parts = {
        name: {"type": folder, "path": str(raw / name), "required": False}
        for name in ("posts", "textbooks")
    }
    bundle = "psyche_kedro.datasets.BundleDataset"
    return DataCatalog.from_config({"raw_files": {"type": bundle, "parts": parts}})


def test_a_folder_that_nothing_reads_is_named(tmp_path, caplog):
    for name in ("posts", "textboks", ".git"):
        (tmp_path / name).mkdir()
    _tell_of_strangers(catalog(tmp_path))
    assert (
        f"{tmp_path}: nothing reads the folders textboks; those that are read are"
        " posts, textbooks." in caplog.text
    )


def test_folders_that_are_read_are_not_spoken_of(tmp_path, caplog):
    (tmp_path / "posts").mkdir()
    _tell_of_strangers(catalog(tmp_path))
    assert caplog.text == ""


def test_a_root_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        _check_writable(str(tmp_path / "file" / "data"))
    assert str(caught.value) == (
        f"The data root {tmp_path}/file/data cannot be written (Not a directory): name"
        " another with `--params data=…`."
    )
