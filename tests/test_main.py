"""``python -m psyche_kedro`` is ``kedro run``."""

import os
import subprocess
import sys

import pytest

from whole_run import ROOT, tracking

OURS = {"PYTHONPATH": str(ROOT / "src")}
# Python would take UTF-8 in its place.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run_package(
    *arguments: str, data, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "psyche_kedro", *arguments],
        cwd=ROOT,
        env=os.environ | tracking(data) | OURS | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("locale", [{}, ASCII], ids=["own", "C"])
def test_the_package_runs_a_pipeline_in_any_locale(locale, tmp_path):
    data = f"--params=data={tmp_path}/data"
    done = run_package("--pipeline=reporting", data, data=tmp_path, **locale)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report = (tmp_path / "data/08_reporting/report.html").read_text("utf-8")
    assert "§" in report
    assert "deprecated" not in done.stdout + done.stderr


def test_what_is_not_there_is_one_sentence(tmp_path):
    done = run_package("--pipeline=reportin", data=tmp_path)
    assert done.returncode == 1
    assert "There is no pipeline 'reportin': choose of " in done.stderr
    assert "Traceback" not in done.stderr
