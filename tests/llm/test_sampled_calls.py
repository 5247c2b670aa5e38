"""Calls that are traced: the same in every run, each failure, and no word of any."""

import pytest

from psyche_kedro.llm.chat_model import Failure, Reply, Usage
from psyche_kedro.llm.sampled_calls import SampledCalls

TEXT = "我叫王小明"


def reply(n, **changes):
    said = {"text": TEXT, "reasoning": TEXT, "usage": Usage(3, 5), "seconds": 1.5}
    return Reply(model="m", key=f"{n:064x}", **said | changes)


def failure(n, partial=None):
    return Failure("timeout", TEXT, f"{n:064x}", "m", partial)


def sampled(outcomes):
    calls = SampledCalls()
    for outcome in outcomes:
        calls.note("teacher", "write_rationales", outcome, 2)
    return calls


def test_one_call_in_a_hundred_is_kept_and_the_same_one_in_every_run():
    kept = [call.key for call in sampled(map(reply, range(20_000))).take()]
    again = [call.key for call in sampled(map(reply, range(20_000))).take()]
    assert kept == again
    assert len(kept) == pytest.approx(200, rel=0.3)


def test_each_failure_is_kept_with_what_was_said_until_it_was_cut():
    calls = sampled([failure(n, reply(n)) for n in range(50)]).take()
    assert len(calls) == 50
    assert {(c.reason, c.usage.output_tokens, c.seconds) for c in calls} == {
        ("timeout", 5, 1.5)
    }


def test_no_word_of_a_request_or_a_reply_is_kept():
    outcomes = [*map(reply, range(1000)), *(failure(n, reply(n)) for n in range(10))]
    calls = sampled(outcomes).take()
    assert len(calls) > 10
    assert TEXT not in str(calls)


def test_those_after_the_thousandth_are_counted():
    calls = sampled(map(failure, range(1003)))
    assert (len(calls.take()), calls.left_out) == (1000, 3)
    calls.clear()
    assert (calls.take(), calls.left_out) == ([], 0)
