"""§2.2: of the rationales of all rounds, the best one is kept.

Candidates are round 0 and every accepted round; they are shown in an order that depends
on ids alone, because a judge prefers positions. A lone candidate needs no call. A
second vote shows them in the reverse order: where it disagrees, the judge went by
position.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import polars as pl

from psyche_kedro.llm.chat_model import ChatRequest, Outcome
from psyche_kedro.llm.schemas import TEXT, an_object, from_to
from psyche_kedro.pipelines.synthesis.provenance import as_index, verdict_in
from psyche_kedro.prompts import Prompt, render_question
from psyche_kedro.tables import Row, content_id, grouped

_CANDIDATE = ("question_id", "round", "rationale", "model", "reply_key")
"""Columns of a round that take part: a row of all takes three times as long to make."""


class Contest(NamedTuple):
    """A question and its candidate rounds, first round first."""

    question: Row
    candidates: list[Row]

    def shown(self, vote: int) -> list[Row]:
        """Return the candidates in the order of one vote; the second is reversed."""
        order = sorted(
            self.candidates,
            key=lambda c: content_id(self.question["question_id"], str(c["round"])),
        )
        return order[::-1] if vote else order


class Vote(NamedTuple):
    """The round that the judge named in one order of showing, and why."""

    candidate: Row
    reason: str
    key: str


class Choice(NamedTuple):
    """The round that is kept."""

    candidate: Row
    chosen_by: str
    """``only``, ``judge`` or ``rule``."""
    reason: str | None = None
    key: str | None = None
    votes_agree: bool | None = None


def contests(questions: pl.DataFrame, rounds: pl.DataFrame) -> list[Contest]:
    """Return every question that has a verified rationale, with its candidates."""
    in_play = rounds.filter(pl.col("outcome") != "reverted").select(_CANDIDATE)
    rows = in_play.sort("question_id", "round").iter_rows(named=True)
    candidates = grouped(rows, itemgetter("question_id"))
    return [
        Contest(question, candidates[question["question_id"]])
        for question in questions.iter_rows(named=True)
        if question["question_id"] in candidates
    ]


def choice_request(contest: Contest, prompt: Prompt, vote: int) -> ChatRequest:
    """Return the question to the judge."""
    messages = prompt.render(
        question=render_question(contest.question, prompt.words),
        rationales=[candidate["rationale"] for candidate in contest.shown(vote)],
    )
    return ChatRequest(
        messages,
        task="choose_best_rationales",
        sample=vote,
        schema=an_object(
            best_rationale_index=from_to(1, len(contest.candidates)), reason=TEXT
        ),
    )


def read_vote(contest: Contest, outcome: Outcome, vote: int) -> Vote | None:
    """Return what the judge chose; ``None`` where the verdict cannot be read."""
    said = verdict_in(outcome)
    shown = contest.shown(vote)
    index = as_index(said.get("best_rationale_index"), len(shown))
    if index is None:
        return None
    return Vote(shown[index], str(said.get("reason", "")), outcome.key)


def decide(contest: Contest, votes: Sequence[Vote | None]) -> Choice:
    """Return the choice that the votes make.

    Two readable votes that name different rounds show that the judge went by position.
    Then, and without a readable vote, the written rule decides: the latest of the
    rounds in question, because it is the one most worked on.
    """
    if not contest.candidates[1:]:
        return Choice(contest.candidates[0], "only")
    read = [vote for vote in votes if vote]
    if not read:
        return Choice(contest.candidates[-1], "rule")
    agree = _same_round(read) if read[1:] else None
    best = max(read, key=lambda vote: vote.candidate["round"])
    chosen_by = "rule" if agree is False else "judge"
    return Choice(best.candidate, chosen_by, best.reason, best.key, agree)


def sample_row(contest: Contest, choice: Choice) -> Row:
    """Return the row of ``ReasoningSamples``."""
    return contest.question | {
        "rationale": choice.candidate["rationale"],
        "round": choice.candidate["round"],
        "n_candidates": len(contest.candidates),
        "choice_reason": choice.reason,
        "chosen_by": choice.chosen_by,
        "votes_agree": choice.votes_agree,
        "rationale_model": choice.candidate["model"],
        "rationale_key": choice.candidate["reply_key"],
        "choice_key": choice.key,
    }


def _same_round(votes: Sequence[Vote]) -> bool:
    return len({vote.candidate["round"] for vote in votes}) == 1
