"""A table refuses a bad row, and says so without quoting a person's words."""

import sqlite3
import traceback
import weakref
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from kedro.io import DataCatalog
from kedro.utils import load_obj

from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.settings import CONFIG_LOADER_ARGS
from psyche_kedro.tables import Posts, QuestionPool, Rejections, content_id, frame

NAME = "欧阳宁静"
ROOT = Path(__file__).parents[1]


def entries() -> dict[str, dict]:
    loader = ConfigLoader(str(ROOT / "conf"), env="local", **CONFIG_LOADER_ARGS)
    # The model of a table in parts is the work's to check.
    in_parts = {
        n: {"type": "psyche_kedro.datasets.TableDataset", "validator": e["model"]}
        for n, e in loader["catalog"].items()
        if e.get("type", "").endswith(".PartitionedTableDataset")
    }
    return {n: e for n, e in loader["catalog"].items() if "validator" in e} | in_parts


ENTRIES = entries()


class Watched(dict):
    """A row whose life can be watched."""


def test_few_rows_are_held_as_such() -> None:
    alive: set[int] = set()
    most = 0

    def rows():
        nonlocal most
        for n in range(20_000):
            row = Watched(row_id=str(n), stage="s", reason="r")
            weakref.finalize(row, alive.discard, n)
            alive.add(n)
            most = max(most, len(alive))
            yield row

    table = frame(Rejections, rows())
    assert table["row_id"].to_list() == [str(n) for n in range(20_000)]
    assert most < 5_000


def filled(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return one row with the planted name wherever a text may stand."""
    return pl.DataFrame([{c: value(d) for c, d in schema.items()}], schema=schema)


def value(dtype: pl.DataType):
    if isinstance(dtype, pl.List):
        return [value(dtype.inner)]
    if isinstance(dtype, pl.Struct):
        return {f.name: value(f.dtype) for f in dtype.fields}
    if dtype == pl.Binary:
        return NAME.encode()
    return f"我叫{NAME}" if dtype == pl.String else 1


def schema_of(entry) -> dict[str, pl.DataType]:
    model = load_obj(entry["validator"]).to_schema()
    return {name: column.dtype.type for name, column in model.columns.items()}


def checked_columns(entry) -> set[str]:
    columns = load_obj(entry["validator"]).to_schema().columns
    return {name for name, column in columns.items() if column.checks}


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_refused_row_is_not_quoted(name, tmp_path, capsys, caplog):
    entry = ENTRIES[name] | {"filepath": str(tmp_path / "t.parquet")}
    schema = schema_of(entry)
    # Ids and enums hold no free text; there the value itself is what is wrong.
    good = filled(schema).with_columns(
        pl.lit("BAD").alias(c) for c in checked_columns(entry)
    )
    bad = [good.drop(good.columns[0]), good.with_columns(extra=pl.lit(NAME))]
    if checked_columns(entry):
        bad.append(good)
    for frame_ in bad:
        catalog = DataCatalog.from_config({name: entry})
        with pytest.raises(Exception, match=name) as caught:
            catalog.save(name, frame_)
        chain = "".join(traceback.format_exception(caught.value))
        captured = capsys.readouterr()
        assert NAME not in chain + captured.out + captured.err + caplog.text


def test_ids_are_digests_of_content():
    assert content_id("a", "b") == content_id("a", "b")
    assert content_id("ab", "") != content_id("a", "b")
    assert len(content_id("a")) == 16


def test_frame_keeps_nested_columns():
    row = {
        "question_id": content_id("q"),
        "parent_id": content_id("c"),
        "origin": "bank",
        "source": "bank.json",
        "type": "single",
        "stem": "?",
        "options": [{"label": "A", "text": "甲"}],
        "gold": ["A"],
    }
    table = QuestionPool.validate(frame(QuestionPool, [row]))
    assert table["options"].to_list() == [[{"label": "A", "text": "甲"}]]


def test_an_empty_frame_is_valid():
    assert Posts.validate(frame(Posts, [])).height == 0


# ---- which id names a row of which table -----------------------------------------

REPLIES = "replies.key"


def references(name: str) -> dict[str, tuple[str, ...]]:
    """Return the columns that name rows, and where those rows may stand."""
    columns = load_obj(ENTRIES[name]["validator"]).to_schema().columns
    return {c: columns[c].metadata["of"] for c in columns if columns[c].metadata}


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_every_id_says_which_table_holds_it(name):
    ids = {c for c in schema_of(ENTRIES[name]) if c.endswith(("_id", "_ids", "_key"))}
    ids -= {"input_ids"}  # a tokenizer's
    assert ids == references(name).keys()


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_an_id_is_of_a_table_that_there_is(name):
    for place in {p for places in references(name).values() for p in places}:
        table, column = place.split(".")
        assert place == REPLIES or column in schema_of(ENTRIES[table])


def test_every_id_of_the_demo_leads_to_its_row(demo):
    held = {REPLIES: stored_keys(demo.data)}
    written = {path.split("/")[0] for path in demo.paths}
    tables = {name: demo.table(name) for name in written & ENTRIES.keys()}
    others = ("_account", "_examples")
    assert all(name.endswith(others) for name in written - ENTRIES.keys())
    named = {
        (name, column): places
        for name in tables
        for column, places in references(name).items()
    }
    for place in {p for places in named.values() for p in places} - {REPLIES}:
        table, column = place.split(".")
        held[place] = set(tables[table][column])
    lost = {
        key: ids
        for key, places in named.items()
        if (ids := ids_of(tables, *key) - set().union(*(held[p] for p in places)))
    }
    assert not lost
    assert sum(bool(ids_of(tables, *key)) for key in named) > 80


def ids_of(tables: dict[str, pl.DataFrame], name: str, column: str) -> set[str]:
    ids = tables[name][column]
    return set((ids.explode() if ids.dtype == pl.List else ids).drop_nulls())


def stored_keys(data: Path) -> set[str]:
    """Return the address of every request that was answered, or failed for good."""
    with closing(sqlite3.connect(data / "replies.sqlite")) as store:
        rows = store.execute("SELECT key FROM replies UNION SELECT key FROM failures")
        return {key.hex() for (key,) in rows}
