"""A report that mixes two runs says so, or is refused."""

import shutil

import pytest

from whole_run import ROOT, run_kedro

BANKS = "--nodes=ingestion.read_question_banks,cleaning.clean_bank_questions"
REPORT = "--nodes=reporting.write_report"


@pytest.fixture(scope="module")
def mixed(demo, tmp_path_factory):
    """A finished root into which other question banks were cleaned."""
    folder = tmp_path_factory.mktemp("mixed")
    raw, data = folder / "raw", folder / "data"
    shutil.copytree(ROOT / "data/01_raw/sample", raw)
    shutil.copytree(demo.data, data)
    sorted((raw / "question_banks").iterdir())[0].unlink()
    run = run_kedro("run", BANKS, f"--params=data={data},raw={raw}", data=data)
    assert run.returncode == 0, run.stderr
    return data


def test_a_report_of_one_run_says_which_and_accuses_nothing(demo):
    report = (demo.data / "08_reporting/report.md").read_text(encoding="utf-8")
    told = f"into {demo.data}. Settings that are not those of conf/base: none."
    assert told in report
    assert "mixes runs" not in report


def test_a_report_that_mixes_runs_names_the_tables(mixed):
    run = run_kedro("run", REPORT, f"--params=data={mixed}", data=mixed)
    assert run.returncode == 0, run.stderr
    assert "question_pool" in run.stdout
    assert "made from an earlier clean_bank_questions" in run.stdout
    for name in ("report.md", "report.html"):
        report = (mixed / "08_reporting" / name).read_text(encoding="utf-8")
        assert "mixes runs" in report
        assert "made from an earlier clean_bank_questions" in report


def test_a_run_that_refuses_stale_tables_stops_before_its_first_node(mixed):
    params = f"--params=data={mixed},freshness=refuse"
    run = run_kedro("run", REPORT, params, data=mixed)
    assert run.returncode == 1
    assert "made from an earlier clean_bank_questions" in run.stderr
    assert "or set `freshness: warn`" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_status_says_what_stands_and_what_is_overtaken(mixed):
    said = run_kedro("status", f"--params=data={mixed}", data=mixed).stdout
    state = {
        line.split()[0]: word
        for line in said.splitlines()
        for word in ("fresh", "stale")
        if line.startswith("  ") and f" {word} " in line
    }
    assert state["posts"] == "fresh"
    assert state["question_pool"] == state["sft_set"] == "stale"
    assert "to make anew: kedro run --pipelines=" in said


def test_a_finished_root_is_fresh(demo):
    said = run_kedro("status", f"--params=data={demo.data}", data=demo.data).stdout
    assert " fresh " in said
    assert "stale" not in said


def test_the_status_of_an_empty_root_names_what_is_missing(tmp_path):
    said = run_kedro("status", f"--params=data={tmp_path}", data=tmp_path).stdout
    assert said.count(" missing") > 50
    assert " fresh" not in said


def test_what_a_run_had_saved_before_it_failed_is_known_to_be_its_own(tmp_path):
    raw, data = tmp_path / "raw", tmp_path / "data"
    shutil.copytree(ROOT / "data/01_raw/sample", raw)
    run = run_kedro("run", BANKS, f"--params=data={data},raw={raw}", data=data)
    assert run.returncode == 0, run.stderr
    (raw / "question_banks/teacher_bank.xlsx").unlink()
    broken = data / "03_primary/clean_bank_questions.parquet"
    broken.unlink()
    broken.mkdir()  # so that the second node cannot save
    run = run_kedro("run", BANKS, f"--params=data={data},raw={raw}", data=data)
    assert run.returncode == 1
    said = run_kedro("status", f"--params=data={data},raw={raw}", data=data).stdout
    assert "bank_questions: changed after" not in said
