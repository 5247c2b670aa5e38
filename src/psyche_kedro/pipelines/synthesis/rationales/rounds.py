"""§2.2: prompt and rationale improve each other, R rounds.

``P* ← LLM(P, q, r)``, then ``(r*, â*) ← LLM(P*, q)``. If ``â* = a`` the pair
``(P*, r*)`` becomes current, else the previous pair stays. Two things are ours: a
candidate that tells the answer is refused (``leak``), and a new rationale must carry
its answer as the first one had to (``weak``).

Rounds run over the whole table by half-steps, so that an endpoint stays busy; each
(question, round) is one row.

Example row::

    {"question_id": "3f2a…", "round": 2, "outcome": "reverted", "reason": "wrong",
     "candidate_prompt": "…", "candidate_rationale": "…", "prediction": ["A"], …}
"""

from dataclasses import dataclass

from psyche_kedro.llm.chat_model import ChatRequest, Outcome, Reply, Usage
from psyche_kedro.pipelines.synthesis.provenance import fault, made_by, written
from psyche_kedro.pipelines.synthesis.rationales.attempts import SCHEMA, Attempt
from psyche_kedro.pipelines.synthesis.rationales.leak import leaks, quotes_rationale
from psyche_kedro.prompts import Prompt, Words, render_question
from psyche_kedro.tables import Row

TASK = "refine_rationales"
FIRST = (
    "question_id",
    "rationale",
    "prediction",
    "model",
    "reply_key",
    "prompt_digest",
)
"""What round 0 takes of the right attempt."""


@dataclass(frozen=True, slots=True)
class State:
    """A question with the prompt and rationale that are current."""

    question: Row
    prompt: str
    rationale: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt that a round proposes, or why it is refused."""

    prompt: str | None
    refusal: str | None
    key: str
    """Reply that wrote it."""
    usage: Usage


def refinement_request(
    state: State, prompt: Prompt, round_: int, *, shows_rationale: bool
) -> ChatRequest:
    """Return the first half-step: write a better prompt for this question."""
    messages = prompt.render(
        current_prompt=state.prompt,
        question=render_question(state.question, prompt.words),
        rationale=state.rationale if shows_rationale else "",
    )
    return ChatRequest(messages, task=TASK, round=round_)


def read_candidate(state: State, outcome: Outcome, words: Words) -> Candidate:
    """Return the proposed prompt, refused where it is none or tells too much.

    Args:
        state: What it was asked for.
        outcome: What the model said.
        words: Of the prompt that asked for it.
    """
    if not isinstance(outcome, Reply):
        return Candidate(None, outcome.reason, outcome.key, Usage())
    text = outcome.text.strip()
    refusal = _refusal(state, outcome, words)
    return Candidate(text or None, refusal, outcome.key, outcome.usage)


def revision_request(
    state: State, candidate: Candidate, prompt: Prompt, round_: int
) -> ChatRequest:
    """Return the second half-step: answer the question with the candidate prompt."""
    messages = prompt.render(
        candidate_prompt=candidate.prompt,
        question=render_question(state.question, prompt.words),
    )
    return ChatRequest(messages, task=TASK, round=round_, schema=SCHEMA)


def advance(state: State, candidate: Candidate, attempt: Attempt) -> State:
    """Return the state after a round: the new pair if it is right, else the old."""
    if candidate.refusal or attempt.outcome != "right":
        return state
    return State(state.question, str(candidate.prompt), str(attempt.rationale))


def first_row(state: State, verified: Row) -> Row:
    """Return round 0: the verified first rationale and the prompt it came from.

    Args:
        state: The question with that rationale.
        verified: The columns ``FIRST`` of its right attempt.
    """
    return verified | _row(state, 0) | {"outcome": "verified"}


def refused_row(state: State, candidate: Candidate, round_: int) -> Row:
    """Return a round that ended before the question was asked."""
    return _row(state, round_) | {
        "candidate_prompt": candidate.prompt,
        "prediction": [],
        "outcome": "reverted",
        "reason": candidate.refusal,
        "refinement_key": candidate.key,
        "input_tokens": candidate.usage.input_tokens,
        "output_tokens": candidate.usage.output_tokens,
    }


def revised_row(  # noqa: PLR0913 - what a round consists of
    after: State,
    candidate: Candidate,
    attempt: Attempt,
    *,
    outcome: Outcome,
    prompt: Prompt,
    round_: int,
) -> Row:
    """Return a round whose question was asked with the candidate prompt."""
    right = attempt.outcome == "right"
    usage = outcome.usage if isinstance(outcome, Reply) else Usage()
    return (
        _row(after, round_)
        | made_by(outcome, prompt)
        | {
            "candidate_prompt": candidate.prompt,
            "candidate_rationale": attempt.rationale,
            "prediction": attempt.prediction,
            "outcome": "accepted" if right else "reverted",
            "reason": None if right else attempt.reason or attempt.outcome,
            "refinement_key": candidate.key,
            "input_tokens": candidate.usage.input_tokens + usage.input_tokens,
            "output_tokens": candidate.usage.output_tokens + usage.output_tokens,
        }
    )


def _refusal(state: State, reply: Reply, words: Words) -> str | None:
    text = written(reply)
    if text is None:
        return fault(reply)
    if leaks(text, state.question):
        return "leak"
    shown = render_question(state.question, words)
    if quotes_rationale(text, state.rationale, shown):
        return "quotes_rationale"
    return None


def _row(state: State, round_: int) -> Row:
    return {
        "question_id": state.question["question_id"],
        "round": round_,
        "prompt": state.prompt,
        "rationale": state.rationale,
    }
