"""What endpoints really send, each on a scripted server: what becomes of it."""

from typing import Any

import pytest
from asking import ask
from loopback import Behaviour, LoopbackServer
from odd_replies import ODD, PAGE, body_of, page

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Outcome, Reply
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.store.reply_store import ReplyStore

TWICE = Patience(attempts=2, backoff_seconds=0.01, deadline_seconds=20)


def answer(server: LoopbackServer, store: ReplyStore) -> Outcome | ChatModelError:
    endpoint = Endpoint(base_url=server.url)
    model = OpenAIChatModel("m", endpoints=[endpoint], store=store, patience=TWICE)
    try:
        (outcome,) = model.complete([ask("这道题选什么？")])
    except ChatModelError as error:
        return error
    return outcome


def said(outcome: Outcome | ChatModelError) -> tuple[str, str]:
    """Return what it became, and in which words."""
    if isinstance(outcome, Reply):
        return "reply", outcome.text
    if isinstance(outcome, Failure):
        return outcome.reason, outcome.detail
    return "stop", str(outcome)


@pytest.mark.parametrize("odd", ODD, ids=[odd["from"] for odd in ODD])
def test_an_odd_reply_becomes_what_the_table_says(
    server: LoopbackServer, store: ReplyStore, odd: dict[str, Any]
) -> None:
    server.script = lambda _: Behaviour(
        status=odd.get("status", 200),
        headers=odd.get("headers", {}),
        body=body_of(odd),
    )
    became, words = said(answer(server, store))
    assert (became, server.total) == (odd["becomes"], odd.get("sent", 1))
    assert odd.get("says", "") in words
    answer(server, store)
    kept = became == "reply" or odd.get("remembered", False)
    assert (server.total == odd.get("sent", 1)) == kept


def test_the_table_is_long() -> None:
    assert len(ODD) >= 60


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run odd_replies.py"
