"""Where a run reads and writes: local, said so, and never a folder ``s3:``."""

from pathlib import Path

import pytest

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.project import in_project
from psyche_kedro.files.roots import read_root, read_roots

HOME = str(Path.home())


def roots(**given):
    return read_roots({"raw": "raw", "data": "data", "store": None} | given)


@pytest.fixture
def s3(monkeypatch):
    """A filesystem of the name, whether s3fs is installed or not."""
    from fsspec.implementations.dirfs import DirFileSystem
    from fsspec.registry import _registry

    monkeypatch.setitem(_registry, "s3", DirFileSystem)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("out", "out"),
        ("~/out", f"{HOME}/out"),
        ("file:///mnt/out", "/mnt/out"),
        ("C:/out", "C:/out"),
        ("./~out", "./~out"),
    ],
)
def test_a_folder_of_this_machine_is_a_plain_path(given, read):
    assert read_root("data", given) == read


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("memory://out", "gone with the process"),
        ("", "it is a folder, or a URL with two slashes"),
        ("s3:/bucket/out", "it is a folder, or a URL with two slashes"),
        ("s4://bucket/out", "Protocol not known: s4"),
        ("~no_such_user/out", "no such user has a home here"),
    ],
)
def test_where_nothing_can_be_kept_is_refused(given, said):
    with pytest.raises(ConfigurationError, match=f"^`data` is .*{said}"):
        roots(data=given)


def test_replies_stand_below_the_output_root_or_where_they_are_told(tmp_path):
    assert roots()["store"] == "data/replies.sqlite"
    assert roots(store="~/r.sqlite")["store"] == f"{HOME}/r.sqlite"
    assert roots(store=f"file://{tmp_path}/r")["store"] == f"{tmp_path}/r"


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("store", [None, "keep/r.sqlite", "s3://bucket/r.sqlite"])
def test_a_remote_output_root_needs_a_whole_path_for_replies(store):
    with pytest.raises(ConfigurationError, match="reply store is a file of this mach"):
        roots(data="s3://bucket/out", store=store)


@pytest.mark.usefixtures("s3")
def test_with_one_the_tables_are_remote_and_the_replies_here():
    kept = roots(data="s3://bucket/out/", store="/keep/r.sqlite")
    assert (kept["data"], kept["store"]) == ("s3://bucket/out", "/keep/r.sqlite")


def test_a_url_never_becomes_a_folder_of_the_project():
    with pytest.raises(ConfigurationError, match="needs a path on this machine"):
        in_project("s3://bucket/replies.sqlite")
