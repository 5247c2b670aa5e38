"""What is wrong with an endpoint is one sentence before the first node."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from loopback import Ask, Behaviour, LoopbackServer
from pydantic import SecretStr

from psyche_kedro.llm.openai.endpoints import Contact, Endpoint
from psyche_kedro.llm.openai.first_contact import find_faults

KEY = "sk-0123456789abcdef"


def contact(url: str, *models: str, waits: float = 0.0, completes: bool = True):
    endpoint = Endpoint(base_url=url, api_key=SecretStr(KEY))
    store = Path("replies.sqlite")
    return [
        Contact(m, (endpoint,), store, waits=waits, completes=completes) for m in models
    ]


def said_by(server: LoopbackServer, *models: str, **how: Any) -> list[str]:
    contacts = contact(server.url, *(models or ("m",)), **how)
    return list(dict.fromkeys(find_faults(contacts).values()))


def refusal(status: int, message: str, **more: Any) -> Behaviour:
    body = json.dumps({"error": {"message": message, **more}}, ensure_ascii=False)
    return Behaviour(status=status, body=body.encode())


def always(behaviour: Behaviour):
    return lambda ask: behaviour


def knows(*known: str):
    def answer(ask: Ask) -> Behaviour:
        model = ask.body["model"]
        if model in known:
            return Behaviour(text="1")
        return refusal(404, f"The model `{model}` does not exist.")

    return answer


def test_a_model_that_is_listed_costs_nothing():
    with LoopbackServer() as server:
        server.models = lambda: [{"id": "m"}]
        assert said_by(server) == []
        assert server.total == 0


def test_a_model_that_no_list_names_is_asked_for_one_token():
    with LoopbackServer(knows("m")) as server:
        assert said_by(server) == []
        assert [body["max_tokens"] for body in server.bodies] == [1]


def test_models_that_are_not_there_are_one_sentence_with_those_that_are():
    with LoopbackServer(knows("small")) as server:
        server.models = lambda: [{"id": "small"}]
        said = said_by(server, "offline-teacher", "small", "offline-judge")
    assert said == [
        f"The endpoint {server.url} has no model 'offline-teacher', 'offline-judge'"
        " (HTTP 404: 'The model `offline-teacher` does not exist.') and serves small:"
        " write an id that it knows as `model` of the catalog entry, or into the"
        " variable that the entry reads (PSYCHE_MODEL for --env=endpoint)."
    ]


def test_what_was_said_of_one_model_holds_where_the_next_goes_unanswered():
    def answer(ask: Ask) -> Behaviour:
        return knows()(ask) if ask.body["model"] == "gone" else Behaviour(cut=10)

    with LoopbackServer(answer) as server:
        (said,) = said_by(server, "gone", "slow")
    assert "has no model 'gone' (HTTP 404" in said


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, 'model "m" not found, try pulling it first'),  # Ollama
        (400, "Model Not Exist"),  # DeepSeek
        (400, "Model does not exist. Please check it carefully."),  # SiliconFlow
        (404, "模型不存在，请检查模型代码。"),  # Zhipu
        (403, "You do not have access to model m"),
    ],
)
def test_servers_say_in_many_ways_that_there_is_no_such_model(status, message):
    with LoopbackServer(always(refusal(status, message))) as server:
        (said,) = said_by(server)
    assert f"has no model 'm' (HTTP {status}: '{message}')" in said


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (
            refusal(401, f"Incorrect API key provided: {KEY}."),
            "refuses the key (HTTP 401: 'Incorrect API key provided:",
        ),
        (refusal(403, "blocked"), "refuses the key (HTTP 403: 'blocked')"),
        (
            Behaviour(status=404, body=b'{"detail": "Not Found"}'),
            "has no chat completions (HTTP 404: 'Not Found'): end its base_url where",
        ),
        (Behaviour(status=405, body=b""), "has no chat completions (HTTP 405)"),
        (Behaviour(body=b"<html>Log in</html>"), "has no chat completions (HTTP 200)"),
        (
            Behaviour(status=307, headers={"location": "https://b.example/v1?k=1"}),
            "sends requests on to https://b.example (HTTP 307)",
        ),
        (
            refusal(429, "quota", code="insufficient_quota"),
            "says that the account has no money left (HTTP 429",
        ),
    ],
)
def test_an_endpoint_that_would_answer_nothing(behaviour, expected):
    with LoopbackServer(always(behaviour)) as server:
        (said,) = said_by(server)
    assert said.startswith(f"The endpoint {server.url} {expected}")
    assert KEY not in said


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(status=500),
        Behaviour(status=503),
        Behaviour(status=429),
        Behaviour(cut=10),
        Behaviour(finish_reason="length"),
        Behaviour(text=""),
        refusal(400, "Unsupported parameter: 'max_tokens'"),
        refusal(400, "max_tokens must be at least 16"),
    ],
)
def test_what_may_pass_or_concerns_this_request_alone_is_no_fault(behaviour):
    with LoopbackServer(always(behaviour)) as server:
        assert said_by(server) == []


def test_a_batch_api_need_have_no_completions():
    with LoopbackServer(always(Behaviour(status=404))) as server:
        assert said_by(server, completes=False) == []
        assert server.total == 0


def test_a_server_that_does_not_listen_is_waited_for_and_said_at_once(caplog):
    caplog.set_level(logging.INFO)
    with LoopbackServer() as server:
        url = server.url
    (said,) = find_faults(contact(url, "m", waits=0.1)).values()
    assert said == (
        f"The endpoint {url} cannot be reached (nothing listens there): start the"
        " server, or mend its base_url."
    )
    assert f"{url} does not listen: waiting 0 s." in caplog.text


def test_a_host_that_is_none_is_said(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = find_faults(contact("http://no-such-host.invalid/v1", "m", "n"))
    (said,) = set(found.values())
    assert "cannot be reached (no host has this name)" in said
