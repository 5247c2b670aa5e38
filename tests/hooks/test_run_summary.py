"""What the hooks say beside a run."""

from types import SimpleNamespace

import polars as pl
import pytest

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks.run_summary import RunSummary


def table(name: str) -> SimpleNamespace:
    made = {"height": lambda: 1, "exists": lambda: True}
    return SimpleNamespace(_filepath=f"{name}.parquet", **made)


CATALOG = SimpleNamespace(get=table)


def test_sources_that_could_not_be_read_are_counted_by_reason(caplog):
    unread = pl.DataFrame({"reason": ["damaged", "unknown_layout", "damaged"]})
    RunSummary().after_node_run({"unreadable_sources": unread}, CATALOG)
    assert "3 sources, or parts of them," in caplog.text
    assert "(damaged 2, unknown_layout 1): unreadable_sources.parquet" in caplog.text


def test_nothing_is_said_where_all_was_read(caplog):
    for outputs in ({"unreadable_sources": pl.DataFrame({"reason": []})}, {}):
        RunSummary().after_node_run(outputs, CATALOG)
    assert not caplog.text


def test_evaluation_alone_says_which_benchmarks_it_could_not_read(caplog):
    hook = RunSummary()
    hook.before_pipeline_run(SimpleNamespace(all_outputs=lambda: {"scores"}))
    unread = pl.DataFrame({"reason": ["damaged"]})
    hook.after_node_run({"unreadable_benchmarks": unread}, CATALOG)
    assert "(damaged 1): unreadable_benchmarks.parquet" in caplog.text


def test_a_whole_run_says_it_once_for_all_sources(caplog):
    hook = RunSummary()
    both = {"unreadable_sources", "unreadable_benchmarks"}
    hook.before_pipeline_run(SimpleNamespace(all_outputs=lambda: both))
    unread = pl.DataFrame({"reason": ["damaged"]})
    hook.after_node_run({"unreadable_benchmarks": unread}, CATALOG)
    assert not caplog.text


def test_a_run_without_a_report_ends_with_its_tables(capsys):
    one = SimpleNamespace(height=lambda: 1_200, exists=lambda: True, _filepath="a.csv")
    parts = SimpleNamespace(height=lambda: 3, exists=lambda: True, _path="b")
    catalog = {"one": one, "parts": parts, "figure": SimpleNamespace()}
    node = SimpleNamespace(outputs=["one", "parts", "figure"])
    pipeline = SimpleNamespace(nodes=[node], all_outputs=lambda: set(catalog))
    RunSummary().after_pipeline_run(pipeline, catalog)
    assert capsys.readouterr().out.split() == [
        *("one", "1,200", "a.csv"),
        *("parts", "3", "b"),
    ]


def rows(n: int):
    """A catalog whose tables of sources have so many rows."""
    table = SimpleNamespace(height=lambda: n, exists=lambda: True, _filepath="t")
    return SimpleNamespace(get=lambda name: table)


def test_a_run_of_which_not_one_source_can_be_read_stops():
    unread = pl.DataFrame({"reason": ["damaged"]})
    with pytest.raises(ConfigurationError, match="Not one of the sources"):
        RunSummary().after_node_run({"unreadable_sources": unread}, rows(0))
