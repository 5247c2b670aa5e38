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


def test_a_damaged_table_says_what_to_do(tmp_path):
    table = dataset(tmp_path)
    table.save(frame(RefinedPosts, [ROW]))
    (tmp_path / "new" / "posts.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        DatasetError, match=r"posts\.parquet cannot be read \(\w+\): br"
    ):
        dataset(tmp_path).load()


def test_a_save_leaves_no_partial_file(tmp_path):
    dataset(tmp_path).save(frame(RefinedPosts, [ROW]))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["posts.parquet"]


def test_a_preview_shows_the_last_message_and_clips_long_text(tmp_path):
    dataset(tmp_path).save(frame(RefinedPosts, [ROW]))
    preview = dataset(tmp_path).preview()
    json.dumps(preview)
    cell = preview["data"][0][preview["columns"].index("messages")]
    assert cell.removeprefix("… ")[:9] == ROW["messages"][-1]["content"][:9]
    assert len(cell) == 80


def test_a_row_with_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match=r"RefinedPosts has no column \['name'\]"):
        frame(RefinedPosts, [{"name": "x"}])


def test_frame_fills_missing_nullable_columns_with_null():
    assert frame(RefinedPosts, [ROW])["model"].to_list() == [None]
    assert frame(RefinedPosts, [ROW]).schema["messages"] == pl.List(
        pl.Struct({"role": pl.String, "content": pl.String})
    )


@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl", "posts.ndjson"])
@pytest.mark.parametrize(
    "rows", [[], [ROW, {**ROW, "model": 'a "b",\n', "messages": []}]]
)
def test_a_table_in_a_text_format_comes_back_as_it_was_saved(tmp_path, name, rows):
    table = frame(RefinedPosts, rows)
    stored = TableDataset(
        filepath=str(tmp_path / name), model="psyche_kedro.tables.RefinedPosts"
    )
    stored.save(table)
    assert stored.load().equals(table)
    assert not (tmp_path / name).read_bytes().startswith(b"PAR1")


@pytest.mark.parametrize("name", ["posts.xlsx", "posts"])
def test_a_format_that_no_one_knows_is_refused(name):
    with pytest.raises(DatasetError, match=r"is written as \.parquet, \.csv, \.jsonl"):
        TableDataset(filepath=name)


def test_a_text_format_without_a_model_is_refused():
    with pytest.raises(DatasetError, match=r"posts\.csv has no dtypes .* `validator:"):
        TableDataset(filepath="posts.csv")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("chunk.csv", "post_id,我的话\n1,2\n", r"has \['我的话'\] beside"),
        ("chunk.jsonl", '{"post_id": "1", "so": 1}', r"has \['so'\] beside"),
        ("chunk.jsonl", '{"post_id": "睡不着', r"cannot be read"),
    ],
)
def test_an_edited_file_that_is_no_such_table_is_named(tmp_path, name, text, why):
    (tmp_path / name).write_text(text, encoding="utf-8")
    stored = TableDataset(
        filepath=str(tmp_path / name), model="psyche_kedro.tables.RefinedPosts"
    )
    with pytest.raises(DatasetError, match=f"{name} is no table of .*{why}") as raised:
        stored.load()
    assert "睡不着" not in str(raised.value)


def test_a_preview_shows_how_large_a_picture_is(tmp_path):
    dataset(tmp_path).save(pl.DataFrame({"jpeg": [b"12345", None]}))
    assert dataset(tmp_path).preview()["data"] == [["5 bytes"], [None]]
