"""A run whose models would not answer stops; one that may need none of them goes on."""

import logging
from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from llm.loopback import LoopbackServer
from psyche_kedro.errors import ChatModelError
from psyche_kedro.hooks.endpoint_check import EndpointCheck
from psyche_kedro.llm.chat_model import Reply
from psyche_kedro.llm.store.reply_store import ReplyRecord, ReplyStore

DEAD = "http://127.0.0.1:9/v1"


def ask(model: object) -> str:
    return ""


PIPELINE = Pipeline([Node(ask, {"model": "models"}, "answer", name="ask")])


def check(folder: Path, *urls: str) -> None:
    entry = {
        "type": "psyche_kedro.datasets.OpenAIChatModelDataset",
        "model": "m",
        "endpoints": [{"base_url": url} for url in urls],
        "store": str(folder / "replies.sqlite"),
        "patience": {"startup_seconds": 0.1},
    }
    several = "psyche_kedro.datasets.ChatModelsDataset"
    models = {"type": several, "models": {"a": entry, "b": entry}}
    catalog = DataCatalog.from_config({"models": models})
    EndpointCheck().before_pipeline_run(PIPELINE, catalog)


@pytest.fixture
def url():
    with LoopbackServer() as server:
        server.models = lambda: [{"id": "m"}]
        yield server.url


def test_a_fault_of_several_models_is_said_once(tmp_path):
    with pytest.raises(ChatModelError) as caught:
        check(tmp_path, DEAD)
    assert str(caught.value).count("cannot be reached") == 1


def test_one_endpoint_among_several_that_answer_is_a_warning(tmp_path, url, caplog):
    check(tmp_path, DEAD, url)
    assert f"{DEAD} cannot be reached" in caplog.text


def test_a_model_that_has_answered_before_is_a_warning(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    reply = Reply("said", "m@2024", "0f" * 32)
    with ReplyStore(tmp_path / "replies.sqlite").open() as session:
        session.commit([ReplyRecord(reply, "task")])
    check(tmp_path, DEAD)
    assert f"{DEAD} cannot be reached" in caplog.text


def test_what_answers_is_not_spoken_of(tmp_path, url, caplog):
    check(tmp_path, url)
    assert caplog.text == ""
