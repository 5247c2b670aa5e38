import os
import sys

import pytest
from kedro.io import DatasetError

from psyche_kedro.datasets import SourceFilesDataset


def test_files_are_sorted_named_below_the_folder_and_read_when_asked(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.txt").write_bytes(b"two")
    (tmp_path / "a.txt").write_bytes(b"one")
    files = SourceFilesDataset(path=str(tmp_path)).load()
    assert [f.name for f in files] == ["a.txt", "b/2.txt"]
    assert files[1].read() == b"two"


def test_hidden_files_and_notes_are_no_inputs(tmp_path):
    aside = [".gitkeep", "README.md", "README.zh.md", "LICENSE", "~$lock.docx"]
    inputs = ["README_题库.csv", "licensed_counsellor.csv", "x.md"]
    for name in [*aside, "Thumbs.db", "desktop.ini", *inputs]:
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert [f.name for f in SourceFilesDataset(path=str(tmp_path)).load()] == inputs


@pytest.mark.parametrize("exists", [True, False])
def test_an_empty_required_folder_stops_with_the_mend(tmp_path, exists):
    folder = tmp_path / "books"
    if exists:
        folder.mkdir()
    with pytest.raises(DatasetError, match="books holds no file: put at least one"):
        SourceFilesDataset(path=str(folder)).check()


def test_an_optional_folder_may_be_absent(tmp_path):
    dataset = SourceFilesDataset(path=str(tmp_path / "none"), required=False)
    dataset.check()
    assert dataset.load() == []


@pytest.mark.skipif(sys.platform != "linux", reason="macOS refuses such names")
def test_a_name_that_is_not_utf_8_can_stand_in_a_table(tmp_path):
    """As the archives of Chinese Windows leave it."""
    (tmp_path / os.fsdecode("你.txt".encode("gb18030"))).write_text("好")
    (file,) = SourceFilesDataset(path=str(tmp_path)).load()
    assert file.name == r"\xc4\xe3.txt"
    assert file.read() == "好".encode()


def test_a_terminal_obeys_no_file_name(tmp_path):
    (tmp_path / "bad\x1b[31mRED\u202e.csv").write_bytes(b"a")
    (file,) = SourceFilesDataset(path=str(tmp_path)).load()
    assert file.name == r"bad\x1b[31mRED\x202e.csv"
    assert file.read() == b"a"
