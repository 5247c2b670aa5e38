"""Every notebook still reads what a run leaves."""

import json
import os
import subprocess
import sys

import pytest

from whole_run import ROOT, tracking

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_from_top_to_bottom(demo, path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=path.parent,
        env=os.environ | tracking(demo.data) | {"PSYCHE_DATA": str(demo.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_kept_without_its_outputs(path):
    # An output could hold a person's words.
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not [c for c in cells if c.get("outputs")]
