import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_kedro.rewards import (
    RELATIONS,
    AccuracyReward,
    FormatReward,
    RewardParameters,
    accuracy_reward,
    answer_shares,
    read_answer,
)

PAPER = RewardParameters(
    parsable=1.25,
    unparsable=-1,
    right=1,
    wrong=-1,
    empty=-1,
    format_needs="answer",
    partial_credit=True,
)
LITERAL = PAPER.model_copy(update={"empty": 0, "format_needs": "thought"})
THOUGHT = "<think>因为……</think>"
SETS = st.frozensets(st.sampled_from("ABCD"))


def rewards(completion, gold, params=PAPER):
    batch = {
        "completions": [[{"role": "assistant", "content": completion}]],
        "gold": [list(gold)],
        "option_labels": [list("ABCD")],
    }
    return FormatReward(params)(**batch)[0], AccuracyReward(params)(**batch)[0]


@pytest.mark.parametrize(
    ("completion", "gold", "expected"),
    [
        (THOUGHT + "A", "A", (1.25, 1)),
        (THOUGHT + "\n答案：A", "AB", (1.25, 0.5)),
        (THOUGHT + "AB", "ACB", (1.25, 2 / 3)),
        (THOUGHT + "B", "A", (1.25, -1)),
        (THOUGHT + "AB", "A", (1.25, -1)),
        (THOUGHT + "ABCD", "ABCD", (1.25, 1)),
    ],
)
def test_equation_2(completion, gold, expected):
    assert rewards(completion, gold) == expected


HACKS = {
    "no thought": "A",
    "empty thought": "<think></think>A",
    "two thoughts": "<think>一</think><think>二</think>A",
    "nested": "<think>一</think>A</think>B",
    "text before": "好<think>一</think>A",
    "answer in the thought only": "<think>答案：A</think>",
    "cut off": "<think>一 A",
    "abstains": THOUGHT + "不知道",
    "hedges": THOUGHT + "答案：A。也可能答案：B",
    "letter that is no option": THOUGHT + "E",
    "letters in prose": THOUGHT + "DNA 与 ABC理论",
}


@pytest.mark.parametrize("completion", HACKS.values(), ids=HACKS)
def test_pays_nothing_for_a_known_way_around_it(completion):
    assert rewards(completion, "A") == (-1, -1)


def test_listing_every_option_pays_only_where_every_option_is_right():
    assert rewards(THOUGHT + "ABCD", "AC") == (1.25, -1)


def test_without_partial_credit_a_subset_is_wrong():
    strict = PAPER.model_copy(update={"partial_credit": False})
    assert accuracy_reward(frozenset("A"), frozenset("AB"), strict) == -1


def test_empty_gold_is_a_fault_of_the_data():
    with pytest.raises(ValueError, match="no gold label"):
        accuracy_reward(frozenset("A"), frozenset(), PAPER)


@given(answered=SETS, gold=SETS.filter(bool))
def test_nothing_beats_the_gold(answered, gold):
    best = accuracy_reward(gold, gold, PAPER)
    assert accuracy_reward(answered, gold, PAPER) < best or answered == gold


@given(gold=SETS.filter(lambda s: len(s) > 1))
def test_credit_grows_with_every_right_option(gold):
    ordered = sorted(gold)
    credits = [
        accuracy_reward(frozenset(ordered[:n]), gold, PAPER)
        for n in range(len(ordered) + 1)
    ]
    assert credits == sorted(credits)


def test_to_the_letter_an_abstention_is_worth_more_than_a_wrong_answer():
    abstains, wrong = THOUGHT + "不知道", THOUGHT + "B"
    assert rewards(abstains, "A", LITERAL) == (1.25, 0)
    assert rewards(wrong, "A", LITERAL) == (1.25, -1)
    assert sum(rewards(abstains, "A")) < sum(rewards(wrong, "A"))


def test_to_the_letter_the_form_is_still_one_thought_and_something_after_it():
    assert rewards("A", "A", LITERAL) == (-1, 0)
    assert rewards("<think>答案：A</think>", "A", LITERAL) == (-1, 0)


def test_logs_how_answers_miss():
    said = {
        THOUGHT + "A": "A",
        THOUGHT + "C": "CD",
        THOUGHT + "ABC": "AB",
        THOUGHT + "D": "A",
        THOUGHT + "不知道": "A",
        "答案：A": "A",
    }
    pairs = [(read_answer(t, "ABCD"), frozenset(g)) for t, g in said.items()]
    assert answer_shares(pairs) == pytest.approx(dict.fromkeys(RELATIONS, 1 / 6))


def test_the_form_is_counted_whatever_is_paid_for_it():
    unpaid = PAPER.model_copy(update={"parsable": 0.0, "unparsable": 0.0})
    counted = {}
    completions = [[{"content": text}] for text in (THOUGHT + "A", "A")]
    FormatReward(unpaid)(completions, ["AB"] * 2, log_metric=counted.__setitem__)
    assert counted["psyche/format"] == 0.5


def test_reads_nothing_without_the_think_tags():
    assert read_answer("答案：A", "ABCD").answered == frozenset()


@pytest.mark.parametrize(
    ("reward", "name"), [(FormatReward, "format"), (AccuracyReward, "accuracy")]
)
def test_pickles_for_worker_processes(reward, name):
    again = pickle.loads(pickle.dumps(reward(PAPER)))  # noqa: S301
    assert (again.parameters, again.__name__) == (PAPER, name)
