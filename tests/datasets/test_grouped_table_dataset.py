"""A table in parts: what is rewritten, and what becomes of a part that is gone."""

from pathlib import Path

import polars as pl
import pytest
from kedro.io import DataCatalog, DatasetError

from psyche_kedro.datasets import GroupedTableDataset
from psyche_kedro.tables import Judgements, frame


def table(**scores: float) -> pl.DataFrame:
    return pl.DataFrame(
        [{"role": role, "score": score} for role, score in scores.items()],
        schema={"role": pl.String, "score": pl.Float64},
        orient="row",
    )


def dataset(folder: Path) -> GroupedTableDataset:
    return GroupedTableDataset(path=str(folder / "scores"), by="role")


def written(folder: Path) -> dict[str, int]:
    parts = (folder / "scores").glob("*.parquet")
    return {path.name: path.stat().st_ino for path in parts}


def test_each_value_has_a_file_and_the_table_is_read_whole(tmp_path: Path) -> None:
    dataset(tmp_path).save(table(b=2, a=1))
    assert written(tmp_path).keys() == {"a.parquet", "b.parquet"}
    assert dataset(tmp_path).load().equals(table(b=2, a=1))


def test_a_new_part_rewrites_no_other(tmp_path: Path) -> None:
    dataset(tmp_path).save(table(a=1, b=2))
    before = written(tmp_path)
    dataset(tmp_path).save(table(a=1, b=2, c=3))
    after = written(tmp_path)
    assert {name: after[name] for name in before} == before
    assert "c.parquet" in after


def test_a_part_that_changed_is_written_again(tmp_path: Path) -> None:
    dataset(tmp_path).save(table(a=1, b=2))
    dataset(tmp_path).save(table(a=1, b=3))
    assert dataset(tmp_path).load().equals(table(a=1, b=3))


def test_a_part_that_is_gone_is_not_read_its_file_stays_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset(tmp_path).save(table(a=1, b=2))
    before = written(tmp_path)
    dataset(tmp_path).save(table(a=1))
    assert dataset(tmp_path).load().equals(table(a=1))
    assert "scores no longer has role 'b': the files stay in" in caplog.text
    assert written(tmp_path) == before
    caplog.clear()
    dataset(tmp_path).save(table(a=1))
    assert not caplog.records, "it is said once"


def test_a_part_that_comes_back_unchanged_is_not_written_again(tmp_path: Path) -> None:
    dataset(tmp_path).save(table(a=1, b=2))
    before = written(tmp_path)
    for scores in ({"a": 1}, {"a": 1, "b": 2}):
        dataset(tmp_path).save(table(**scores))
    assert dataset(tmp_path).load().equals(table(a=1, b=2))
    assert written(tmp_path) == before


def test_a_table_without_rows_keeps_its_columns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset(tmp_path).save(table())
    assert dataset(tmp_path).load().equals(table())
    dataset(tmp_path).save(table(a=1))
    assert dataset(tmp_path).load().equals(table(a=1))
    assert not caplog.records


def test_a_value_may_hold_what_no_file_name_may(tmp_path: Path) -> None:
    rows = pl.DataFrame({"role": ["Qwen/Qwen2.5-7B", "../up"], "score": [1.0, 2.0]})
    dataset(tmp_path).save(rows)
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]
    assert dataset(tmp_path).load().equals(rows)


def test_what_a_killed_save_left_is_not_read(tmp_path: Path) -> None:
    dataset(tmp_path).save(table(a=1))
    (tmp_path / "scores" / "b.parquet.partial").write_bytes(b"PAR1 cut off")
    table(c=3).write_parquet(tmp_path / "scores" / "c.parquet")
    assert dataset(tmp_path).load().equals(table(a=1))


def test_a_damaged_part_is_no_matter_once_it_is_gone_and_is_written_anew(
    tmp_path: Path,
) -> None:
    dataset(tmp_path).save(table(a=1, b=2))
    dataset(tmp_path).save(table(a=1))
    (tmp_path / "scores" / "b.parquet").write_bytes(b"PAR1 cut off")
    assert dataset(tmp_path).load().equals(table(a=1))
    dataset(tmp_path).save(table(a=1, c=3))
    dataset(tmp_path).save(table(a=1, b=2))
    assert dataset(tmp_path).load().equals(table(a=1, b=2))


def test_a_table_that_no_run_wrote_says_what_to_do(tmp_path: Path) -> None:
    assert not dataset(tmp_path).exists()
    with pytest.raises(DatasetError, match="run the chapter that writes it first"):
        dataset(tmp_path).load()


def test_the_catalog_checks_every_part(tmp_path: Path) -> None:
    entry = {
        "type": "psyche_kedro.datasets.GroupedTableDataset",
        "path": str(tmp_path / "judgements"),
        "by": "role",
        "validator": "psyche_kedro.tables.Judgements",
    }
    catalog = DataCatalog.from_config({"judgements": entry})
    row = {"item_id": "0" * 16, "role": "a", "dimension": "EmoE"}
    row |= {"prompt_digest": "p", "outcome": "no_score", "judge": "j", "repeat": 0}
    sound = frame(Judgements, [row, row | {"role": "b"}])
    catalog.save("judgements", sound)
    assert catalog.load("judgements").equals(sound)
    with pytest.raises(Exception, match="item_id"):
        catalog.save("judgements", frame(Judgements, [row | {"item_id": "no id"}]))
    part = sound.filter(role="b").with_columns(item_id=pl.lit("no id"))
    part.write_parquet(tmp_path / "judgements" / "b.parquet")
    with pytest.raises(Exception, match="item_id"):
        catalog.load("judgements")
