"""Without the extra ``train`` everything runs but training, which says so."""

import subprocess
import sys

import pytest

from whole_run import ROOT, run_kedro

# Python imports it in every process: as if the packages had never been installed.
ABSENT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        extra = {"accelerate", "datasets", "tokenizers", "torch", "transformers", "trl"}
        if name.partition(".")[0] in extra:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def without(tmp_path) -> dict[str, str]:
    (tmp_path / "sitecustomize.py").write_text(ABSENT, encoding="utf-8")
    return {"PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}"}


def test_the_packages_are_absent(without):
    command = [sys.executable, "-c", "import torch"]
    done = subprocess.run(command, env=without, capture_output=True, check=False)
    assert b"No module named 'torch'" in done.stderr


@pytest.mark.parametrize("chapter", ["reporting"])
def test_chapters_that_train_nothing_are_found(tmp_path, without, chapter):
    data = f"data={tmp_path / 'data'}"
    run = ("run", f"--pipeline={chapter}", "--params", data)
    done = run_kedro(*run, data=tmp_path, **without)
    assert done.returncode == 0, done.stderr[-2000:]


def test_training_says_what_to_install_before_its_first_node(tmp_path, without):
    data = f"data={tmp_path / 'data'}"
    done = run_kedro("run", "--params", data, data=tmp_path, **without)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "Error: Training needs torch, which is not installed: `pip" in done.stderr
    assert not list((tmp_path / "data").rglob("*.parquet")), "a node ran before"
