"""What every chapter will ask, as one table."""

import pytest

from psyche_kedro.commands.estimate_chapters import Line, Task, describe
from psyche_kedro.pipelines.synthesis.costs.basis import Player, Tokens
from whole_run import run_kedro


def line(role: str, *, stored: int = 0, money: float | None = None) -> Line:
    player = Player(role, role)
    task = Task("cleaning", "judge_replies", [(player, {})], 200, "clean_posts")
    currency = None if money is None else "CNY"
    return Line(task, player, Tokens(1_000, 50), money, currency, stored)


@pytest.mark.parametrize(("stored", "due"), [(0, 8.0), (50, 6.0), (200, 0.0)])
def test_a_stored_reply_costs_nothing(stored: int, due: float) -> None:
    assert line("judge", stored=stored, money=8.0).due == due


def test_a_row_says_what_is_asked_stored_and_due_and_what_it_was_counted_on() -> None:
    _, row, _ = describe([line("judge", stored=50, money=8.0)])
    told = " ".join(row.split())
    sums = "200 50 200,000 10,000 8.00 6.00"
    assert told == f"cleaning judge_replies judge {sums} clean_posts"


def test_the_sum_says_that_a_model_without_a_price_is_left_out() -> None:
    *_, total = describe([line("judge", money=8.0), line("guard")])
    assert total.split()[2:8] == ["400", "0", "400,000", "20,000", "8.00", "8.00"]
    assert total.endswith("CNY, without roles that have no price")


def test_where_nothing_is_read_yet_every_chapter_says_what_it_lacks(tmp_path) -> None:
    given = f"raw={tmp_path},data={tmp_path / 'out'}"
    said = run_kedro("estimate", "--params", given, data=tmp_path)
    assert said.returncode == 0, said.stderr[-2_000:]
    for chapter in ("cleaning", "synthesis", "selection", "evaluation"):
        assert (
            f"\n{chapter}: not counted; `kedro run --pipeline=ingestion`" in said.stdout
        )
    assert "\ntraining: no request; its GPU-hours are not reckoned" in said.stdout
    assert f"\ncedar: not counted; {tmp_path}/cedar/scenarios holds no" in said.stdout
