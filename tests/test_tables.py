"""A table refuses a bad row, and says so without quoting a person's words."""

import traceback
from pathlib import Path

import polars as pl
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from kedro.utils import load_obj

from psyche_kedro.settings import CONFIG_LOADER_ARGS
from psyche_kedro.tables import Posts, QuestionPool, content_id, frame

NAME = "欧阳宁静"
ROOT = Path(__file__).parents[1]


def entries() -> dict[str, dict]:
    loader = OmegaConfigLoader(str(ROOT / "conf"), env="local", **CONFIG_LOADER_ARGS)
    return {n: e for n, e in loader["catalog"].items() if "validator" in e}


ENTRIES = entries()


def filled(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return one row with the planted name wherever a text may stand."""
    return pl.DataFrame([{c: value(d) for c, d in schema.items()}], schema=schema)


def value(dtype: pl.DataType):
    if isinstance(dtype, pl.List):
        return [value(dtype.inner)]
    if isinstance(dtype, pl.Struct):
        return {f.name: value(f.dtype) for f in dtype.fields}
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
