"""§2.2, rationale generation: ~90k questions → ~75k with a verified rationale.

    reviewed_questions → rationales (attempt 0 and up to T more) → rationale_rounds
    (round 0 … R) → reasoning_samples

A Kedro graph cannot loop: the loop over attempts, and the one over rounds, stand inside
their node around pure steps. Gold is compared with, never shown.
"""

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import polars as pl

from psyche_kedro.llm.chat_model import Asking, ChatModel, ChatRequest, Outcome
from psyche_kedro.pipelines.synthesis.parameters import RationaleParameters
from psyche_kedro.pipelines.synthesis.provenance import made_by, tokens_of
from psyche_kedro.pipelines.synthesis.rationales import choice, rounds
from psyche_kedro.pipelines.synthesis.rationales.attempts import SCHEMA, read_attempt
from psyche_kedro.pipelines.synthesis.rationales.rounds import Candidate, State
from psyche_kedro.prompts import Prompt, render_question
from psyche_kedro.tables import (
    RationaleRounds,
    Rationales,
    ReasoningSamples,
    Row,
    frame,
)


class _Rounds(NamedTuple):
    """What all rounds of one teacher's questions are played with."""

    refinement_prompt: Prompt
    revision_prompt: Prompt
    teacher: ChatModel
    params: RationaleParameters


# ---- attempts --------------------------------------------------------------------


def write_rationales(
    reviewed_questions: pl.DataFrame,
    *,
    prompt: Prompt,
    teachers: dict[str, ChatModel],
    params: RationaleParameters,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ask for a rationale of each question until its prediction is right.

    Args:
        reviewed_questions: ``ReviewedQuestions``.
        prompt: ``rationale``.
        teachers: Models that reason; they make the attempts in turn.
        params: ``synthesis.rationales``.

    Returns:
        ``Rationales``, every attempt, and the questions that none solved; questions in
        = solved + unsolved.
    """
    unsolved = list(reviewed_questions.iter_rows(named=True))
    rows: list[Row] = []
    in_turn = itertools.cycle(teachers.values())
    for number in range(params.regenerations + 1):
        # A teacher that is asked for the first time repeats nothing.
        warmer = {"temperature": params.regeneration_temperature}
        sampling = warmer if number >= len(teachers) else {}
        ask = partial(
            _rationale_request, prompt=prompt, sampling=sampling, number=number
        )
        outcomes = next(in_turn).complete(Asking(unsolved, ask))
        tried = [
            _attempt_row(question, outcome, prompt=prompt, number=number, params=params)
            for question, outcome in zip(unsolved, outcomes, strict=True)
        ]
        rows += tried
        unsolved = [
            question
            for question, row in zip(unsolved, tried, strict=True)
            if row["outcome"] != "right"
        ]
    left = [question["question_id"] for question in unsolved]
    return (
        frame(Rationales, rows),
        reviewed_questions.filter(pl.col("question_id").is_in(left)),
    )


def _rationale_request(
    question: Row, prompt: Prompt, *, sampling: dict[str, float], number: int
) -> ChatRequest:
    return ChatRequest(
        prompt.render(question=render_question(question, prompt.words)),
        task="write_rationales",
        schema=SCHEMA,
        sampling=sampling,
        attempt=number,
    )


def _attempt_row(
    question: Row,
    outcome: Outcome,
    *,
    prompt: Prompt,
    number: int,
    params: RationaleParameters,
) -> Row:
    attempt = read_attempt(question, outcome, min_characters=params.min_characters)
    return {
        "question_id": question["question_id"],
        "attempt": number,
        **attempt._asdict(),
        **made_by(outcome, prompt),
        **tokens_of(outcome),
    }


# ---- rounds ----------------------------------------------------------------------


def refine_rationales(  # noqa: PLR0913 - the node's inputs
    reviewed_questions: pl.DataFrame,
    rationales: pl.DataFrame,
    *,
    rationale_prompt: Prompt,
    refinement_prompt: Prompt,
    revision_prompt: Prompt,
    teachers: dict[str, ChatModel],
    params: RationaleParameters,
) -> pl.DataFrame:
    """Improve prompt and rationale of each solved question over R rounds.

    Args:
        reviewed_questions: ``ReviewedQuestions``.
        rationales: ``Rationales``.
        rationale_prompt: Its system part is the prompt P that refinement starts from.
        refinement_prompt: Asks for a better prompt.
        revision_prompt: Asks the question with the candidate prompt.
        teachers: Models that reason; a question is refined by the one that solved it,
            or by the first where that one is no longer among them.
        params: ``synthesis.rationales``.

    Returns:
        ``RationaleRounds``, R + 1 rows per solved question.
    """
    verified = _verified(rationales)
    states = [
        State(question, rationale_prompt.system.strip(), verified[key]["rationale"])
        for question in reviewed_questions.iter_rows(named=True)
        if (key := question["question_id"]) in verified
    ]
    rows = [rounds.first_row(s, verified[s.question["question_id"]]) for s in states]
    for teacher, own in _shared_out(states, verified, teachers.values()):
        played_with = _Rounds(refinement_prompt, revision_prompt, teacher, params)
        rows += _play_rounds(own, played_with)
    return frame(RationaleRounds, rows).sort("question_id", "round")


def _shared_out(
    states: Iterable[State], verified: dict[str, Row], teachers: Iterable[ChatModel]
) -> list[tuple[ChatModel, list[State]]]:
    """Return each teacher with the questions that it solved, if any."""
    shares: dict[str, tuple[ChatModel, list[State]]] = {
        teacher.name: (teacher, []) for teacher in teachers
    }
    first = next(iter(shares.values()))
    for state in states:
        solver = verified[state.question["question_id"]]["model"]
        shares.get(solver, first)[1].append(state)
    return [share for share in shares.values() if share[1]]


def _play_rounds(states: list[State], played_with: _Rounds) -> list[Row]:
    """Return the rows of all rounds of one teacher's questions."""
    rows: list[Row] = []
    for number in range(1, played_with.params.rounds + 1):
        played = list(_play_round(states, number, played_with))
        states = [state for state, _ in played]
        rows += [row for _, row in played]
    return rows


def _play_round(
    states: list[State], number: int, played_with: _Rounds
) -> Iterator[tuple[State, Row]]:
    """Yield every question after a round, and the round's row.

    A reply to the first half-step is read as the second one asks for it, so that the
    endpoint does not wait for the reading of a whole table.
    """
    proposing, revising, teacher, params = played_with
    shows = params.refinement_input == "rationale"
    proposals = teacher.complete(
        Asking(
            states,
            lambda state: rounds.refinement_request(
                state, proposing, number, shows_rationale=shows
            ),
        )
    )
    proposed = (
        (state, rounds.read_candidate(state, outcome, proposing.words))
        for state, outcome in zip(states, proposals, strict=True)
    )
    to_revise, candidates = itertools.tee(proposed)
    revisions = iter(
        teacher.complete(
            rounds.revision_request(state, candidate, revising, number)
            for state, candidate in to_revise
            if not candidate.refusal
        )
    )
    for state, candidate in candidates:
        outcome = None if candidate.refusal else next(revisions)
        yield _after(state, candidate, outcome, number, played_with)


def _after(
    state: State,
    candidate: Candidate,
    outcome: Outcome | None,
    number: int,
    played_with: _Rounds,
) -> tuple[State, Row]:
    """Return a question after a round, and the round's row."""
    if outcome is None:
        return state, rounds.refused_row(state, candidate, number)
    least = played_with.params.min_characters
    attempt = read_attempt(state.question, outcome, min_characters=least)
    after = rounds.advance(state, candidate, attempt)
    row = rounds.revised_row(
        after,
        candidate,
        attempt,
        outcome=outcome,
        prompt=played_with.revision_prompt,
        round_=number,
    )
    return after, row


def _verified(rationales: pl.DataFrame) -> dict[str, Row]:
    right = rationales.filter(pl.col("outcome") == "right").select(rounds.FIRST)
    return {row["question_id"]: row for row in right.iter_rows(named=True)}


# ---- choice ----------------------------------------------------------------------


def choose_best_rationales(
    reviewed_questions: pl.DataFrame,
    rationale_rounds: pl.DataFrame,
    *,
    prompt: Prompt,
    judge: ChatModel,
    params: RationaleParameters,
) -> pl.DataFrame:
    """Return each solved question with the rationale that the judge finds best.

    Args:
        reviewed_questions: ``ReviewedQuestions``.
        rationale_rounds: ``RationaleRounds``.
        prompt: ``choice``.
        judge: Model that compares.
        params: ``synthesis.rationales``.

    Returns:
        ``ReasoningSamples``, one row per solved question.
    """
    contests = choice.contests(reviewed_questions, rationale_rounds)
    asked = [
        (contest, vote)
        for vote in range(params.votes)
        for contest in contests
        if contest.candidates[1:]
    ]
    outcomes = judge.complete(
        Asking(asked, lambda one: choice.choice_request(one[0], prompt, one[1]))
    )
    votes: dict[str, list[choice.Vote | None]] = {}
    for (contest, vote), outcome in zip(asked, outcomes, strict=True):
        said = choice.read_vote(contest, outcome, vote)
        votes.setdefault(contest.question["question_id"], []).append(said)
    return frame(
        ReasoningSamples,
        [
            choice.sample_row(
                contest,
                choice.decide(contest, votes.get(contest.question["question_id"], [])),
            )
            for contest in contests
        ],
    )
