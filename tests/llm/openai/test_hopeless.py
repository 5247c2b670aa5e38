"""A task that gets no answer at all stops the run after some dozens of requests."""

import json
import math
from collections.abc import Iterator

import pytest
from asking import ask
from loopback import Behaviour, LoopbackServer

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Reply
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.engine import MOST_UNCOMMITTED
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.store.reply_store import ReplyStore

THINKING = "parameter.enable_thinking must be set to false for non-streaming calls"
REFUSED = Behaviour(
    status=400, body=json.dumps({"error": {"message": THINKING}}).encode()
)
SPOILT = {
    "bad_request": REFUSED,
    "truncated": Behaviour(finish_reason="length"),
    "empty_reply": Behaviour(text=""),
    "only_reasoning": Behaviour(text="", message={"reasoning": "选B"}),
    "unknown_finish": Behaviour(finish_reason="OTHER"),
    "content_filter": Behaviour(finish_reason="SAFETY"),
}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """What one run counts; the next begins at zero."""
    yield Ledger()


def model(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger, after: float = 32
) -> OpenAIChatModel:
    return OpenAIChatModel(
        "m",
        endpoints=[Endpoint(base_url=server.url, concurrency=16)],
        store=store,
        patience=Patience(attempts=2, backoff_seconds=0.01),
        account=Account("m", ledger=ledger, hopeless_after=after),
    )


def requests(n: int = 500):
    return (ask(str(i)) for i in range(n))


@pytest.mark.parametrize("reason", SPOILT)
def test_it_stops_for_every_reason(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger, reason: str
) -> None:
    server.script = lambda _: SPOILT[reason]
    with pytest.raises(
        ChatModelError, match=f"'test_task' to .*, the last as {reason}"
    ):
        model(server, store, ledger).complete(requests())
    assert len(server.seen) <= 32 + MOST_UNCOMMITTED + 16


def test_the_servers_words_are_said(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = lambda _: REFUSED
    with pytest.raises(ChatModelError, match=THINKING):
        model(server, store, ledger).complete(requests())


def test_it_stops_too_where_the_last_request_was_under_way(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = lambda _: SPOILT["only_reasoning"]
    with pytest.raises(ChatModelError, match="reasoning parser"):
        model(server, store, ledger).complete(requests(40))


def test_what_is_remembered_stops_the_next_run_and_costs_nothing(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = lambda _: SPOILT["truncated"]
    for run in (ledger, Ledger()):
        with pytest.raises(ChatModelError, match="replies retry --reason truncated"):
            model(server, store, run).complete(requests(40))
    assert server.total == 40


def test_a_few_failures_are_data(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = lambda _: REFUSED
    outcomes = model(server, store, ledger).complete(requests(31))
    assert all(isinstance(outcome, Failure) for outcome in outcomes)


def test_a_task_that_was_answered_once_goes_on(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = lambda s: Behaviour() if s.content == "0#0" else REFUSED
    model(server, store, ledger).complete(requests(1))
    first, *others = model(server, store, Ledger()).complete(requests(100))
    assert isinstance(first, Reply)
    assert {outcome.reason for outcome in others} == {"bad_request"}


def test_a_model_whose_failures_are_a_finding_goes_on(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = lambda _: SPOILT["truncated"]
    outcomes = model(server, store, ledger, after=math.inf).complete(requests(60))
    assert len(outcomes) == 60
