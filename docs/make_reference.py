"""Writes docs/reference from the code: tables, parameters, reasons, commands.

python docs/make_reference.py
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import yaml
from kedro.utils import load_obj

from psyche_kedro.cli import cli
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.pipeline_registry import register_pipelines
from psyche_kedro.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
_CELL_CHARS = 160
REFERENCE = ROOT / "docs" / "reference"
HEAD = "<!-- Made by docs/make_reference.py: change the code, and make it anew. -->\n"


def pages() -> dict[str, str]:
    """Return every page by its file's name."""
    made = {
        "tables": tables(),
        "parameters": parameters(),
        "reasons": reasons(),
        "commands": commands(),
        "variables": variables(),
    }
    return {
        f"{name}.md": HEAD + "\n".join(lines) + "\n" for name, lines in made.items()
    }


def tables() -> Iterator[str]:
    yield "\n# Tables\n"
    yield "What a row is, who writes it, its columns; `?` may be null.\n"
    loader = ConfigLoader(str(ROOT / "conf"), env="local", **CONFIG_LOADER_ARGS)
    writers = {
        out: node.name
        for pipeline in register_pipelines().values()
        for node in pipeline.nodes
        for out in node.outputs
    }
    for name, entry in sorted(loader["catalog"].items()):
        if name.startswith("_") or "validator" not in entry:
            continue
        model = load_obj(entry["validator"])
        yield f"## {name}\n"
        yield f"{inspect.getdoc(model)}\n"
        yield f"Written by `{writers.get(name, 'a hook')}`, layer {_layer(entry)}.\n"
        yield "| column | type |"
        yield "|---|---|"
        for column, said in model.to_schema().columns.items():
            kind = str(said.dtype).replace("|", "\\|")
            yield f"| `{column}` | {kind}{' ?' if said.nullable else ''} |"
        yield ""


def _layer(entry: dict[str, Any]) -> str:
    return str(entry.get("metadata", {}).get("kedro-viz", {}).get("layer", "–"))


def parameters() -> Iterator[str]:
    yield "\n# Parameters\n"
    yield "`--params a.b=value` overrides one; a remark is the paper's or `ours`.\n"
    for path in sorted((ROOT / "conf/base/parameters").glob("*.yml")):
        yield f"## {path.stem}\n"
        yield "| parameter | value | remark |"
        yield "|---|---|---|"
        yield from _settings(path.read_text("utf-8"))
        yield ""


_LINE = re.compile(
    r"(?P<indent> *)(?P<key>[\w-]+):(?: (?P<value>.*?))?(?:  ?# ?(?P<remark>.*))?$"
)


def _settings(text: str) -> Iterator[str]:
    above: list[tuple[int, str]] = []
    remark: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("# "):
            remark.append(line.lstrip(" #"))
            continue
        found = _LINE.fullmatch(line)
        if found and not line.lstrip().startswith("- "):
            indent = len(found["indent"])
            above = [one for one in above if one[0] < indent]
            above.append((indent, found["key"]))
            if found["value"] and not found["value"].startswith(("&", "|", ">")):
                said = " ".join([*remark, found["remark"] or ""]).strip()
                name = ".".join(key for _, key in above)
                value = _cell(found["value"].strip())
                yield f"| `{name}` | `{value}` | {_cell(said)} |"
        remark = []


def _cell(text: str) -> str:
    short = text if len(text) <= _CELL_CHARS else f"{text[: _CELL_CHARS - 1]}…"
    return short.replace("|", "\\|").replace("<", "&lt;")


def reasons() -> Iterator[str]:
    yield "\n# Reasons\n"
    yield "Why a row was rejected, a source not read, a call failed.\n"
    path = "src/psyche_kedro/pipelines/reporting/reasons.yml"
    for block in (ROOT / path).read_text("utf-8").split("\n# -- ")[1:]:
        title, rest = block.split("\n", 1)
        yield f"## {title[0].upper()}{title[1:]}\n"
        yield "| reason | what it means |"
        yield "|---|---|"
        for reason, meaning in yaml.safe_load(rest).items():
            yield f"| `{reason}` | {meaning} |"
        yield ""


def commands() -> Iterator[str]:
    yield "\n# Commands\n"
    yield "Beside Kedro's own; each takes `--help`.\n"
    for name, path in sorted(cli.lazy_subcommands.items()):
        module, _, attribute = path.rpartition(".")
        yield from _command(f"kedro {name}", getattr(import_module(module), attribute))


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=88)
    yield f"## {name}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    for inner in sorted(getattr(command, "commands", {})):
        yield from _command(f"{name} {inner}", command.commands[inner])


def variables() -> Iterator[str]:
    yield "\n# Environment variables\n"
    yield "| variable | default | read by |"
    yield "|---|---|---|"
    found: dict[str, tuple[str, set[str]]] = {}
    for path in sorted([*ROOT.glob("conf/**/*.yml"), *ROOT.glob("src/**/*.py")]):
        text = path.read_text("utf-8")
        for name, default in _variables(text):
            known, places = found.setdefault(name, ("", set()))
            places.add(path.relative_to(ROOT).as_posix())
            found[name] = (known or default, places)
    for name, (default, places) in sorted(found.items()):
        shown = f"`{default}`" if default else "–"
        yield f"| `{name}` | {shown} | {', '.join(sorted(places)[:3])} |"


def _variables(text: str) -> Iterator[tuple[str, str]]:
    for name, default in re.findall(r"oc\.env:(\w+)(?:, ?\"?([^\"}$]*))?", text):
        yield name, default
    for name in re.findall(r"\"((?:PSYCHE|MLFLOW)_[A-Z_]+)\"", text):
        yield name, ""


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
