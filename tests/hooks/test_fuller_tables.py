"""What an earlier run found is not lost to an endpoint that fails."""

import math

import polars as pl
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node

from psyche_kedro.datasets import TableDataset
from psyche_kedro.errors import ChatModelError
from psyche_kedro.hooks.fuller_tables import FullerTables
from psyche_kedro.llm import Failure
from psyche_kedro.llm.accounts import RUN_LEDGER, Account

ASKING = node(lambda: None, None, ["samples", "rejected"], name="synthesis.ask")


@pytest.fixture(autouse=True)
def _nothing_counted():
    RUN_LEDGER.clear()
    yield
    RUN_LEDGER.clear()


def run(path, made: pl.DataFrame, *reasons: str, after: float = 32) -> None:
    """Run a node whose calls fail for ``reasons`` and that makes ``made``."""
    catalog = DataCatalog(
        {"samples": TableDataset(filepath=str(path)), "rejected": MemoryDataset()}
    )
    hook = FullerTables()
    hook.before_node_run(ASKING)
    failures = [(Failure(reason, "", "k", "m"), 1) for reason in reasons]
    Account("teacher", hopeless_after=after).settled("ask", failures)
    hook.after_node_run(ASKING, catalog, {"samples": made, "rejected": made})


@pytest.fixture
def earlier(tmp_path):
    path = tmp_path / "samples.parquet"
    table({"id": ["a", "b", "c"]}).write_parquet(path)
    return path


def table(columns) -> pl.DataFrame:
    return pl.DataFrame(columns)


def test_a_fuller_table_stops_a_run_whose_calls_failed(earlier):
    with pytest.raises(ChatModelError, match="'samples' would have 2 good rows where"):
        run(earlier, table({"id": ["a", "b"]}), "bad_request")


@pytest.mark.parametrize("reason", ["content_filter", "context_length", "truncated"])
def test_rows_that_are_rejected_for_a_reason_of_their_own_may_go(earlier, reason):
    run(earlier, table({"id": ["a", "b"]}), reason)


def test_a_table_may_shrink_where_no_call_failed(earlier):
    run(earlier, table({"id": ["a"]}))


def test_a_table_may_shrink_by_more_than_the_failed_calls_explain(tmp_path):
    path = tmp_path / "samples.parquet"
    table({"id": list(range(100))}).write_parquet(path)
    run(path, table({"id": list(range(50))}), "timeout")
    with pytest.raises(ChatModelError, match="50 good rows where an earlier run left"):
        run(path, table({"id": list(range(50))}), *["timeout"] * 5)


def test_the_failures_of_a_model_that_is_free_are_a_finding(earlier):
    run(earlier, table({"id": ["a"]}), "empty_reply", after=math.inf)


def test_failed_calls_do_not_stop_a_run_that_loses_nothing(earlier, tmp_path):
    run(earlier, table({"id": ["a", "b", "d"]}), "timeout")
    run(tmp_path / "none.parquet", table({"id": ["a"]}), "timeout")


@pytest.mark.parametrize(
    "column", [{"reason": [None, "timeout"]}, {"outcome": ["right", "failed"]}]
)
def test_rows_that_came_to_nothing_are_no_results(tmp_path, column):
    path = tmp_path / "samples.parquet"
    (name,) = column
    table({"id": ["a", "b"], name: [column[name][0]] * 2}).write_parquet(path)
    with pytest.raises(ChatModelError, match="1 good rows where an earlier run left 2"):
        run(path, table({"id": ["a", "b"]} | column), "timeout")
