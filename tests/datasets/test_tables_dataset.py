"""Tables read as one, empty where they are not there; some of them are written."""

import polars as pl
import pytest
from kedro.io import DatasetError

from psyche_kedro.datasets import TableDataset, TablesDataset
from psyche_kedro.tables import TrainingLog, frame

ROW = {"stage": "sft", "step": 1, "metric": "loss", "value": 2.5}


@pytest.fixture
def both(tmp_path):
    entry = {
        "type": "psyche_kedro.datasets.TableDataset",
        "validator": "psyche_kedro.tables.TrainingLog",
        "metadata": {"kedro-viz": {"layer": "models"}},
    }
    return {
        name: entry | {"filepath": str(tmp_path / f"{name}.parquet")}
        for name in ("sft_log", "grpo_log")
    }


def test_a_table_that_is_not_there_is_an_empty_one_of_its_model(both):
    log = frame(TrainingLog, [ROW])
    TableDataset(filepath=both["sft_log"]["filepath"]).save(log)
    tables = TablesDataset(tables=both, writes=["sft_log"]).load()
    assert tables["sft_log"].equals(log)
    assert tables["grpo_log"].equals(frame(TrainingLog, []))


def test_a_table_that_is_there_is_checked_against_its_model(both):
    other = pl.DataFrame({"stage": ["sft"]})
    TableDataset(filepath=both["sft_log"]["filepath"]).save(other)
    with pytest.raises(DatasetError, match="sft_log"):
        TablesDataset(tables=both, writes=["sft_log"]).load()


def test_a_save_writes_one_table_and_leaves_the_others_to_their_entries(both):
    log = frame(TrainingLog, [ROW])
    dataset = TablesDataset(tables=both, writes=["grpo_log"])
    assert not dataset.exists()
    dataset.save({"grpo_log": log})
    assert dataset.exists()
    assert dataset.load()["grpo_log"].equals(log)
    assert dataset.load()["sft_log"].is_empty()


def test_a_table_that_is_not_of_its_model_is_not_written(both):
    dataset = TablesDataset(tables=both, writes=["grpo_log"])
    with pytest.raises(DatasetError, match="grpo_log"):
        dataset.save({"grpo_log": pl.DataFrame({"stage": ["sft"]})})
    assert not dataset.exists()


def test_kedro_viz_shows_the_table_that_is_written(both):
    dataset = TablesDataset(tables=both, writes=["sft_log"])
    dataset.save({"sft_log": frame(TrainingLog, [ROW])})
    assert dataset.preview()["columns"] == list(ROW)
