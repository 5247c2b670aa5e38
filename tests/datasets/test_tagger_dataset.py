"""A tagger of the catalog is any class; without its package a warning says so."""

import logging

import pytest
from kedro.io import DatasetError

from psyche_kedro.datasets import TaggerDataset


class Nobody:
    """A tagger of someone's own."""

    def __init__(self, version: str = "nobody-1") -> None:
        self.version = version

    def tag(self, texts, expected_at=None):
        return [[] for _ in texts]


MINE = f"{__name__}.Nobody"


def test_a_class_of_ones_own_is_loaded_with_its_arguments():
    dataset = TaggerDataset(tagger=MINE, package="re", arguments={"version": "mine-2"})
    assert dataset.load().version == "mine-2"


def test_without_its_package_there_is_none_and_a_warning_names_it(caplog):
    with caplog.at_level(logging.WARNING):
        assert TaggerDataset(tagger=MINE, package="not_installed").load() is None
    assert "not_installed is not installed" in caplog.text


def test_a_tagger_is_not_saved():
    with pytest.raises(DatasetError, match="read-only"):
        TaggerDataset(tagger=MINE, package="re").save("trained")
