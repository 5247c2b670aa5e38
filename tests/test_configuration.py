"""A configuration that cannot work stops the run at once, with the key and the mend."""

import shutil
import sqlite3

import pytest

from whole_run import ROOT, run_kedro


def refused(tmp_path, *arguments: str, **environment: str) -> str:
    result = run_kedro("run", *arguments, data=tmp_path / "data", **environment)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr + result.stdout
    assert not list((tmp_path / "data").rglob("*.parquet")), "a node ran before"
    return next(
        line for line in result.stderr.splitlines() if line.startswith("Error: ")
    )


def at(tmp_path, *pairs: str) -> str:
    return ",".join([f"data={tmp_path / 'data'}", *pairs])


def test_a_missing_credential_is_named(tmp_path):
    message = refused(
        tmp_path,
        "--env=paper",
        "--pipeline=synthesis",
        "--params",
        at(tmp_path),
        PSYCHE_TEACHER_API_KEY="",
    )
    assert "api_key" in message
    assert "set PSYCHE_" in message


def test_an_undeclared_parameter_on_the_command_line_is_refused(tmp_path):
    message = refused(
        tmp_path, "--params", at(tmp_path, "synthesis.rationals.rounds=1")
    )
    assert "'synthesis.rationals'" in message
    assert "synthesis.rationales" in message


def test_a_wrong_type_is_refused_with_its_key(tmp_path):
    message = refused(
        tmp_path, "--params", at(tmp_path, "synthesis.rationales.rounds=many")
    )
    assert message == (
        "Error: Parameter 'synthesis.rationales.rounds' is 'many': Input should be a"
        " valid integer, unable to parse string as an integer"
        " (see conf/base/parameters)."
    )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--env=nosuch", "There is no environment 'nosuch'"),
        ("--pipeline=synthesys", "There is no pipeline 'synthesys'"),
        ("--pipelines=cleaning,synthesys", "There is no pipeline 'synthesys'"),
    ],
)
def test_a_name_that_is_not_there_is_one_sentence(tmp_path, argument, message):
    said = refused(tmp_path, argument, "--params", at(tmp_path))
    assert message in said
    assert "endpoint" in said or "synthesis" in said, "what there is"


def test_what_stops_before_the_first_node_leaves_no_run_in_mlflow(tmp_path):
    refused(
        tmp_path,
        "--env=endpoint",
        "--params",
        at(tmp_path),
        PSYCHE_BASE_URL="127.0.0.1:8000",
        PSYCHE_API_KEY="none",
    )
    with sqlite3.connect(tmp_path / "data" / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_an_empty_folder_is_named(tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(ROOT / "data" / "01_raw" / "sample", raw)
    shutil.rmtree(raw / "textbooks")
    (raw / "textbooks").mkdir()
    message = refused(tmp_path, "--params", at(tmp_path, f"raw={raw}"))
    assert "textbooks holds no file" in message


def test_a_missing_table_names_what_to_run(tmp_path):
    result = run_kedro(
        "run",
        "--pipeline=selection",
        "--params",
        at(tmp_path),
        data=tmp_path / "data",
    )
    assert result.returncode == 1
    assert "run the chapter that writes it first" in result.stderr


@pytest.mark.parametrize("key", ["raw", "data"])
def test_both_roots_are_declared(key):
    text = (ROOT / "conf" / "base" / "globals.yml").read_text(encoding="utf-8")
    assert f"\n{key}:" in text
