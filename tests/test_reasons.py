"""Every reason that code gives is explained, and nothing else is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from psyche_kedro.pipeline_registry import register_pipelines
from psyche_kedro.pipelines.reporting.corpus import explanations

ROOT = Path(__file__).parents[1]
SOURCES = [
    *(ROOT / "src/psyche_kedro").rglob("*.py"),
    *(p for p in (ROOT / "src/psyche_kedro").rglob("*.yml") if p.stem != "reasons"),
    *(ROOT / "conf").rglob("*.yml"),
]
STAGES = {n.short_name for p in register_pipelines().values() for n in p.nodes}
MADE_OF_PARTS = {"low_empathy", "low_guidance", "low_steps"}  # low_<dimension>
ERRORS = {"UnreadableSource", "Fault", "Lost", "Failure"}


def slugs(node: ast.AST | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if re.fullmatch("[a-z]+(_[a-z]+)*", node.value):
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*slugs(node.body), *slugs(node.orelse))


def reasons(tree: ast.AST) -> Iterator[str]:
    """Yield what is given as a reason: by an error, as an argument, or returned."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ERRORS and node.args:
                yield from slugs(node.args[0])
            if "rejection" in name.lower():
                yield from (s for a in node.args[1:] for s in slugs(a))
            yield from (
                s for k in node.keywords if k.arg == "reason" for s in slugs(k.value)
            )
        elif isinstance(node, ast.FunctionDef) and "reason" in node.name:
            returns = (n for n in ast.walk(node) if isinstance(n, ast.Return))
            yield from (s for r in returns for s in slugs(r.value))


GIVEN = {
    reason
    for path in SOURCES
    if path.suffix == ".py"
    for reason in reasons(ast.parse(path.read_text("utf-8")))
} - STAGES


def test_the_search_finds_them():
    assert len(GIVEN) > 60
    assert {"truncated", "encrypted", "too_long", "over_long"} <= GIVEN


@pytest.mark.parametrize("reason", sorted(GIVEN))
def test_a_reason_is_explained(reason):
    assert reason in explanations()


def test_no_reason_is_explained_that_nobody_gives():
    said = " ".join(path.read_text("utf-8") for path in SOURCES)
    words = set(re.findall(r"[a-z]+(?:_[a-z]+)*", said)) | MADE_OF_PARTS
    gone = {r for r in explanations() if r not in words}
    assert not {r for r in gone if not r.startswith("part_")}
