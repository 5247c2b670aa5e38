"""``kedro trace``: the life of one row, from its source to what became of it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from kedro.framework.project import pipelines
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.commands.project import opened_project
from psyche_kedro.commands.row_index import Row, RowIndex
from psyche_kedro.commands.run import PARAMS
from psyche_kedro.errors import PsycheError
from psyche_kedro.files.project import in_project
from psyche_kedro.llm.chat_model import Reply
from psyche_kedro.llm.store.reply_store import ReplyStore, StoreSession
from psyche_kedro.text.halves import without_controls

_SHORTEST_ID = 4
_MOST_FOUND = 10
_MOST_PRODUCTS = 20
_CELL_CHARS = 240
_WIDEST = 2 * _CELL_CHARS + 120
"""Columns: Chinese takes two a character, the branches of the tree some more."""
_HEX = frozenset("0123456789abcdef")


@click.command(name="trace", params=[PARAMS])
@click.argument("what")
@click.option("--env", help="Whose catalog: base, endpoint, paper …")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page, too.")
@in_one_sentence
def trace(
    what: str, env: str | None, html: Path | None, params: dict[str, Any]
) -> None:
    """Show the life of the row WHAT: an id of any table, its beginning, or a text."""
    with opened_project(env=env, runtime_params=params) as context:
        index = RowIndex.of(context.catalog, _in_reading_order())
        store = context.config_loader["catalog"]["teacher_model"]["store"]
        id_ = _one(index, what)
        with _opened(in_project(Path(store))) as replies:
            tree = draw(index, id_, lambda key: describe_call(replies, key))
    # Into a pipe or a page no line is broken: each is to be found as one.
    wide = not sys.stdout.isatty() or html is not None
    console = Console(record=html is not None, width=_WIDEST if wide else None)
    console.print(tree)
    if html is not None:
        html.write_text(console.export_html(clear=False), encoding="utf-8")
        click.echo(f"page: {html}")


def draw(index: RowIndex, id_: str, call: Callable[[str], str]) -> Tree:
    """Return the life of a row as a tree: its origins above, its products below.

    Args:
        index: Of the output root.
        id_: Of the row.
        call: What a reply of this address took, in words.
    """
    tree = Tree(_text(id_, style="bold"))
    origins = _reached(id_, index.origins)
    if origins:
        above = tree.add("made of")
        for origin in reversed(origins):
            _add(above, index, origin, call)
    _add(tree, index, id_, call)
    beaten = index.beaten(id_)
    if beaten:
        tree.add(_text(f"kept before its like: {', '.join(beaten)}"))
    products = _reached(id_, index.products)
    if products:
        below = tree.add("became")
        for product in products[:_MOST_PRODUCTS]:
            _add(below, index, product, call)
        if len(products) > _MOST_PRODUCTS:
            below.add(f"… and {len(products) - _MOST_PRODUCTS} more")
    return tree


def describe_call(replies: StoreSession | None, key: str) -> str:
    """Return what a call took: model and tokens; or that the store has it no more."""
    found = replies.look_up([key]).get(key) if replies else None
    if not isinstance(found, Reply):
        return f"{key} (not in the reply store)"
    usage = found.usage
    return (
        f"{key} · {found.model} · {usage.input_tokens} + {usage.output_tokens} tokens"
    )


def _in_reading_order() -> list[str]:
    named: dict[str, None] = {}
    for pipeline in pipelines.values():
        for node in pipeline.nodes:
            named.update(dict.fromkeys(node.outputs))
    return list(named)


def _one(index: RowIndex, what: str) -> str:
    """Return the one id that is meant."""
    found = []
    if len(what) >= _SHORTEST_ID and set(what) <= _HEX:
        found = index.resolve(what)
    found = found or index.search(what, _MOST_FOUND)
    if not found:
        raise PsycheError(
            f"No table holds a row '{what}': give an id, its first {_SHORTEST_ID} or"
            " more digits, or a text of a row (posts are searched de-identified)."
        )
    if len(found) > 1:
        some = found[:_MOST_FOUND]
        rows = ", ".join(f"{one} ({next(index.rows(one)).table})" for one in some)
        more = " and more" if len(found) >= _MOST_FOUND else ""
        raise PsycheError(f"'{what}' is in {rows}{more}: give one of these ids.")
    return found[0]


def _reached(id_: str, step: Callable[[str], Iterable[str]]) -> list[str]:
    """Return all ids that steps lead to, the nearest first."""
    found, seen = [id_], {id_}
    for one in found:  # which grows meanwhile
        more = [other for other in dict.fromkeys(step(one)) if other not in seen]
        found += more
        seen.update(more)
    return found[1:]


def _add(tree: Tree, index: RowIndex, id_: str, call: Callable[[str], str]) -> None:
    """Add a row's life: of each table what none before it said."""
    branch = tree.add(_text(id_, style="cyan"))
    said: set[str] = set()
    for row in index.rows(id_):
        told = branch.add(Text(row.table, style="bold"))
        for line in _lines(row, call):
            if line not in said:
                told.add(_text(line))
            said.add(line)


def _lines(row: Row, call: Callable[[str], str]) -> Iterator[str]:
    for name, value in row.cells.items():
        if value not in (None, []):
            yield f"{name}: {_cell(value)}"
    for name, key in row.keys.items():
        yield f"{name}: {call(key)}"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        text = " · ".join(map(_cell, value))
    elif isinstance(value, dict):
        text = " ".join(str(part) for part in value.values())
    else:
        text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= _CELL_CHARS else f"{text[: _CELL_CHARS - 1]}…"


def _text(said: str, style: str = "") -> Text:
    return Text(without_controls(said), style=style)


def _opened(path: Path) -> Any:
    return ReplyStore(path).open() if path.exists() else nullcontext()
