"""Every branch of the method, against a teacher whose behaviour is written down."""

import re
from collections.abc import Callable

import polars as pl
import pytest
from questions_made import question, reviewed

from psyche_kedro.llm.chat_model import ChatRequest, Reply
from psyche_kedro.pipelines.synthesis.parameters import RationaleParameters
from psyche_kedro.pipelines.synthesis.rationales.nodes import (
    choose_best_rationales,
    refine_rationales,
    write_rationales,
)
from psyche_kedro.pipelines.synthesis.rationales.summary import summarise_rounds
from psyche_kedro.prompts import Prompt
from scripted import Answer, ScriptedChatModel, as_json, fail, text_of

PARAMS = RationaleParameters(
    regenerations=2,
    regeneration_temperature=0.9,
    rounds=3,
    min_characters=20,
    refinement_input="rationale",
    votes=1,
)
RATIONALE = Prompt(
    source="test", reply="JSON", system="逐步推理。", user="作答：{{ question }}"
)
REFINEMENT = Prompt(
    source="test",
    reply="text",
    user="改进：{{ current_prompt }}\n{{ question }}\n推理：{{ rationale }}",
)
REVISION = Prompt(
    source="test", reply="JSON", system="{{ candidate_prompt }}", user="{{ question }}"
)
CHOICE = Prompt(
    source="test",
    reply="JSON",
    user="{{ question }}"
    "{% for r in rationales %}\n{{ loop.index }}) {{ r }}{% endfor %}",
)
SOUND = (
    "题目问的是记忆方法，要看哪一种能扩大单位：复述只是重复，组块把材料合成单位，"
    "其余不符，所以选B。"
)


def says(prediction: str, rationale: str = SOUND) -> str:
    return as_json(rationale=rationale, prediction=prediction)


def by_attempt(*replies: Answer) -> Callable[[ChatRequest], Answer]:
    return lambda request: replies[request.attempt]


# ---- attempts --------------------------------------------------------------------

ATTEMPTS: dict[str, tuple[Answer, str, str | None]] = {
    "right": (says("B"), "right", None),
    "right, in another form": (says("B. 组块"), "right", None),
    "wrong": (says("A"), "wrong", None),
    "one letter too many": (says("AB"), "wrong", None),
    "refuses": ("抱歉，我无法回答。", "unread", "refusal"),
    "no JSON": ("所以选B", "unread", "unreadable_reply"),
    "cut off": (
        Reply('{"rationale": "题', "scripted", "k", finish_reason="length"),
        "unread",
        "truncated",
    ),
    "no prediction": (as_json(rationale=SOUND), "unread", "no_prediction"),
    "no rationale": (as_json(prediction="B"), "unread", "no_rationale"),
    "letter that is none": (says("F"), "unread", "no_prediction"),
    "call failed": (fail("timeout"), "failed", "timeout"),
    "too short": (says("B", "选B。"), "weak", "too_short"),
    "touches no option": (
        says("B", "这道题考查记忆的规律，需要回忆教材上的定义再作出判断才行。"),
        "weak",
        "quotes_no_option",
    ),
    "argues for another": (
        says("B", "题目问记忆方法，逐项比较之后可以看到，正确答案是A，复述策略。"),
        "weak",
        "argues_for_another",
    ),
}


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"), ATTEMPTS.values(), ids=ATTEMPTS
)
def test_what_one_attempt_is_worth(
    reply: Answer, outcome: str, reason: str | None
) -> None:
    once = PARAMS.model_copy(update={"regenerations": 0})
    rows, unsolved = write_rationales(
        reviewed(question()),
        prompt=RATIONALE,
        teacher=ScriptedChatModel([("", reply)]),
        params=once,
    )
    assert rows.select("attempt", "outcome", "reason").rows() == [(0, outcome, reason)]
    assert unsolved.height == (outcome != "right")


def test_a_question_is_asked_again_until_it_is_right_and_never_after() -> None:
    first, second, third = (
        question(f"第{name}道关于记忆方法的题（ ）。") for name in "甲乙丙"
    )
    teacher = ScriptedChatModel(
        [
            ("第甲道", says("B")),
            ("第乙道", by_attempt(says("A"), says("B"))),
            ("第丙道", by_attempt(says("A"), fail("timeout"), says("C"))),
        ]
    )
    rows, unsolved = write_rationales(
        reviewed(first, second, third), prompt=RATIONALE, teacher=teacher, params=PARAMS
    )
    assert rows.select("question_id", "attempt", "outcome").rows() == [
        (first["question_id"], 0, "right"),
        (second["question_id"], 0, "wrong"),
        (third["question_id"], 0, "wrong"),
        (second["question_id"], 1, "right"),
        (third["question_id"], 1, "failed"),
        (third["question_id"], 2, "wrong"),
    ]
    assert unsolved["question_id"].to_list() == [third["question_id"]]
    assert [len(batch) for batch in teacher.batches] == [3, 2, 1]


def test_every_attempt_is_another_request_and_none_shows_the_gold() -> None:
    teacher = ScriptedChatModel([("", says("A"))])
    write_rationales(
        reviewed(question(explanation="答案是B，因为组块。")),
        prompt=RATIONALE,
        teacher=teacher,
        params=PARAMS,
    )
    assert [r.attempt for r in teacher.requests] == [0, 1, 2]
    assert [dict(r.sampling) for r in teacher.requests] == [
        {},
        {"temperature": 0.9},
        {"temperature": 0.9},
    ]
    assert not any("因为组块" in text_of(r) for r in teacher.requests)


def test_a_true_statement_may_be_judged_without_letters() -> None:
    row = question(
        "负强化会使行为增加。", type="true_false", texts=("正确", "错误"), gold=["A"]
    )
    reason = "负强化撤除厌恶刺激，行为因此增加，所以这句话是正确的说法。"
    rows, _ = write_rationales(
        reviewed(row),
        prompt=RATIONALE,
        teacher=ScriptedChatModel([("", says("正确", reason))]),
        params=PARAMS,
    )
    assert rows["outcome"].to_list() == ["right"]


# ---- rounds ----------------------------------------------------------------------

GUIDES = {n: f"第{n}版：先辨清概念的定义，再逐项对照。" for n in (1, 2, 3)}
REASONS = {n: f"第{n}轮：{SOUND}" for n in (1, 2, 3)}


def proposes(**by_round: Answer) -> Callable[[ChatRequest], Answer]:
    """Write ``GUIDES`` but for the rounds named ``r1=…``."""
    return lambda request: by_round.get(f"r{request.round}", GUIDES[request.round])


def answers(**by_round: Answer) -> Callable[[ChatRequest], Answer]:
    """Answer right in every round but those named ``r1=…``."""
    return lambda request: by_round.get(
        f"r{request.round}", says("B", REASONS[request.round])
    )


def refined(
    proposal: Callable[[ChatRequest], Answer],
    answer: Callable[[ChatRequest], Answer],
    params: RationaleParameters = PARAMS,
) -> tuple[pl.DataFrame, ScriptedChatModel]:
    _, rounds, teacher = played(proposal, answer, params)
    return rounds, teacher


def played(
    proposal: Callable[[ChatRequest], Answer],
    answer: Callable[[ChatRequest], Answer],
    params: RationaleParameters = PARAMS,
) -> tuple[pl.DataFrame, pl.DataFrame, ScriptedChatModel]:
    questions = reviewed(question())
    rows, _ = write_rationales(
        questions,
        prompt=RATIONALE,
        teacher=ScriptedChatModel([("", says("B"))]),
        params=params,
    )
    teacher = ScriptedChatModel([("^改进", proposal), ("", answer)])
    rounds = refine_rationales(
        questions,
        rows,
        rationale_prompt=RATIONALE,
        refinement_prompt=REFINEMENT,
        revision_prompt=REVISION,
        teacher=teacher,
        params=params,
    )
    return rows, rounds, teacher


def story(rounds: pl.DataFrame) -> list[tuple[int, str, str | None, str, str]]:
    return rounds.select("round", "outcome", "reason", "prompt", "rationale").rows()


ZERO = (0, "verified", None, "逐步推理。", SOUND)


def test_three_accepted_rounds_each_start_from_the_last() -> None:
    rounds, teacher = refined(proposes(), answers())
    assert story(rounds) == [
        ZERO,
        (1, "accepted", None, GUIDES[1], REASONS[1]),
        (2, "accepted", None, GUIDES[2], REASONS[2]),
        (3, "accepted", None, GUIDES[3], REASONS[3]),
    ]
    asked = [text_of(r) for r in teacher.requests if text_of(r).startswith("改进")]
    assert [("逐步推理" in asked[0]), (GUIDES[1] in asked[1]), (GUIDES[2] in asked[2])]
    assert (SOUND in asked[0]) and (REASONS[1] in asked[1]) and (REASONS[2] in asked[2])


def test_a_wrong_round_two_reverts_and_round_three_goes_on_from_round_one() -> None:
    rounds, teacher = refined(proposes(), answers(r2=says("A")))
    assert story(rounds)[2:] == [
        (2, "reverted", "wrong", GUIDES[1], REASONS[1]),
        (3, "accepted", None, GUIDES[3], REASONS[3]),
    ]
    row = rounds.row(2, named=True)
    assert (row["candidate_prompt"], row["prediction"]) == (GUIDES[2], ["A"])
    assert GUIDES[1] in text_of(teacher.batches[4][0])


REVERTS: dict[str, tuple[Answer | None, Answer | None, str]] = {
    "leak by declaration": ("逐项分析，最后应当得出答案是B。", None, "leak"),
    "leak by the gold's text": ("注意组块与复述的区别，再作判断。", None, "leak"),
    "copies the rationale": (f"参考：{SOUND[:20]}", None, "quotes_rationale"),
    "empty candidate": ("  ", None, "empty_reply"),
    "candidate failed": (fail("content_filter"), None, "content_filter"),
    "answer failed": (None, fail("timeout"), "timeout"),
    "answer unreadable": (None, "选B", "unreadable_reply"),
    "answer weak": (None, says("B", "选B。"), "too_short"),
}


@pytest.mark.parametrize(
    ("proposal", "answer", "reason"), REVERTS.values(), ids=REVERTS
)
def test_why_a_round_reverts(
    proposal: Answer | None, answer: Answer | None, reason: str
) -> None:
    one = PARAMS.model_copy(update={"rounds": 1})
    rounds, teacher = refined(
        proposes(**({"r1": proposal} if proposal is not None else {})),
        answers(**({"r1": answer} if answer is not None else {})),
        one,
    )
    assert story(rounds) == [ZERO, (1, "reverted", reason, "逐步推理。", SOUND)]
    # A refused candidate is never asked with.
    assert len(teacher.requests) == (2 if proposal is None else 1)


def test_each_half_step_of_a_round_is_one_batch_with_its_round() -> None:
    _, teacher = refined(proposes(), answers())
    assert [{r.round for r in batch} for batch in teacher.batches] == [
        {1}, {1}, {2}, {2}, {3}, {3},
    ]  # fmt: skip


def test_the_refiner_sees_no_rationale_where_the_setting_says_so() -> None:
    blind = PARAMS.model_copy(update={"refinement_input": "question"})
    _, teacher = refined(proposes(), answers(), blind)
    assert not any(SOUND in text_of(r) for r in teacher.requests)


def test_no_answering_request_carries_gold_or_rationale() -> None:
    _, teacher = refined(
        proposes(r1=f"参考：{SOUND[:20]}", r2="答案是B"), answers(r3=says("A"))
    )
    answering = [
        t for r in teacher.requests if not (t := text_of(r)).startswith("改进")
    ]
    assert len(answering) == 1
    assert not re.search("答案|所以选B", answering[0])


def test_an_unsolved_question_has_no_rounds() -> None:
    questions = reviewed(question())
    rows, _ = write_rationales(
        questions,
        prompt=RATIONALE,
        teacher=ScriptedChatModel([("", says("A"))]),
        params=PARAMS,
    )
    rounds = refine_rationales(
        questions,
        rows,
        rationale_prompt=RATIONALE,
        refinement_prompt=REFINEMENT,
        revision_prompt=REVISION,
        teacher=ScriptedChatModel([]),
        params=PARAMS,
    )
    assert rounds.is_empty()


# ---- choice ----------------------------------------------------------------------


def chosen(judge: ScriptedChatModel, votes: int = 1) -> pl.DataFrame:
    rounds, _ = refined(proposes(), answers(r2=says("A")))
    return choose_best_rationales(
        reviewed(question()),
        rounds,
        prompt=CHOICE,
        judge=judge,
        params=PARAMS.model_copy(update={"votes": votes}),
    )


def pick(name: str) -> Callable[[ChatRequest], str]:
    """Choose the rationale that begins with ``name``, wherever it stands."""

    def answer(request: ChatRequest) -> str:
        index = re.search(rf"(\d)\) {name}", text_of(request))
        assert index
        return as_json(best_rationale_index=int(index[1]), reason="更清楚")

    return answer


def test_the_judge_compares_round_zero_and_accepted_rounds_only() -> None:
    judge = ScriptedChatModel([("", pick("第1轮"))])
    row = chosen(judge).row(0, named=True)
    assert (row["round"], row["rationale"], row["n_candidates"]) == (1, REASONS[1], 3)
    assert (row["choice_reason"], row["choice_key"] is None) == ("更清楚", False)
    assert "第2轮" not in text_of(judge.requests[0])


@pytest.mark.parametrize(
    "verdict", ["第一份最好", as_json(best_rationale_index=9), fail("timeout")]
)
def test_without_a_readable_verdict_the_last_accepted_round_wins(
    verdict: Answer,
) -> None:
    row = chosen(ScriptedChatModel([("", verdict)])).row(0, named=True)
    assert (row["round"], row["chosen_by"], row["choice_key"]) == (3, "rule", None)


def test_a_lone_candidate_is_taken_without_a_call() -> None:
    rounds, _ = refined(proposes(), answers(r1="?", r2="?", r3="?"))
    judge = ScriptedChatModel([])
    samples = choose_best_rationales(
        reviewed(question()), rounds, prompt=CHOICE, judge=judge, params=PARAMS
    )
    assert samples.select("round", "chosen_by").rows() == [(0, "only")]
    assert judge.requests == []


def test_two_votes_that_agree_in_both_orders() -> None:
    judge = ScriptedChatModel([("", pick("第1轮"))])
    row = chosen(judge, votes=2).row(0, named=True)
    assert (row["round"], row["chosen_by"], row["votes_agree"]) == (1, "judge", True)
    first, second = (text_of(r) for r in judge.requests)
    order = [re.findall("第[13]轮|题目问", text) for text in (first, second)]
    assert len(judge.batches) == 1 and order[0] != order[1]


def test_a_judge_that_goes_by_position_is_found_out() -> None:
    judge = ScriptedChatModel([("", as_json(best_rationale_index=1, reason="好"))])
    row = chosen(judge, votes=2).row(0, named=True)
    assert (row["chosen_by"], row["votes_agree"]) == ("rule", False)


def test_one_readable_vote_of_two_decides() -> None:
    def once(request: ChatRequest) -> Answer:
        return pick("第1轮")(request) if request.sample else fail("timeout")

    row = chosen(ScriptedChatModel([("", once)]), votes=2).row(0, named=True)
    assert (row["round"], row["chosen_by"], row["votes_agree"]) == (1, "judge", None)


def test_the_summary_says_what_each_round_took_and_was_worth() -> None:
    attempts, rounds, _ = played(proposes(r3="答案是B"), answers(r2=says("A")))
    samples = choose_best_rationales(
        reviewed(question()),
        rounds,
        prompt=CHOICE,
        judge=ScriptedChatModel([("", pick("第1轮"))]),
        params=PARAMS,
    )
    columns = ["round", "played", "accepted", "reverted_because", "won", "calls"]
    summary = summarise_rounds(
        rationales=attempts,
        rationale_rounds=rounds,
        reasoning_samples=samples,
        prices={},
    )
    assert summary.select(columns).rows() == [
        (0, 1, 1, "", 0, 1),
        (1, 1, 1, "", 1, 2),
        (2, 1, 0, "wrong 1", 0, 2),
        (3, 1, 0, "leak 1", 0, 1),
    ]
    assert summary["money"].null_count() == 4
