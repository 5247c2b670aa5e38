"""Tokens, money and budgets: counted once, and never overspent."""

import sys
from pathlib import Path

import pytest
from asking import EchoBrain, ask
from loopback import Behaviour, LoopbackServer

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import Failure, Reply, Usage
from psyche_kedro.llm.accounts import Account, Ledger, stop_for_budget
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.prices import Budget, Price, read_prices
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.offline.chat_model import OfflineChatModel

PRICE = Price(input=4.0, output=12.0, currency="CNY", as_of="2026-11")


def _reply(given: int, made: int) -> Reply:
    return Reply("text", "m", "00", usage=Usage(given, made))


def _asking(server: LoopbackServer, store: ReplyStore, **fields: object):
    ledger = Ledger()
    account = Account("teacher", ledger=ledger, **fields)
    endpoint = Endpoint(base_url=server.url, concurrency=32)
    model = OpenAIChatModel("m", endpoints=[endpoint], store=store, account=account)
    return model, ledger


def test_money_is_tokens_times_the_price_for_a_million() -> None:
    account = Account("teacher", price=PRICE, ledger=Ledger())
    tally = account.settled("task", [(_reply(1_000_000, 500_000), 1)])
    assert tally.money == 4.0 + 6.0


def test_a_batch_costs_half() -> None:
    account = Account("teacher", price=PRICE, batch=True, ledger=Ledger())
    assert account.settled("task", [(_reply(1_000_000, 0), 1)]).money == 2.0


def test_a_model_without_a_price_costs_nothing_and_says_so() -> None:
    account = Account("teacher", ledger=Ledger())
    assert account.settled("task", [(_reply(1_000_000, 0), 1)]).money == 0.0
    assert not account.priced


def test_a_sum_of_money_says_whose_it_lacks() -> None:
    ledger = Ledger()
    Account("judge", ledger=ledger).settled("rank", [(_reply(9, 9), 1)])
    assert "without a price" not in ledger.summary()
    Account("teacher", price=PRICE, ledger=ledger).settled("w", [(_reply(9, 9), 1)])
    assert ledger.summary().endswith("\nwithout a price: judge")


def test_retries_and_failures_are_counted() -> None:
    ledger = Ledger()
    account = Account("teacher", ledger=ledger)
    account.ask("task")
    account.settled("task", [(Failure("timeout", "", "00", "m"), 6)])
    total = ledger.total()
    assert (total.calls, total.failures, total.attempts) == (1, 1, 6)


def test_estimated_tokens_are_marked() -> None:
    account = Account("teacher", ledger=Ledger())
    reply = Reply("text", "m", "00", usage=Usage(10, 5, estimated=True))
    assert account.settled("task", [(reply, 1)]).estimated_tokens == 15


def test_the_metrics_of_a_run_name_role_and_task(store: ReplyStore) -> None:
    ledger = Ledger()
    model = OfflineChatModel(EchoBrain(), store, Account("judge", ledger=ledger))
    model.complete([ask("a", task="rank"), ask("b", task="rank")])
    model.complete([ask("a", task="rank")])
    metrics = ledger.metrics()
    assert metrics["llm.judge.rank.calls"] == 2
    assert metrics["llm.judge.rank.stored"] == 1
    assert metrics["llm.total.replies"] == 2
    assert "judge · rank: 2 replies, 1 from the store" in ledger.summary()


def test_tokens_of_stored_replies_are_needed_and_not_paid_again(
    server: LoopbackServer, store: ReplyStore
) -> None:
    ledger = Ledger()
    account = Account("judge", ledger=ledger)
    endpoint = Endpoint(base_url=server.url)
    model = OpenAIChatModel("m", endpoints=[endpoint], store=store, account=account)
    model.complete([ask("a", task="rank"), ask("b", task="rank")])
    model.complete([ask("a", task="rank")])
    tally = ledger.tallies()["judge", "rank"]
    assert (tally.input_tokens, tally.output_tokens) == (20, 10)
    assert (tally.stored_input_tokens, tally.stored_output_tokens) == (10, 5)


def test_a_budget_of_calls_stops_the_run_and_the_same_command_goes_on(
    server: LoopbackServer, store: ReplyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/kedro", "run", "--pipeline=synthesis"])
    server.script = lambda _: Behaviour(latency=0.01)
    requests = [ask(str(i)) for i in range(1_000)]
    budget = Budget(calls=200)
    for run in range(1, 5):
        model, _ = _asking(server, store, budget=budget)
        with pytest.raises(ChatModelError) as stopped:
            model.complete(requests)
        assert server.total == 200 * run
    sentence = str(stopped.value)
    assert sentence.startswith("The budget of role 'teacher', 200 calls, is spent;")
    assert "`kedro run --pipeline=synthesis`" in sentence
    model, _ = _asking(server, store, budget=Budget(calls=201))
    assert len(model.complete(requests)) == 1_000
    assert set(server.seen.values()) == {1}


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["/v/bin/kedro", "run", "--tags=a b"], "`kedro run '--tags=a b'`"),
        (["/v/lib/kedro/__main__.py", "run"], "`python -m kedro run`"),
        (["scripts/ask.py", "1"], "`python scripts/ask.py 1`"),
        (["/v/ipykernel_launcher.py", "-f", "kernel.json"], "this cell"),
    ],
)
def test_the_command_that_goes_on_is_the_one_that_was_typed(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert f"run {command} again" in str(stop_for_budget("The budget"))


@pytest.mark.parametrize(
    ("budget", "unit"),
    [(Budget(tokens=1_500), "1500 tokens"), (Budget(money=0.01), "0.01 money")],
)
def test_tokens_and_money_stop_it_too(
    server: LoopbackServer, store: ReplyStore, budget: Budget, unit: str
) -> None:
    server.script = lambda _: Behaviour(latency=0.03)
    model, ledger = _asking(server, store, budget=budget, price=PRICE)
    with pytest.raises(ChatModelError, match=f"'teacher', {unit}, is spent"):
        model.complete(ask(str(i)) for i in range(2_000))
    # 15 tokens and 0.0001 money a call: 100 calls, and what was on its way.
    assert 100 <= ledger.total().calls <= 300
    assert ledger.total().replies == ledger.total().calls


def test_the_budget_of_a_run_counts_all_roles(store: ReplyStore) -> None:
    ledger = Ledger()
    shared = Budget(calls=3)

    def model(role: str) -> OfflineChatModel:
        account = Account(role, run_budget=shared, ledger=ledger)
        return OfflineChatModel(EchoBrain(role), store, account)

    model("teacher").complete([ask("a"), ask("b")])
    with pytest.raises(ChatModelError, match="budget of the run, 3 calls"):
        model("judge").complete([ask("a"), ask("b")])


def test_stored_replies_cost_no_budget(store: ReplyStore) -> None:
    requests = [ask(str(i)) for i in range(50)]
    OfflineChatModel(EchoBrain(), store, Account("a", ledger=Ledger())).complete(
        requests
    )
    account = Account("b", budget=Budget(calls=1), ledger=Ledger())
    assert len(OfflineChatModel(EchoBrain(), store, account).complete(requests)) == 50


def test_prices_are_read_by_model(tmp_path: Path) -> None:
    path = tmp_path / "prices.yml"
    path.write_text("qwen: {input: 4, output: 12, currency: CNY, as_of: '2026-11'}")
    assert read_prices(path) == {"qwen": PRICE}


def test_two_currencies_cannot_be_added_up(tmp_path: Path) -> None:
    path = tmp_path / "prices.yml"
    price = "{input: 4, output: 12, currency: %s, as_of: '2026-11'}"
    path.write_text(f"a: {price % 'CNY'}\nb: {price % 'USD'}")
    with pytest.raises(ChatModelError, match=r"mixes \['CNY', 'USD'\]"):
        read_prices(path)


def test_metric_names_hold_only_what_mlflow_takes() -> None:
    ledger = Ledger()
    Account("qwen@2024:a", ledger=ledger).ask("task")
    assert "llm.qwen_2024_a.task.calls" in ledger.metrics()


def test_the_shipped_price_list_is_one() -> None:
    assert read_prices(Path(__file__).parents[2] / "conf/base/prices.yml")


@pytest.mark.parametrize("text", ["qwen: 4", "- a", "qwen: {input: -1}", "a: [b"])
def test_a_broken_price_list_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.yml"
    path.write_text(text)
    with pytest.raises(ChatModelError, match=r"price list .*prices\.yml must map"):
        read_prices(path)
