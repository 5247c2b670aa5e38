"""Section 2.2: of the rationales of all rounds, the best one is kept.

Candidates are round 0 and every accepted round; they are shown in an order that depends
on ids alone, because a judge prefers positions. A lone candidate needs no call.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.llm.chat_model import ChatRequest, Outcome
from psyche_kedro.pipelines.synthesis.provenance import first_object
from psyche_kedro.pipelines.synthesis.verdicts import as_index
from psyche_kedro.prompts import Prompt, render_question
from psyche_kedro.tables import content_id

Row = dict[str, Any]


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


class Choice(NamedTuple):
    """The round that won, and what the judge said."""

    candidate: Row
    reason: str | None
    key: str | None


def contests(questions: pl.DataFrame, rounds: pl.DataFrame) -> list[Contest]:
    """Return every question that has a verified rationale, with its candidates."""
    candidates: dict[str, list[Row]] = {}
    in_play = rounds.filter(pl.col("outcome") != "reverted")
    for row in in_play.sort("question_id", "round").iter_rows(named=True):
        candidates.setdefault(row["question_id"], []).append(row)
    return [
        Contest(question, candidates[question["question_id"]])
        for question in questions.iter_rows(named=True)
        if question["question_id"] in candidates
    ]


def choice_request(contest: Contest, prompt: Prompt, vote: int) -> ChatRequest:
    """Return the question to the judge."""
    messages = prompt.render(
        question=render_question(contest.question),
        rationales=[candidate["rationale"] for candidate in contest.shown(vote)],
    )
    return ChatRequest(messages, task="choose_best_rationales", sample=vote)


def read_vote(contest: Contest, outcome: Outcome, vote: int) -> Choice | None:
    """Return what the judge chose; ``None`` where the verdict cannot be read."""
    said = first_object(outcome)
    shown = contest.shown(vote)
    index = as_index(said.get("best_rationale_index"), len(shown))
    if index is None:
        return None
    return Choice(shown[index], str(said.get("reason", "")), outcome.key)


def by_rule(contest: Contest) -> Choice:
    """Return the choice without a readable verdict: the last accepted round."""
    return Choice(contest.candidates[-1], None, None)


def sample_row(contest: Contest, choice: Choice) -> Mapping[str, Any]:
    """Return the row of ``ReasoningSamples``."""
    return contest.question | {
        "rationale": choice.candidate["rationale"],
        "round": choice.candidate["round"],
        "n_candidates": len(contest.candidates),
        "choice_reason": choice.reason,
        "rationale_model": choice.candidate["model"],
        "rationale_key": choice.candidate["reply_key"],
        "choice_key": choice.key,
    }
