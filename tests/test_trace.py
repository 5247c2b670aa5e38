"""The life of a row is told from its source to what became of it."""

import random

import polars as pl
import pytest
from kedro.io import DataCatalog

from psyche_kedro.commands.row_index import RowIndex
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.pipeline_registry import register_pipelines
from psyche_kedro.settings import CONFIG_LOADER_ARGS
from whole_run import ROOT, run_kedro


@pytest.fixture(scope="module")
def index(demo):
    roots = {"data": str(demo.data)}
    loader = ConfigLoader(
        str(ROOT / "conf"), env="local", runtime_params=roots, **CONFIG_LOADER_ARGS
    )
    catalog = DataCatalog.from_config(
        {n: e for n, e in loader["catalog"].items() if "Table" in e.get("type", "")}
    )
    return RowIndex.of(catalog, register_pipelines()["__default__"].all_outputs())


def table(demo, name) -> pl.DataFrame:
    (path,) = demo.data.glob(f"0*/{name}*")
    return pl.read_parquet(sorted(path.glob("*.parquet")) if path.is_dir() else path)


def some(frame: pl.DataFrame, column: str) -> list[str]:
    return random.Random(7).sample(frame[column].to_list(), 10)


def ancestors(index, id_) -> set[str]:
    found, todo = set(), [id_]
    while todo:
        todo += (new := set(index.origins(todo.pop())) - found)
        found |= new
    return found


@pytest.mark.parametrize("name", ["sft_set", "grpo_set"])
def test_an_example_goes_back_to_the_file_that_its_provenance_names(demo, index, name):
    told = table(demo, "example_provenance").rows_by_key("example_id", named=True)
    for example in some(table(demo, name), "example_id"):
        (origin,) = told[example]
        rows = [row for one in ancestors(index, example) for row in index.rows(one)]
        sources = {row.cells["source"] for row in rows if "source" in row.cells}
        assert origin["source"] in sources
        if origin["chunk_id"]:
            assert origin["chunk_id"] in ancestors(index, example)


def test_a_rejected_row_is_told_with_its_reason(demo, index):
    rejected = table(demo, "rejected_replies")
    for row_id, reason in rejected.select("row_id", "reason").head(10).iter_rows():
        rows = list(index.rows(row_id))
        assert {"clean_posts", "rejected_replies"} <= {row.table for row in rows}
        assert reason in [row.cells.get("reason") for row in rows]


def test_a_question_is_told_with_those_that_it_beat(demo, index):
    beaten, kept = table(demo, "duplicate_questions").row(0, named=True), None
    kept = beaten["kept_id"]
    assert beaten["question_id"] in index.beaten(kept)


def test_no_text_from_before_de_identification_is_shown_or_found(demo, index):
    posts, clean = table(demo, "posts"), table(demo, "clean_posts")
    for raw, masked in zip(posts.to_dicts(), clean.to_dicts(), strict=True):
        told = "".join(m["content"] for m in raw["messages"])
        if told == "".join(m["content"] for m in masked["messages"]):
            continue
        assert index.search(told[:200], 5) == []
        for row in index.rows(raw["post_id"]):
            assert row.table != "posts" or "messages" not in row.cells


def test_the_command_draws_it_and_writes_a_page(demo, tmp_path):
    example = table(demo, "sft_set").filter(part="D_em")["example_id"][0]
    page = tmp_path / "life.html"
    params = f"--params=data={demo.data}"
    run = run_kedro("trace", example[:9], f"--html={page}", params, data=demo.data)
    assert run.returncode == 0, run.stderr
    for told in (
        "made of",
        "clean_posts",
        "useful_posts",
        "refined_posts",
        "judge_key",
    ):
        assert told in run.stdout
        assert told in page.read_text(encoding="utf-8")


def test_no_text_is_cut_at_the_width_of_a_terminal_that_is_not_there(demo):
    sample = max(
        table(demo, "reasoning_samples").to_dicts(), key=lambda row: len(row["stem"])
    )
    params = f"--params=data={demo.data}"
    run = run_kedro("trace", sample["question_id"], params, data=demo.data)
    assert f"stem: {' '.join(sample['stem'].split())[:239]}" in run.stdout


def test_what_stands_nowhere_is_one_sentence(demo):
    run = run_kedro("trace", "无此文字", f"--params=data={demo.data}", data=demo.data)
    assert run.returncode == 1
    assert "Error: No table holds a row '无此文字': give an id" in run.stderr
