"""The documents' reference is the code's, and the commands of how-tos are real."""

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
import yaml

from psyche_kedro.cli import cli
from psyche_kedro.commands.run import run
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.hooks.configuration_check import _paths
from psyche_kedro.pipeline_registry import register_pipelines
from psyche_kedro.pipelines.reporting.corpus import explanations
from psyche_kedro.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
MADE = ROOT / "docs/reference"
GUIDES = [p for p in sorted(ROOT.glob("docs/**/*.md")) if p.parent != MADE]
PIPELINES = register_pipelines()
KEDROS_OWN = re.compile(r"kedro (?:--help|package|registry list|.*…)")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    path = ROOT / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_every_reason_command_and_table_is_in_the_reference(pages):
    assert all(f"| `{reason}` |" in pages["reasons.md"] for reason in explanations())
    assert all(
        f"## kedro {name}\n" in pages["commands.md"] for name in cli.lazy_subcommands
    )
    assert "## sft_set\n" in pages["tables.md"]
    assert "| `question_id` | String |" in pages["tables.md"]


def test_parameters_stand_there_with_their_remarks(pages):
    said = pages["parameters.md"]
    assert re.search(r"\| `selection\.difficulty\.group_size` \|", said)
    assert "| `progress` | `auto` | How a run shows how far it is" in said


def test_variables_are_those_that_the_code_reads(pages):
    for name in ("PSYCHE_MODEL", "PSYCHE_KEDRO_UMASK", "MLFLOW_TRACKING_URI"):
        assert f"| `{name}` |" in pages["variables.md"]


@pytest.fixture(scope="module")
def declared() -> set[str]:
    loader = ConfigLoader(str(ROOT / "conf"), env="local", **CONFIG_LOADER_ARGS)
    return {*_paths({**loader["globals"], **loader["parameters"]})}


def commands() -> list[tuple[str, str]]:
    """Return every ``kedro`` line of the guides, with the guide's name."""
    found = []
    for guide in [ROOT / "README.md", *GUIDES]:
        text = guide.read_text("utf-8")
        inline = re.findall(r"`(kedro [^`]+)`", text)
        blocks = re.findall(r"^ {4,}(kedro .+?)(?: {3}.*)?$", text, re.MULTILINE)
        found += [(guide.stem, line) for line in [*inline, *blocks]]
    return [(guide, line) for guide, line in found if not KEDROS_OWN.fullmatch(line)]


@pytest.mark.parametrize(("guide", "line"), commands())
def test_a_command_of_a_guide_is_one_that_there_is(guide, line, declared):
    _, name, *arguments = shlex.split(line)
    command = run if name == "run" else cli.get_command(click.Context(cli), name)
    assert command is not None, name
    if arguments and isinstance(command, click.Group):
        assert not command.commands.keys().isdisjoint(arguments)
    given = command.make_context(name, arguments, resilient_parsing=True).params
    for pipeline in [given.get("pipeline"), *(given.get("pipelines") or ())]:
        assert pipeline in (None, *PIPELINES)
    if given.get("env"):
        assert (ROOT / "conf" / given["env"]).is_dir()
    assert set(_paths(given.get("params") or {})) <= declared


def test_the_entry_of_another_format_stands_in_a_users_own_catalog(tmp_path):
    guide = (ROOT / "docs/howto/another_format.md").read_text("utf-8")
    shutil.copytree(ROOT / "conf/base", tmp_path / "base")
    own = tmp_path / "local/catalog.yml"
    own.parent.mkdir()
    own.write_text(re.search(r"```yaml\n(.*?)```", guide, re.DOTALL)[1], "utf-8")
    roots = {"runtime_params": {"data": "mine"}}
    loader = ConfigLoader(str(tmp_path), env="local", **roots, **CONFIG_LOADER_ARGS)
    path = loader["catalog"]["sft_set"]["filepath"]
    assert path == "mine/05_model_input/sft_set.jsonl"


def test_every_page_has_its_place_in_the_site():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    named = set(re.findall(r"[\w/]+\.md", str(nav)))
    there = {p.relative_to(ROOT / "docs").as_posix() for p in ROOT.glob("docs/**/*.md")}
    assert {n for n in named if not n.startswith("reference/")} == {
        p for p in there if not p.startswith("reference/")
    }


def test_the_translated_row_is_one_of_the_sample():
    card = (ROOT / "docs/data_card.md").read_text("utf-8").partition("in English")[2]
    page = (ROOT / "docs/notebooks/the_life_of_a_question.md").read_text("utf-8")
    prompt = (ROOT / "conf/base/prompts/zh/rationale.yml").read_text("utf-8")
    rows = [line.split(" | ") for line in card.splitlines() if line.startswith("| ")]
    texts = [text for _, zh, *_ in rows[1:] for text in zh.split("; ")]
    assert len(texts) > 8
    assert [text for text in texts if text not in page + prompt] == []
