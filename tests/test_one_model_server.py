"""README's line for a local server, on one that serves a single model by its name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm.loopback import Ask, Behaviour, LoopbackServer
from places import small_root
from psyche_kedro.offline.brain import OfflineBrain
from whole_run import ROOT, run_kedro

MODEL = "SmolLM2-135M-Instruct"
BRAIN = OfflineBrain("judge")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def only_its_own(ask: Ask) -> Behaviour:
    """Answer as vLLM does."""
    if (model := ask.body["model"]) != MODEL:
        error = {"message": f"The model `{model}` does not exist.", "code": 404}
        body = json.dumps({"object": "error", "error": error}).encode()
        return Behaviour(status=404, body=body)
    return Behaviour(text=BRAIN.answer(ask.body["messages"], sampling={}, seed=0))


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(only_its_own) as running:
        running.models = lambda: [{"id": MODEL}]
        yield running


def variables(server: LoopbackServer) -> dict[str, str]:
    return {"PSYCHE_BASE_URL": server.url, "PSYCHE_API_KEY": "none"}


def start(raw: Path, data: Path, chapters: str, **environment: str):
    where = f"raw={raw},data={data}"
    command = ("run", "--env=endpoint", f"--pipelines={chapters}", f"--params={where}")
    return run_kedro(*command, data=data, **environment)


def test_the_readme_names_the_three_variables_of_one_server():
    (line,) = re.findall(r"export (PSYCHE_.*)\n +kedro run --env=endpoint ", README)
    named = re.findall(r"(PSYCHE_\w+)=", line)
    assert named == ["PSYCHE_BASE_URL", "PSYCHE_API_KEY", "PSYCHE_MODEL"]


@pytest.mark.slow
def test_one_model_plays_every_role(server, tmp_path):
    raw, data = small_root(tmp_path / "raw"), tmp_path / "data"
    chapters = "ingestion,cleaning,synthesis,selection"
    run = start(raw, data, chapters, **variables(server), PSYCHE_MODEL=MODEL)
    assert run.returncode == 0, run.stderr[-3_000:]
    assert {body["model"] for body in server.bodies} == {MODEL}


def test_without_its_name_the_run_says_what_the_server_serves(server, tmp_path):
    raw, data = small_root(tmp_path / "raw"), tmp_path / "data"
    run = start(raw, data, "ingestion,cleaning", **variables(server))
    assert run.returncode == 1
    assert "has no model 'offline-judge' (HTTP 404: 'The model" in run.stderr
    assert f"and serves {MODEL}: " in run.stderr
    assert not list(data.glob("02_intermediate/*")), "no node has run"


@pytest.mark.slow
def test_a_model_that_has_answered_before_is_asked_of_the_store(server, tmp_path):
    raw, data = small_root(tmp_path / "raw"), tmp_path / "data"
    environment = variables(server) | {"PSYCHE_MODEL": MODEL}
    assert start(raw, data, "ingestion,cleaning", **environment).returncode == 0
    asked = server.total
    environment["PSYCHE_BASE_URL"] = "http://127.0.0.1:9/v1"
    run = start(raw, data, "ingestion,cleaning", **environment)
    assert run.returncode == 0, run.stderr[-3_000:]
    assert "cannot be reached (nothing listens there)" in run.stdout
    assert server.total == asked
