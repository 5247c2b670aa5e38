"""Every notebook reads what a run leaves, and its page in the docs shows just that."""

import json
import os
import subprocess
import sys

import pytest

from whole_run import ROOT, tracking

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = ROOT / "docs" / "notebooks"
MAKE = f"""
import sys
sys.path.insert(0, {str(ROOT / "docs")!r})
from make_notebooks import Path, page
sys.stdout.reconfigure(encoding="utf-8")
text = page(Path(sys.argv[1]), sys.argv[2])
print("==", text, sep="\\n", end="")
"""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_page_of_a_notebook_is_what_it_shows_of_the_sample(demo, path):
    result = subprocess.run(
        [sys.executable, "-c", MAKE, str(path), str(demo.data)],
        cwd=ROOT,
        env=os.environ | tracking(demo.data),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    shown = result.stdout.partition("==\n")[2]
    kept = (PAGES / f"{path.stem}.md").read_text("utf-8")
    mend = f"`python docs/make_notebooks.py {demo.data}` makes the pages anew"
    assert kept == shown, mend


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_kept_without_its_outputs(path):
    # An output could hold a person's words.
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not [c for c in cells if c.get("outputs")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_notebook_has_a_page_in_the_site(path):
    assert f"notebooks/{path.stem}.md" in (ROOT / "mkdocs.yml").read_text("utf-8")
