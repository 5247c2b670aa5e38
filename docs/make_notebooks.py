"""Writes docs/notebooks: each notebook with what it shows of the sample's run.

python docs/make_notebooks.py [DATA]    (the output root of `make demo`; data, if none)
"""

import ast
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "notebooks"
HEAD = "<!-- Made by docs/make_notebooks.py: change the notebook, make it anew. -->\n\n"
_CELL_CHARS = 300


def page(notebook: Path, data: str) -> str:
    """Return a notebook as Markdown, run on an output root.

    Args:
        notebook: The file.
        data: The output root.
    """
    os.environ["PSYCHE_DATA"] = data
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    known: dict[str, Any] = {}
    parts = [part for cell in cells for part in _told(cell, known)]
    return HEAD + "\n\n".join(parts) + "\n"


def _told(cell: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    shown = _run(source, known)
    if isinstance(shown, pl.DataFrame):
        yield _table(shown)
    elif shown is not None:
        yield f"```text\n{shown}\n```"


def _run(source: str, known: dict[str, Any]) -> Any:
    """Run a cell; return the value of its last line, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), known)  # noqa: S102 - the project's own
    return eval(ast.unparse(last), known) if last else None  # noqa: S307


def _table(table: pl.DataFrame) -> str:
    rows = [table.columns, ["---"] * table.width, *map(list, table.rows())]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    text = "" if value is None else " ".join(text.split())
    cut = text if len(text) <= _CELL_CHARS else f"{text[: _CELL_CHARS - 1]}…"
    return cut.replace("|", "\\|").replace("<", "&lt;")


def main(data: str = "data") -> None:
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = page(notebook, data)
        (PAGES / f"{notebook.stem}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
