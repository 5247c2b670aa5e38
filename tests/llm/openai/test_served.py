"""Which model's a reply is: its weights', or the server's as it is now."""

import gzip
import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from loopback import Behaviour, LoopbackServer

from psyche_kedro.datasets import ChatModelsDataset, OpenAIChatModelDataset
from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.chat_model import ChatModel, ChatRequest
from psyche_kedro.llm.engine import MOST_UNCOMMITTED
from psyche_kedro.llm.openai import served
from psyche_kedro.llm.store.reply_store import address_request

REQUEST = ChatRequest([{"role": "user", "content": "题"}], task="exam")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    monkeypatch.setattr(served, "_TICK", 0.0)
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def entry(server: LoopbackServer, tmp_path: Path) -> dict[str, Any]:
    return {
        "type": "psyche_kedro.datasets.OpenAIChatModelDataset",
        "model": "m",
        "base_url": server.url,
        "store": str(tmp_path / "replies.sqlite"),
    }


def under_test(entry: dict[str, Any]) -> ChatModel:
    return ChatModelsDataset(models={"a": entry}, identity="weights").load()["a"]


def says(root: str = "/weights/a", created: int = 1_700_000_000) -> Any:
    return lambda: [{"id": "m", "root": root, "created": created}]


def checkpoint(folder: Path, weights: str) -> str:
    folder.mkdir(exist_ok=True)
    manifest = {"weights": weights}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return str(folder)


def asked_after(server: LoopbackServer, model: ChatModel) -> int:
    model.complete([REQUEST])
    return server.total


def test_a_retrained_model_under_the_same_served_name_is_asked_anew(
    server: LoopbackServer, entry: dict[str, Any], tmp_path: Path
) -> None:
    checkpoint(tmp_path / "grpo_model", "1f" * 32)
    entry |= {"checkpoint": "grpo_model", "checkpoints": str(tmp_path)}
    assert under_test(entry).name == "m@1f1f1f1f1f1f"
    assert asked_after(server, under_test(entry)) == 1
    assert asked_after(server, under_test(entry)) == 1
    checkpoint(tmp_path / "grpo_model", "2e" * 32)
    assert asked_after(server, under_test(entry)) == 2


def test_a_server_that_says_the_same_of_itself_is_not_asked_again(
    server: LoopbackServer, entry: dict[str, Any]
) -> None:
    server.models = says()
    assert asked_after(server, under_test(entry)) == 1
    assert asked_after(server, under_test(entry)) == 1
    assert under_test(entry).name.startswith("m@unpinned-")


@pytest.mark.parametrize("change", [{"root": "/weights/b"}, {"created": 1_700_000_001}])
def test_a_server_with_other_weights_or_a_restarted_one_is_asked_anew(
    server: LoopbackServer, entry: dict[str, Any], change: dict[str, Any]
) -> None:
    server.models = says()
    assert asked_after(server, under_test(entry)) == 1
    server.models = says(**change)
    assert asked_after(server, under_test(entry)) == 2


def test_another_server_is_asked_anew(
    server: LoopbackServer, entry: dict[str, Any]
) -> None:
    assert asked_after(server, under_test(entry)) == 1
    with LoopbackServer() as other:
        assert asked_after(other, under_test(entry | {"base_url": other.url})) == 1


def test_a_clock_in_the_place_of_a_start_is_no_restart(
    server: LoopbackServer, entry: dict[str, Any]
) -> None:
    ticks = itertools.count(1_700_000_000)
    server.models = lambda: [{"id": "m", "created": next(ticks)}]
    assert asked_after(server, under_test(entry)) == 1
    assert asked_after(server, under_test(entry)) == 1


def test_a_revision_pins_and_nothing_is_asked_of_the_server(
    entry: dict[str, Any],
) -> None:
    gone = entry | {"base_url": "http://127.0.0.1:9/v1", "revision": "r1"}
    assert under_test(gone).name == "m@r1"


def test_a_server_that_is_not_there_stops_the_run_in_one_sentence(
    entry: dict[str, Any],
) -> None:
    with pytest.raises(ChatModelError, match="start it, or name `revision`"):
        under_test(entry | {"base_url": "http://127.0.0.1:9/v1"}).complete([REQUEST])


def test_loading_a_model_under_test_asks_nothing(entry: dict[str, Any]) -> None:
    under_test(entry | {"base_url": "http://127.0.0.1:9/v1"})


def test_teachers_judges_and_students_keep_their_addresses(
    server: LoopbackServer, entry: dict[str, Any]
) -> None:
    server.models = says()
    one = OpenAIChatModelDataset(**{k: v for k, v in entry.items() if k != "type"})
    student = ChatModelsDataset(models={"a": entry}).load()["a"]
    (reply,) = student.complete([REQUEST])
    assert student.name == one.load().name == "m"
    assert reply.key == address_request("m", {}, REQUEST)
    # As it was before models under test were told apart.
    assert reply.key.startswith("f4f272685320456c")


def test_a_revision_beside_a_checkpoint_is_refused(
    entry: dict[str, Any], tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "m", "1f" * 32)
    said = {"revision": "r", "checkpoint": folder}
    both = ChatModelsDataset(models={"a": entry | said})
    with pytest.raises(ChatModelError, match="leave one out"):
        both.check()


def test_a_checkpoint_that_is_not_there_stops_the_run_before_its_first_node(
    entry: dict[str, Any], tmp_path: Path
) -> None:
    missing = ChatModelsDataset(models={"a": entry | {"checkpoint": str(tmp_path)}})
    with pytest.raises(ChatModelError, match="a: There is no model at"):
        missing.check()


EXAM = """
import sys
from psyche_kedro.datasets import ChatModelsDataset
from psyche_kedro.llm.chat_model import ChatRequest
entry = {"type": "psyche_kedro.datasets.OpenAIChatModelDataset", "model": "m",
         "base_url": sys.argv[1], "store": sys.argv[2], "limits": {"concurrency": 8}}
model = ChatModelsDataset(models={"a": entry}, identity="weights").load()["a"]
said = model.complete(
    ChatRequest([{"role": "user", "content": f"item {n}"}], task="exam")
    for n in range(int(sys.argv[3]))
)
print(len(said))
"""


def test_an_exam_killed_in_the_middle_asks_only_what_is_missing(tmp_path: Path) -> None:
    """Of a model that nothing pins, behind a server that gives its clock as a start."""
    items, clock = 600, itertools.count(1_700_000_000)
    with LoopbackServer(lambda ask: Behaviour(latency=0.01)) as server:
        server.models = lambda: [{"id": "m", "root": "/w", "created": next(clock)}]
        command = [sys.executable, "-c", EXAM, server.url]
        command += [str(tmp_path / "replies.sqlite"), str(items)]
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while server.total < items // 2:
            time.sleep(0.005)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        before = server.total
        assert before < items
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        assert len(server.seen) == items
        assert server.total - items <= 8 + MOST_UNCOMMITTED
        assert server.total - before <= items - before + 8 + MOST_UNCOMMITTED


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b" " * 20_000_000, {}),
        (gzip.compress(b" " * 10**7), {"Content-Encoding": "gzip"}),
    ],
)
def test_who_floods_in_place_of_saying_who_it_is_is_told_in_a_sentence(
    server: LoopbackServer,
    entry: dict[str, Any],
    body: bytes,
    headers: dict[str, str],
) -> None:
    server.models = lambda: web.Response(body=body, headers=headers)
    with pytest.raises(ChatModelError, match=r"cannot be reached \(OversizedReply\)"):
        under_test(entry).complete([REQUEST])


def test_what_nests_without_end_says_of_no_model(
    server: LoopbackServer, entry: dict[str, Any]
) -> None:
    server.models = lambda: web.Response(body=b"[" * 100_000)
    assert asked_after(server, under_test(entry)) == 1
