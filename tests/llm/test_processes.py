"""A budget and its sums hold for the run, however many processes it has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import psyche_kedro
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.chat_model import Reply, Usage
from psyche_kedro.llm.prices import Budget

VARIABLE = "TEST_LEDGER"
CHILD = """
import sys
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.chat_model import Reply, Usage
from psyche_kedro.llm.prices import Budget
ledger = Ledger("TEST_LEDGER")
account = Account(sys.argv[1], run_budget=Budget(**{sys.argv[2]: 60}), ledger=ledger)
while not account.ask("task"):
    account.settled("task", [(Reply("x", "m", "k", usage=Usage(2, 1)), 1)])
with ledger.alone():
    pass
"""


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv(VARIABLE, "")  # put back as it was
    ledger = Ledger(VARIABLE)
    ledger.share(tmp_path / "ledger.sqlite")
    return ledger


def spend(*roles: str, unit: str) -> None:
    source = str(Path(psyche_kedro.__file__).parents[1])
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, role, unit],
            env={**os.environ, "PYTHONPATH": source},
        )
        for role in roles
    ]
    assert [child.wait() for child in children] == [0] * len(roles)


def test_two_processes_together_send_as_much_as_one_may(ledger: Ledger) -> None:
    spend("teacher", "judge", unit="calls")
    ledger.gather()
    assert ledger.total().calls == 60
    assert ledger.total().replies == 60


def test_a_budget_in_tokens_is_passed_by_what_was_under_way_alone(
    ledger: Ledger,
) -> None:
    spend("teacher", "judge", unit="tokens")
    ledger.gather()
    assert 60 <= ledger.total().tokens <= 60 + 2 * 3


def test_the_first_process_says_the_sums_of_all(ledger: Ledger) -> None:
    Account("student", ledger=ledger).settled(
        "answer", [(Reply("x", "m", "k", usage=Usage(2, 1)), 1)]
    )
    spend("teacher", unit="calls")
    ledger.gather()
    assert {role for role, _ in ledger.tallies()} == {"student", "teacher"}
    assert ledger.metrics()["llm.total.replies"] == 61.0
    assert "61 replies" in ledger.summary()
    assert ledger.unpriced == {"student", "teacher"}
    assert VARIABLE not in os.environ


def test_what_others_spent_counts_at_once(ledger: Ledger) -> None:
    spend("teacher", unit="calls")
    late = Account("judge", run_budget=Budget(calls=60), ledger=ledger)
    assert late.ask("task") == "The budget of the run, 60 calls"
    own = Account("judge", budget=Budget(calls=1), ledger=ledger)
    assert own.ask("task") == ""
