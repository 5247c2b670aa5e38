"""Several datasets as one: saved and loaded part by part."""

from typing import NamedTuple

import pytest

from psyche_kedro.datasets import BundleDataset


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
    assert bundle.load() == {"html": "<p>", "markdown": "#"}
    assert bundle.exists()


def test_a_part_that_is_missing_is_an_error(bundle):
    with pytest.raises(Exception, match="markdown"):
        bundle.save({"html": "<p>"})
