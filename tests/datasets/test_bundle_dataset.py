"""Several datasets as one: saved and loaded part by part."""

from typing import NamedTuple

import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets import BundleDataset
from psyche_kedro.datasets.bundle_dataset import parts_taken, taking
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks.configuration_check import ConfigurationCheck


class Report(NamedTuple):
    html: str
    markdown: str


@pytest.fixture
def bundle(tmp_path):
    files = {"html": "report.html", "markdown": "report.md"}
    return BundleDataset(
        parts={
            name: {"type": "text.TextDataset", "filepath": str(tmp_path / file)}
            for name, file in files.items()
        }
    )


@pytest.mark.parametrize("said", [Report("<p>", "#"), {"html": "<p>", "markdown": "#"}])
def test_each_part_is_written_to_its_own_file(bundle, tmp_path, said):
    assert not bundle.exists()
    bundle.save(said)
    assert (tmp_path / "report.html").read_text() == "<p>"
    assert (tmp_path / "report.md").read_text() == "#"
    assert dict(bundle.load()) == {"html": "<p>", "markdown": "#"}
    assert bundle.exists()


def test_a_part_that_is_missing_is_an_error(bundle):
    with pytest.raises(Exception, match="markdown"):
        bundle.save({"html": "<p>"})


def raw_files(tmp_path, **parts):
    """A bundle of two folders: one that is empty, and one that is not."""
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "1.json").write_text("[]")
    folder = {"type": "psyche_kedro.datasets.SourceFilesDataset"}
    for name in ("posts", "books"):
        parts[name] = folder | {"path": str(tmp_path / name)}
    return BundleDataset(parts=parts)


def reading(part):
    node = taking(lambda files: files, files=part)
    return Node(node, {"files": "raw_files"}, part, name=f"read_{part}")


def test_a_part_is_read_when_a_node_takes_it(tmp_path):
    parts = raw_files(tmp_path).load()
    assert [file.name for file in parts["posts"]] == ["1.json"]
    with pytest.raises(DatasetError, match="books holds no file"):
        parts["books"]


def test_a_run_is_stopped_for_a_part_that_its_own_nodes_take(tmp_path):
    catalog = DataCatalog({"raw_files": raw_files(tmp_path)})
    check = ConfigurationCheck().before_pipeline_run
    check(Pipeline([reading("posts")]), catalog)
    with pytest.raises(ConfigurationError, match="books holds no file"):
        check(Pipeline([reading("posts"), reading("books")]), catalog)


def test_a_part_goes_without_where_null_says_so_and_not_where_it_is_left_out(tmp_path):
    bundle = raw_files(tmp_path, guard=None)
    assert bundle.load()["guard"] is None
    with pytest.raises(DatasetError, match="has no 'privacy'"):
        bundle.load()["privacy"]


def test_one_part_may_be_what_a_save_writes(tmp_path):
    text = {"type": "text.TextDataset", "filepath": str(tmp_path / "text.txt")}
    bundle = BundleDataset(parts={"text": text, "again": text}, writes="text")
    assert not bundle.exists()
    bundle.save("said")
    assert bundle.exists()
    assert bundle.load()["again"] == "said"


def test_a_node_takes_parts_and_whole_entries_by_argument(tmp_path):
    read = taking(lambda files, limit: files[:limit], files="posts")
    inputs = {"limit": "params:limit", "files": "raw_files"}
    node = Node(read, inputs, "read", name="read")
    given = {"raw_files": raw_files(tmp_path).load(), "params:limit": 1}
    assert [file.name for file in node.run(given)["read"]] == ["1.json"]
    assert node.inputs == ["raw_files", "params:limit"], "as the signature has them"
    assert dict(parts_taken(node)) == {"raw_files": "posts", "params:limit": None}
