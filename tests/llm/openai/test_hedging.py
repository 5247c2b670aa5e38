"""A second copy of a slow request: only where asked for, once, and counted."""

from collections.abc import Iterator
from typing import Any

import pytest
from asking import ask
from batch_loopback import BatchServer
from loopback import Behaviour, LoopbackServer, Script
from pydantic import ValidationError

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Reply
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.prices import Budget, Price
from psyche_kedro.llm.store.reply_store import ReplyStore

SLOW = Behaviour(text="slow", latency=60.0)
HEDGED = Patience(hedge_after_seconds=0.1, backoff_seconds=0.05)
PRICE = Price(input=4.0, output=12.0, currency="CNY", as_of="2026-11")


def _model(
    *servers: LoopbackServer,
    store: ReplyStore,
    patience: Patience = HEDGED,
    account: Account | None = None,
    concurrency: int | None = None,
) -> OpenAIChatModel:
    return OpenAIChatModel(
        "m",
        endpoints=[Endpoint(base_url=s.url, concurrency=concurrency) for s in servers],
        store=store,
        patience=patience,
        account=account or Account("teacher", ledger=Ledger()),
    )


def _once_hedged(server: LoopbackServer, **fields: Any) -> Behaviour:
    """Answer when the second copy is there, and no sooner."""
    return Behaviour(until=lambda: server.total >= 2, **fields)


def _slow_first(then: Behaviour) -> Script:
    return lambda seen: SLOW if seen.index == 0 else then


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def slow() -> Iterator[LoopbackServer]:
    with LoopbackServer(lambda _: SLOW) as running:
        yield running


def test_a_slow_first_copy_is_outrun_and_one_reply_is_stored(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = _slow_first(Behaviour(text="quick"))
    (reply,) = _model(server, store=store).complete([ask("q")])
    assert isinstance(reply, Reply)
    assert reply.text == "quick"
    assert server.total == 2
    with store.open() as session:
        assert session.rows("SELECT count(*) FROM replies") == [(1,)]


def test_the_first_copy_is_taken_where_it_comes_first(
    server: LoopbackServer, store: ReplyStore
) -> None:
    first = _once_hedged(server, text="first")
    server.script = lambda seen: first if seen.index == 0 else SLOW
    (reply,) = _model(server, store=store).complete([ask("q")])
    assert isinstance(reply, Reply)
    assert (reply.text, server.total) == ("first", 2)


def test_nothing_is_hedged_by_default(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(latency=0.5)
    _model(server, store=store, patience=Patience()).complete([ask("q")])
    assert server.total == 1


def test_a_request_answered_in_time_is_not_hedged(
    server: LoopbackServer, store: ReplyStore
) -> None:
    patience = Patience(hedge_after_seconds=300)
    _model(server, store=store, patience=patience).complete(
        ask(str(i)) for i in range(20)
    )
    assert server.total == 20


def test_the_copy_goes_to_another_endpoint(
    slow: LoopbackServer, server: LoopbackServer, store: ReplyStore
) -> None:
    # Equal loads: the first named is asked first.
    (reply,) = _model(slow, server, store=store).complete([ask("q")])
    assert isinstance(reply, Reply)
    assert (reply.text, slow.total, server.total) == ("q#0", 1, 1)


def test_a_request_is_hedged_once_however_long_it_takes(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: _once_hedged(server, latency=0.5)
    _model(server, store=store).complete([ask("q")])
    assert server.total == 2


def test_a_retry_is_not_hedged_again(server: LoopbackServer, store: ReplyStore) -> None:
    server.script = lambda seen: _once_hedged(
        server, status=500 if seen.nth < 2 else 200, latency=0.3
    )
    outcomes = _model(server, store=store).complete([ask("q")])
    assert isinstance(outcomes[0], Reply)
    assert server.total == 3


def test_a_fault_of_one_copy_waits_for_the_other(
    server: LoopbackServer, store: ReplyStore
) -> None:
    first = _once_hedged(server, text="first", latency=0.3)
    refused = Behaviour(status=400)
    server.script = lambda seen: first if seen.index == 0 else refused
    (reply,) = _model(server, store=store).complete([ask("q")])
    assert isinstance(reply, Reply)
    assert (reply.text, server.total) == ("first", 2)


def test_two_copies_that_fail_are_one_failure(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: _once_hedged(server, status=400)
    (failure,) = _model(server, store=store).complete([ask("q")])
    assert isinstance(failure, Failure)
    assert (failure.reason, server.total) == ("bad_request", 2)


def test_a_hedge_waits_for_a_free_slot(
    server: LoopbackServer, store: ReplyStore
) -> None:
    server.script = lambda _: Behaviour(latency=0.4)
    _model(server, store=store, concurrency=1).complete([ask("q")])
    assert (server.total, server.most_in_flight) == (1, 1)


def test_the_accounts_count_both_copies(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = _slow_first(Behaviour())
    account = Account("teacher", price=PRICE, ledger=ledger)
    _model(server, store=store, account=account).complete([ask("q")])
    total = ledger.total()
    assert (total.calls, total.hedges, total.replies) == (2, 1, 1)
    # 10 + 5 tokens of the reply, and as many for the copy that was cancelled.
    assert (total.input_tokens, total.output_tokens) == (20, 10)
    assert total.estimated_tokens == 15
    assert total.money == pytest.approx(2 * (10 * 4 + 5 * 12) / 1e6)
    assert "0 retries" in ledger.summary()
    assert "1 hedged" in ledger.summary()


def test_the_budget_counts_a_hedge(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = _slow_first(Behaviour())
    account = Account("teacher", budget=Budget(calls=2), ledger=ledger)
    model = _model(server, store=store, account=account)
    model.complete([ask("a")])
    with pytest.raises(ChatModelError, match="'teacher', 2 calls, is spent"):
        model.complete([ask("b")])
    assert server.total == 2


def test_a_spent_budget_allows_no_hedge(
    server: LoopbackServer, store: ReplyStore, ledger: Ledger
) -> None:
    server.script = lambda _: Behaviour(latency=0.5)
    account = Account("teacher", budget=Budget(calls=1), ledger=ledger)
    _model(server, store=store, account=account).complete([ask("q")])
    assert (server.total, ledger.total().calls) == (1, 1)


def test_many_slow_requests_are_each_hedged_at_most_once(
    server: LoopbackServer, store: ReplyStore
) -> None:
    slow = Behaviour(latency=0.5)
    server.script = lambda s: slow if not s.nth and s.index % 10 == 0 else Behaviour()
    requests = [ask(str(i)) for i in range(300)]
    outcomes = _model(server, store=store).complete(requests)
    assert [o.text for o in outcomes] == [f"{i}#0" for i in range(300)]
    assert max(server.seen.values()) == 2


def test_a_batch_is_never_hedged(store: ReplyStore) -> None:
    patience = Patience(poll_seconds=0.3, hedge_after_seconds=0.01)
    with BatchServer() as provider:
        model = OpenAIChatModel(
            "m",
            endpoints=[Endpoint(base_url=provider.url)],
            store=store,
            patience=patience,
            mode="batch",
        )
        model.complete([ask("q")])
    assert set(provider.seen.values()) == {1}
    assert len(provider.batches) == 1


def test_a_hedge_that_the_timeout_forestalls_is_refused() -> None:
    with pytest.raises(ValidationError, match="30 is not below timeout_seconds, 20"):
        Patience(timeout_seconds=20, hedge_after_seconds=30)
