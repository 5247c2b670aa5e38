import json

import polars as pl
import pytest
from kedro.io import DatasetError

from psyche_kedro.datasets import TableDataset
from psyche_kedro.tables import RefinedPosts, content_id, frame

ROW = {
    "post_id": content_id("p"),
    "thread_id": content_id("t"),
    "messages": [{"role": "user", "content": "睡不着" * 40}],
}


def dataset(tmp_path):
    return TableDataset(filepath=str(tmp_path / "new" / "posts.parquet"))


def test_a_table_comes_back_as_it_was_saved(tmp_path):
    table = frame(RefinedPosts, [ROW])
    dataset(tmp_path).save(table)
    assert dataset(tmp_path).load().equals(table)


def test_an_empty_table_keeps_its_columns(tmp_path):
    dataset(tmp_path).save(frame(RefinedPosts, []))
    assert dataset(tmp_path).load().columns == frame(RefinedPosts, []).columns


def test_a_table_that_no_run_wrote_says_what_to_do(tmp_path):
    with pytest.raises(DatasetError, match=r"posts\.parquet: run the chapter"):
        dataset(tmp_path).load()


def test_a_save_leaves_no_partial_file(tmp_path):
    dataset(tmp_path).save(frame(RefinedPosts, [ROW]))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["posts.parquet"]


def test_a_preview_is_json_and_clips_long_text(tmp_path):
    dataset(tmp_path).save(frame(RefinedPosts, [ROW]))
    preview = dataset(tmp_path).preview()
    json.dumps(preview)
    cell = preview["data"][0][preview["columns"].index("messages")]
    assert cell.startswith('[{"role": "user"')
    assert len(cell) == 80


def test_a_row_with_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match=r"RefinedPosts has no column \['name'\]"):
        frame(RefinedPosts, [{"name": "x"}])


def test_frame_fills_missing_nullable_columns_with_null():
    assert frame(RefinedPosts, [ROW])["model"].to_list() == [None]
    assert frame(RefinedPosts, [ROW]).schema["messages"] == pl.List(
        pl.Struct({"role": pl.String, "content": pl.String})
    )
