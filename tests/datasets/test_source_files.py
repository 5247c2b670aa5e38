import os
import sys
from pathlib import Path

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


@pytest.fixture
def linked(tmp_path):
    """A raw root whose folder of books has links to folders and files."""
    books, elsewhere = tmp_path / "raw" / "books", tmp_path / "elsewhere"
    for folder in (books / "own", tmp_path / "raw" / "shelf", elsewhere):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_bytes(folder.name.encode())
    (books / "shelf").symlink_to(tmp_path / "raw" / "shelf")
    (books / "far").symlink_to(elsewhere)
    (books / "far.txt").symlink_to(elsewhere / "a.txt")
    (books / "own" / "up").symlink_to(books)
    (books / "gone.txt").symlink_to(books / "nowhere.txt")
    return books


def names_read(books, **how) -> dict[str, bytes | str]:
    def read(file):
        try:
            return file.read()
        except OSError as error:
            return error.strerror

    files = SourceFilesDataset(path=str(books), within=str(books.parent), **how).load()
    return {file.name: read(file) for file in files}


ALWAYS = {
    "own/a.txt": b"own",
    "shelf/a.txt": b"shelf",
    "own/up": "it is a link to a folder above it",
    "gone.txt": "No such file or directory",
}


def test_a_link_is_read_within_the_raw_root_and_named_where_it_leaves_it(linked):
    leaves = "a link that leaves the raw root, which `--params links=follow` allows"
    assert names_read(linked) == ALWAYS | {"far": leaves, "far.txt": leaves}


def test_links_that_branch_do_not_make_a_million_files_of_one(tmp_path):
    folders = [tmp_path / f"{n:02}" for n in range(24)]
    for folder, next_ in zip(folders, [*folders[1:], None], strict=True):
        folder.mkdir()
        for link in ("a", "b") if next_ else ():
            (folder / link).symlink_to(next_)
    (folders[-1] / "x.txt").write_text("read")
    read = names_read(tmp_path)
    assert [name for name, text in read.items() if text == b"read"][-1] == "23/x.txt"
    assert len(read) <= 4 * len(folders)
    assert set(read.values()) == {b"read", "another link leads to the same folder"}


def test_folders_in_one_another_without_end_are_walked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    depth = 1200
    for _ in range(depth):
        Path("a").mkdir()
        os.chdir("a")
    os.chdir(tmp_path)
    file = Path("a/" * depth, "x.txt")
    file.write_text("read")
    read = names_read(tmp_path)
    file.unlink()
    os.removedirs(file.parent)  # what pytest clears up with knows no such depth
    assert read == {str(file): b"read"}


def test_links_that_leave_it_are_followed_where_it_is_said(linked):
    far = {"far/a.txt": b"elsewhere", "far.txt": b"elsewhere"}
    assert names_read(linked, links="follow") == ALWAYS | far


def test_a_linked_raw_root_is_the_root(linked, tmp_path):
    (tmp_path / "link").symlink_to(linked.parent)
    assert names_read(tmp_path / "link" / "books")["shelf/a.txt"] == b"shelf"


def test_a_folder_that_may_not_be_opened_is_named(linked, monkeypatch):
    def iterdir(folder, listed=Path.iterdir):
        if folder.name == "own":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert names_read(linked)["own"] == "Permission denied"
