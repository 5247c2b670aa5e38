"""How rationales are asked for: what no single row of ``CASES`` shows.

Every branch, row by row, stands in ``test_scripted_endpoint``.
"""

import re
from collections.abc import Callable

import polars as pl
from questions_made import question, reviewed

from prompt_set import made_up
from psyche_kedro.llm.chat_model import ChatRequest
from psyche_kedro.pipelines.synthesis.parameters import RationaleParameters
from psyche_kedro.pipelines.synthesis.rationales.nodes import (
    choose_best_rationales,
    refine_rationales,
    write_rationales,
)
from psyche_kedro.pipelines.synthesis.rationales.summary import summarise_rounds
from scripted import Answer, ScriptedChatModel, as_json, text_of

PARAMS = RationaleParameters(
    regenerations=2,
    regeneration_temperature=0.9,
    rounds=3,
    min_characters=20,
    refinement_input="rationale",
    votes=1,
)
RATIONALE = made_up(
    source="test", reply="JSON", system="逐步推理。", user="作答：{{ question }}"
)
REFINEMENT = made_up(
    source="test",
    reply="text",
    user="改进：{{ current_prompt }}\n{{ question }}\n推理：{{ rationale }}",
)
REVISION = made_up(
    source="test", reply="JSON", system="{{ candidate_prompt }}", user="{{ question }}"
)
CHOICE = made_up(
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


# ---- attempts --------------------------------------------------------------------


def test_a_true_statement_may_be_judged_without_letters() -> None:
    row = question(
        "负强化会使行为增加。", type="true_false", texts=("正确", "错误"), gold=["A"]
    )
    reason = "负强化撤除厌恶刺激，行为因此增加，所以这句话是正确的说法。"
    rows, _ = write_rationales(
        reviewed(row),
        prompt=RATIONALE,
        teachers={"teacher": ScriptedChatModel([("", says("正确", reason))])},
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
        teachers={"teacher": ScriptedChatModel([("", says("B"))])},
        params=params,
    )
    teacher = ScriptedChatModel([("^改进", proposal), ("", answer)])
    rounds = refine_rationales(
        questions,
        rows,
        rationale_prompt=RATIONALE,
        refinement_prompt=REFINEMENT,
        revision_prompt=REVISION,
        teachers={"teacher": teacher},
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


def test_each_half_step_of_a_round_is_one_batch_with_its_round() -> None:
    _, teacher = refined(proposes(), answers())
    assert [{r.round for r in batch} for batch in teacher.batches] == [
        {1}, {1}, {2}, {2}, {3}, {3},
    ]  # fmt: skip


def test_a_candidate_is_asked_with_as_it_stands_template_marks_included() -> None:
    marked = "先辨清概念 {{ 7 * 7 }} {% if x %}，再按 {0} 逐项对照。"
    once = PARAMS.model_copy(update={"rounds": 1})
    rounds, teacher = refined(lambda _: marked, answers(), once)
    assert rounds["outcome"].to_list() == ["verified", "accepted"]
    assert teacher.requests[-1].messages[0] == {"role": "system", "content": marked}


def test_the_refiner_sees_no_rationale_where_the_setting_says_so() -> None:
    blind = PARAMS.model_copy(update={"refinement_input": "question"})
    _, teacher = refined(proposes(), answers(), blind)
    assert not any(SOUND in text_of(r) for r in teacher.requests)


def test_an_unsolved_question_has_no_rounds() -> None:
    questions = reviewed(question())
    rows, _ = write_rationales(
        questions,
        prompt=RATIONALE,
        teachers={"teacher": ScriptedChatModel([("", says("A"))])},
        params=PARAMS,
    )
    rounds = refine_rationales(
        questions,
        rows,
        rationale_prompt=RATIONALE,
        refinement_prompt=REFINEMENT,
        revision_prompt=REVISION,
        teachers={"teacher": ScriptedChatModel([])},
        params=PARAMS,
    )
    assert rounds.is_empty()


# ---- choice ----------------------------------------------------------------------


def pick(name: str) -> Callable[[ChatRequest], str]:
    """Choose the rationale that begins with ``name``, wherever it stands."""

    def answer(request: ChatRequest) -> str:
        index = re.search(rf"(\d)\) {name}", text_of(request))
        assert index
        return as_json(best_rationale_index=int(index[1]), reason="更清楚")

    return answer


def test_the_judge_compares_round_zero_and_accepted_rounds_only() -> None:
    judge = ScriptedChatModel([("", pick("第1轮"))])
    rounds, _ = refined(proposes(), answers(r2=says("A")))
    samples = choose_best_rationales(
        reviewed(question()), rounds, prompt=CHOICE, judge=judge, params=PARAMS
    )
    row = samples.row(0, named=True)
    assert (row["round"], row["rationale"], row["n_candidates"]) == (1, REASONS[1], 3)
    assert (row["choice_reason"], row["choice_key"] is None) == ("更清楚", False)
    assert "第2轮" not in text_of(judge.requests[0])


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


# ---- several teachers ------------------------------------------------------------


def teachers(**answers: Answer) -> dict[str, ScriptedChatModel]:
    """Return teachers that refine as ``proposes`` does and answer as told."""
    return {
        name: ScriptedChatModel([("^改进", proposes()), ("", answer)], name=name)
        for name, answer in answers.items()
    }


def attempts_of(
    models: dict[str, ScriptedChatModel], *stems: str, regenerations: int = 2
) -> tuple[pl.DataFrame, pl.DataFrame]:
    questions = reviewed(*(question(stem) for stem in stems))
    params = PARAMS.model_copy(update={"regenerations": regenerations})
    rows, _ = write_rationales(
        questions, prompt=RATIONALE, teachers=models, params=params
    )
    return questions, rows


def test_teachers_make_the_attempts_in_turn() -> None:
    models = teachers(one=says("A"), two=says("C"))
    _, rows = attempts_of(models, "什么是组块？")
    assert rows.select("attempt", "model").rows() == [
        (0, "one"), (1, "two"), (2, "one"),
    ]  # fmt: skip


def test_a_teacher_is_asked_warmer_only_where_it_is_asked_again() -> None:
    models = teachers(one=says("A"), two=says("C"))
    attempts_of(models, "什么是组块？", regenerations=3)
    warmer = {"temperature": PARAMS.regeneration_temperature}
    for model in models.values():
        assert [dict(request.sampling) for request in model.requests] == [{}, warmer]


def test_a_teacher_is_not_asked_what_one_before_it_solved() -> None:
    models = teachers(one=says("B"), two=says("B"))
    _, rows = attempts_of(models, "什么是组块？")
    assert rows["model"].to_list() == ["one"]
    assert not models["two"].requests


def refined_by(
    models: dict[str, ScriptedChatModel], questions: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    return refine_rationales(
        questions,
        rows,
        rationale_prompt=RATIONALE,
        refinement_prompt=REFINEMENT,
        revision_prompt=REVISION,
        teachers=models,
        params=PARAMS,
    )


def only(stem: str) -> Callable[[ChatRequest], Answer]:
    return lambda request: says("B" if stem in text_of(request) else "A")


def test_a_question_is_refined_by_the_teacher_that_solved_it() -> None:
    models = teachers(one=only("甲题"), two=only("乙题"))
    questions, rows = attempts_of(models, "甲题？", "乙题？")
    rounds = refined_by(models, questions, rows)
    stems = dict(questions.select("question_id", "stem").iter_rows())
    wrote = {(stems[q], m) for q, m in rounds.select("question_id", "model").rows()}
    assert wrote == {("甲题？", "one"), ("乙题？", "two")}
    assert rounds.height == 2 * (PARAMS.rounds + 1)


def test_a_question_whose_teacher_is_gone_is_refined_by_the_first() -> None:
    questions, rows = attempts_of(teachers(gone=says("B")), "甲题？")
    models = teachers(one=says("B"), two=says("B"))
    rounds = refined_by(models, questions, rows)
    assert rounds["model"].to_list() == ["gone", "one", "one", "one"]
    assert not models["two"].requests


def test_one_model_under_two_names_plays_its_rounds_once() -> None:
    model = teachers(one=says("B"))["one"]
    questions, rows = attempts_of({"a": model, "b": model}, "甲题？")
    rounds = refined_by({"a": model, "b": model}, questions, rows)
    assert rounds["round"].to_list() == [0, 1, 2, 3]


def test_the_money_of_a_round_is_that_of_all_its_teachers() -> None:
    models = teachers(one=only("甲题"), two=only("乙题"))
    questions, rows = attempts_of(models, "甲题？", "乙题？")
    rounds = refined_by(models, questions, rows)
    tokens = {"input_tokens": 1_000_000, "output_tokens": 0}
    counted = {name: pl.lit(n) for name, n in tokens.items()}
    price = {"output": 0.0, "currency": "CNY", "as_of": "2026-11"}

    def money(prices: dict[str, float]) -> list[float | None]:
        listed = {model: price | {"input": cost} for model, cost in prices.items()}
        summary = summarise_rounds(
            rationales=rows.with_columns(**counted),
            rationale_rounds=rounds.with_columns(**counted),
            reasoning_samples=choose_best_rationales(
                questions,
                rounds,
                prompt=CHOICE,
                judge=ScriptedChatModel([]),
                params=PARAMS,
            ),
            prices=listed,
        )
        return summary["money"].to_list()

    # One asks both questions first, two the one that is left.
    assert money({"one": 1.0, "two": 10.0}) == [12.0, 11.0, 11.0, 11.0]
    assert money({"one": 1.0}) == [None] * 4
