"""What the report says of calls and money, and when it says nothing."""

import pytest
from corpus_rows import CHOSEN, called, expected, played
from test_corpus import cells, findings, without

from psyche_kedro.pipelines.reporting import rounds_and_costs
from psyche_kedro.pipelines.reporting.sections import money
from psyche_kedro.tables import (
    CostEstimate,
    ModelCalls,
    RoundSummary,
    frame,
)

# ---- rounds ----------------------------------------------------------------------


def test_rounds_show_acceptance_wins_length_calls_tokens_and_reasons():
    assert cells(rounds_and_costs.rounds(findings())) == [
        [
            *["0", "1,200", "1,200", "100.0 %", "7", "166"],
            *["2,400", "–", "–", "–", "342.9 calls", "–"],
        ],
        [
            *["1", "1,200", "900", "75.0 %", "1,193", "–", "2,400"],
            *["54,321", "999", "–", "46 tokens", "wrong 288, leak 12"],
        ],
    ]


def priced(**changes):
    rows = [
        played(0, 100, 100, won=20, money=1.0, currency="CNY"),
        played(1, 100, 60, won=30, money=3.0, currency="CNY"),
        played(2, 100, 50, won=50, money=4.0, currency="CNY"),
    ]
    return findings(round_summary=frame(RoundSummary, rows), **changes)


def test_a_round_says_what_each_question_it_won_cost():
    costs = [row[9:11] for row in cells(rounds_and_costs.rounds(priced()))]
    assert costs == [
        ["1.00 CNY", "0.0500 CNY"],
        ["3.00 CNY", "0.100 CNY"],
        ["4.00 CNY", "0.0800 CNY"],
    ]


def test_whether_rounds_pay_is_told_in_money_where_it_is_known():
    text = rounds_and_costs.rounds(priced()).text
    assert "For 80 of 100 questions" in text
    assert "for 87.5 % of the cost" in text
    assert "round 2 alone won 50, for 50.0 %" in text


def test_without_tokens_of_every_round_their_calls_are_compared():
    text = rounds_and_costs.rounds(findings()).text
    assert "for 50.0 % of the cost; round 1 alone won 1,193, for 50.0 %" in text


def test_without_rounds_nothing_is_said_to_pay():
    once = frame(RoundSummary, [played(0, 10, 10, won=10)])
    text = rounds_and_costs.rounds(findings(round_summary=once)).text
    assert "No round of refinement was played." in text


def test_two_votes_that_differ_measure_position_bias():
    text = rounds_and_costs.rounds(findings()).text
    assert "another round for 1 of 3" in text
    assert "the judge: 2, no contest: 1, the written rule: 1" in text


def test_without_a_second_vote_no_bias_is_claimed():
    text = rounds_and_costs.rounds(findings(rows=CHOSEN)).text
    assert "position bias is not measured" in text
    assert "0 of" not in text


# ---- calls -----------------------------------------------------------------------


def test_an_estimate_stands_beside_what_was_needed():
    section = rounds_and_costs.calls(findings())
    asked = ["synthesis", "write_rationales", "teacher", "qwen"]
    calls, tokens = ([row.cells for row in table.rows] for table in section.tables)
    assert [list(c) for c in calls] == [
        [*asked, "750 – 1,500 – 2,250", "1,600", "-6 %", "100", "0"]
    ]
    assert [list(c) for c in tokens] == [
        [*asked, "90,000 – 225,000 – 360,000", "200,000", "+12 %", "–", "–"]
    ]
    assert "1,500 calls estimated, 1,600 needed (-6 %)" in section.text
    assert "the rates of the run before" in section.text


def test_one_node_may_ask_two_models_and_a_model_of_no_estimate_is_listed_last():
    estimates = [
        expected("write_dialogues", 10),
        expected("write_dialogues", 20, role="judge", model="gpt"),
    ]
    needed = [
        called("judge", "judge_replies", 5, chapter="cleaning"),
        called("judge", "write_dialogues", 7, chapter="selection"),
        called("judge", "write_dialogues", 18, money=2.5),
        called("teacher", "write_dialogues", 9),
    ]
    tables = {
        "cost_estimate": frame(CostEstimate, estimates),
        "model_calls": frame(ModelCalls, needed),
    }
    section = rounds_and_costs.calls(findings(**tables))
    spent = [row.cells[-1] for row in section.tables[1].rows]
    assert [(*row[:4], row[5]) for row in cells(section)] == [
        ("synthesis", "write_dialogues", "teacher", "qwen", "9"),
        ("synthesis", "write_dialogues", "judge", "gpt", "18"),
        ("cleaning", "judge_replies", "judge", "–", "5"),
        ("selection", "write_dialogues", "judge", "–", "7"),
    ]
    assert spent == ["–", "2.50", "–", "–"]


def test_a_node_that_asked_nothing_keeps_its_estimate():
    section = rounds_and_costs.calls(findings(**without("model_calls")))
    assert [row[4:7] for row in cells(section)] == [["750 – 1,500 – 2,250", "–", "–"]]


def test_without_an_estimate_the_calls_are_shown_alone():
    section = rounds_and_costs.calls(findings(**without("cost_estimate")))
    assert [row[4:6] for row in cells(section)] == [["–", "1,600"]]
    assert "there is no estimate" in section.text


def test_priors_are_called_priors():
    prior = frame(CostEstimate, [expected("write_rationales", 1, rests_on="priors")])
    assert "from priors" in rounds_and_costs.calls(findings(cost_estimate=prior)).text


@pytest.mark.parametrize(
    ("section", "empty", "said"),
    [
        ("rounds", ["round_summary"], "no verified rationale"),
        ("calls", ["model_calls", "cost_estimate"], "No model was asked"),
    ],
)
def test_an_empty_table_is_said_to_be_empty(section, empty, said):
    told = getattr(rounds_and_costs, section)(findings(**without(*empty)))
    assert said in told.text
    assert not told.tables


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "–"),
        (0.00123, "0.00123 CNY"),
        (1.5, "1.50 CNY"),
        (1234.5, "1,234.50 CNY"),
    ],
)
def test_small_amounts_keep_three_figures(amount, shown):
    assert money(amount, "CNY") == shown
