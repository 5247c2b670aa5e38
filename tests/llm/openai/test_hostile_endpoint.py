"""A server that redirects, floods, drips or echoes the key: one sentence, no harm."""

import base64
import gzip
import json
import logging
import zlib
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from asking import ask
from kedro.io import DataCatalog, DatasetError
from loopback import Behaviour, LoopbackServer

from psyche_kedro.datasets import OpenAIChatModelDataset
from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Outcome, Reply
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint, is_this_machine
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.store.reply_store import ReplyStore

KEY = "wonder/ful+key-of-mine=="
POST = "标记：来访者的话"
ONCE = Patience(attempts=1, timeout_seconds=1.0)


def answer(server: LoopbackServer, store: ReplyStore, **limits: object) -> Outcome:
    endpoint = Endpoint(base_url=server.url, api_key=KEY, **limits)
    model = OpenAIChatModel("m", endpoints=[endpoint], store=store, patience=ONCE)
    (outcome,) = model.complete([ask(POST)])
    return outcome


@pytest.fixture
def second_host() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_word_follows_a_redirect(
    server: LoopbackServer, second_host: LoopbackServer, store: ReplyStore, status: int
) -> None:
    to = {"Location": f"{second_host.url}/chat/completions?said={KEY}"}
    server.script = lambda _: Behaviour(status=status, headers=to)
    with pytest.raises(
        ChatModelError, match=r"sends requests on to http://127"
    ) as said:
        answer(server, store)
    assert (server.total, second_host.total, second_host.keys) == (1, 0, set())
    assert KEY not in str(said.value)


@pytest.mark.parametrize(
    "to",
    [
        *("", "/v2", "https://[half", "http://x:99999/", "file:///etc/passwd"),
        *(f"http://{POST}.example/", f"http://{KEY}@[::1]/"),
    ],
)
def test_a_redirect_to_nowhere_is_a_sentence_too(
    server: LoopbackServer, store: ReplyStore, to: str
) -> None:
    server.script = lambda _: Behaviour(status=307, headers={"Location": to})
    with pytest.raises(ChatModelError, match="sends requests on to") as said:
        answer(server, store)
    assert KEY not in str(said.value)
    assert POST not in str(said.value)


@pytest.mark.parametrize("status", [200, 500])
def test_a_flood_is_cut_off(
    server: LoopbackServer, store: ReplyStore, status: int
) -> None:
    body = json.dumps({"choices": [{"message": {"content": "水" * 10**6}}]}).encode()
    server.script = lambda _: Behaviour(status=status, body=body)
    failure = answer(server, store, max_reply_bytes=100_000)
    assert isinstance(failure, Failure)
    assert failure.reason == "oversized_reply"
    assert failure.detail == "more than max_reply_bytes, 100,000"


def test_a_compressed_reply_is_not_unpacked(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(
        body=gzip.compress(b" " * 10**7), headers={"Content-Encoding": "gzip"}
    )
    failure = answer(server, store)
    assert isinstance(failure, Failure)
    assert failure.reason == "oversized_reply"


def test_a_drip_does_not_outlast_the_timeout(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(pieces=100, pause=0.2)
    failure = answer(server, store)
    assert isinstance(failure, Failure)
    assert failure.reason == "timeout"


def test_a_key_that_is_echoed_is_kept_nowhere(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(
        text=f"your key is {KEY}", message={"reasoning_content": KEY}
    )
    reply = answer(server, store)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.reasoning) == ("your key is ***", "***")


@pytest.mark.parametrize(
    "escaped",
    [
        *(KEY, KEY.replace("/", "\\/"), KEY.upper(), quote(KEY, safe="")),
        base64.b64encode(KEY.encode()).decode(),
    ],
)
def test_a_key_in_an_error_is_kept_nowhere(
    server: LoopbackServer, store: ReplyStore, escaped: str
) -> None:
    body = f'{{"error": {{"message": "not with {escaped}"}}}}'.encode()
    server.script = lambda _: Behaviour(status=400, body=body)
    failure = answer(server, store)
    assert isinstance(failure, Failure)
    assert failure.detail == "HTTP 400: 'not with ***'"
    with store.open() as session:
        assert all(b"wonder" not in bytes(row[0]) for row in kept(session))


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(status=400, body=json.dumps({"error": {"code": POST}}).encode()),
        Behaviour(
            status=400, body=json.dumps({"error": {"code": "my-key-1"}}).encode()
        ),
        Behaviour(model=POST),
    ],
)
def test_no_code_and_no_name_of_a_model_repeats_what_was_sent(
    server: LoopbackServer, store: ReplyStore, behaviour: Behaviour
) -> None:
    server.script = lambda _: behaviour
    endpoint = Endpoint(base_url=server.url, api_key="my-key-1")
    model = OpenAIChatModel("m", endpoints=[endpoint], store=store, patience=ONCE)
    (failure,) = model.complete([ask(POST)])
    assert isinstance(failure, Failure)
    assert POST not in failure.detail
    assert "my-key-1" not in failure.detail


@pytest.mark.parametrize("seconds", ["1e9", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_pause_without_end_stops_the_run(
    server: LoopbackServer, store: ReplyStore, seconds: str
) -> None:
    server.script = lambda _: Behaviour(status=429, headers={"Retry-After": seconds})
    soon = Patience(idle_seconds=0.5)
    model = OpenAIChatModel(
        "m", endpoints=[Endpoint(base_url=server.url)], store=store, patience=soon
    )
    (last,) = model.complete([ask("the only one")])
    assert isinstance(last, Failure)
    assert last.reason == "deadline"
    with pytest.raises(ChatModelError, match="wait until its limits allow more"):
        model.complete([ask(str(n)) for n in range(80)])


@pytest.mark.parametrize(
    "url",
    ["https://me:secret@host/v1", "https://host/v1?key=secret", "https://[::1/v1"],
)
def test_no_url_holds_a_secret(url: str) -> None:
    with pytest.raises(DatasetError, match="wrong 'base_url'") as said:
        OpenAIChatModelDataset(model="m", base_url=url, store="r.sqlite")
    assert "secret" not in str(said.value)


def kept(session) -> list[tuple[bytes]]:
    bodies = session.rows("SELECT body FROM failures")
    return [(zlib.decompress(body),) for (body,) in bodies]


@pytest.mark.parametrize("key", ["sk-abc，def", "sk-abc\n", " sk-abc", "ключ-ключ"])
def test_a_key_that_no_header_can_hold_is_said_at_the_start(tmp_path, key: str) -> None:
    entry = OpenAIChatModelDataset(
        model="m",
        base_url="https://example.org/v1",
        store=str(tmp_path / "r.sqlite"),
        credentials={"api_key": key, "variable": "MY_KEY"},
    )
    with pytest.raises(
        ChatModelError, match=r"api_key in MY_KEY has .*no HTTP header can hold"
    ) as e:
        entry.check()
    assert key.strip() not in str(e.value)


def test_each_endpoint_by_name_has_a_key_of_its_own(tmp_path) -> None:
    catalog = {
        "model": {
            "type": "psyche_kedro.datasets.OpenAIChatModelDataset",
            "model": "m",
            "store": str(tmp_path / "r.sqlite"),
            "credentials": "usual",
            "endpoints": {
                "one": {"base_url": "https://one.example/v1", "credentials": "own"},
                "two": {"base_url": "https://two.example/v1"},
            },
        }
    }
    keys = {"usual": {"api_key": "usual-key"}, "own": {"api_key": "own-key"}}
    entry = DataCatalog.from_config(catalog, credentials=keys).get("model")
    said = [each.api_key.get_secret_value() for each in entry._endpoints]
    assert said == ["own-key", "usual-key"]


def test_plain_http_beyond_this_machine_is_warned_of_once(tmp_path, caplog) -> None:
    caplog.set_level(logging.WARNING)
    for url in ["http://10.0.0.7:8000/v1", "http://127.0.0.1:8000/v1"] * 2:
        OpenAIChatModelDataset(
            model="m", base_url=url, store=str(tmp_path / "r.sqlite")
        ).check()
    warnings = [r.getMessage() for r in caplog.records if "plain HTTP" in r.message]
    assert len(warnings) == 1
    assert warnings[0].startswith("http://10.0.0.7:8000/v1 is plain HTTP")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:1/v1", True),
        ("http://127.8.0.1/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://localhost.example.org/v1", False),
        ("http://192.168.0.3/v1", False),
        ("http://[half", False),
    ],
)
def test_which_hosts_are_this_machine(url: str, here: bool) -> None:
    assert is_this_machine(url) is here
