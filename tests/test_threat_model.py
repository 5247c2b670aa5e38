"""Each promise of the threat model is held by tests, and each of these is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/threat_model.md").read_text("utf-8")
TESTS = {
    node.name
    for path in (ROOT / "tests").rglob("test_*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.FunctionDef)
}
PROMISES = dict(re.findall(r"^\| (\w[^|]+) \| (`test_.+) \|$", PAGE, re.MULTILINE))


def test_every_test_that_holds_a_promise_is_there():
    named = re.findall(r"`(test_\w+)`", PAGE)
    assert len(named) > 30
    assert not {name for name in named if name not in TESTS}


def test_every_promise_is_held_by_a_test():
    rows = [r for r in PAGE.splitlines() if r.startswith("| ") and "held by" not in r]
    assert len(rows) == len(PROMISES) > 10


def test_it_is_one_page():
    assert len(PAGE.split()) < 1000
