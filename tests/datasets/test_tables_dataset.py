"""Several tables read as one: those that are there, and empty ones for the others."""

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
    tables = TablesDataset(tables=both).load()
    assert tables["sft_log"].equals(log)
    assert tables["grpo_log"].equals(frame(TrainingLog, []))


def test_a_table_that_is_there_is_checked_against_its_model(both):
    other = pl.DataFrame({"stage": ["sft"]})
    TableDataset(filepath=both["sft_log"]["filepath"]).save(other)
    with pytest.raises(DatasetError, match="sft_log"):
        TablesDataset(tables=both).load()


def test_it_is_not_written_to(both):
    with pytest.raises(DatasetError, match="read-only"):
        TablesDataset(tables=both).save({})
