"""One try at a question: what a reply that reasons and predicts is worth.

§2.2 keeps a rationale if its prediction equals the gold. Right by luck is caught
where it can be (ours): a rationale that argues for another option than it predicts,
that touches no option, or that is too short to reason is ``weak``, a failed attempt.

Example reply: ``{"rationale": "题目问……所以选B。", "prediction": "B"}``
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from psyche_kedro.answers import Choice, read_field, read_filled
from psyche_kedro.llm.chat_model import Outcome, Reply
from psyche_kedro.llm.schemas import TEXT, an_object
from psyche_kedro.pipelines.synthesis.provenance import fault
from psyche_kedro.pipelines.synthesis.rationales.conclusions import (
    CLAIMED,
    Texts,
    conclusion_of,
)
from psyche_kedro.questions import option_texts

Row = Mapping[str, Any]


SCHEMA = an_object(rationale=TEXT, prediction=TEXT)


class Attempt(NamedTuple):
    """A rationale, what it predicts, and what becomes of it."""

    rationale: str | None
    prediction: list[str]
    """Labels, sorted; empty where none could be read."""
    outcome: str
    """``right``, ``wrong``, ``unread``, ``weak`` or ``failed``."""
    reason: str | None


def read_attempt(question: Row, outcome: Outcome, *, min_characters: int) -> Attempt:
    """Return what ``outcome`` says about ``question``, judged against its gold.

    Args:
        question: A row with ``options`` and ``gold``.
        outcome: What the model said.
        min_characters: A shorter rationale is ``weak``.
    """
    if not isinstance(outcome, Reply):
        return Attempt(None, [], "failed", outcome.reason)
    objects = read_filled(outcome.text)
    texts = option_texts(question)
    answers = [(said, read) for said in objects if (read := _prediction(said, texts))]
    predictions = {read for _, read in answers}
    prediction = sorted(answers[0][1]) if len(predictions) == 1 else []
    said = answers[0][0] if answers else next(iter(objects), {})
    rationale = _text(said.get("rationale"))
    if not rationale or not prediction:
        why = _lacking(rationale, len(predictions)) if objects else fault(outcome)
        return Attempt(rationale or None, prediction, "unread", why)
    if prediction != sorted(question["gold"]):
        return Attempt(rationale, prediction, "wrong", None)
    weakness = weakness_of(rationale, question, min_characters=min_characters)
    outcome_name = "weak" if weakness else "right"
    return Attempt(rationale, prediction, outcome_name, weakness)


def weakness_of(rationale: str, question: Row, *, min_characters: int) -> str | None:
    """Return why a rationale with the right prediction does not carry it, if so."""
    if len(rationale) < min_characters:
        return "too_short"
    texts = option_texts(question)
    if not any(said in rationale for said in (*texts.values(), *texts)):
        return "quotes_no_option"
    conclusion = conclusion_of(rationale, question)
    gold = frozenset(question["gold"])
    return "argues_for_another" if _is_against(conclusion, gold, texts) else None


def _is_against(conclusion: Choice, gold: frozenset[str], texts: Texts) -> bool:
    if conclusion.rule == CLAIMED:
        return not conclusion.labels <= gold
    # Where the wrong one is asked for, all others are called right.
    opposite = texts.keys() - gold if conclusion.rule == "verdicts" else gold
    return conclusion.labels not in (frozenset(), gold, opposite)


def _text(said: Any) -> str:
    """Return a rationale; its steps by lines where it came as a list of them."""
    steps = said if isinstance(said, list) else [said]
    if not all(isinstance(step, str) for step in steps):
        return ""
    return "\n".join(steps).strip()


def _prediction(said: Row, texts: Texts) -> frozenset[str]:
    return read_field(said.get("prediction") or "", list(texts), texts=texts).labels


def _lacking(rationale: str, n_predictions: int) -> str:
    if not rationale:
        return "no_rationale"
    return "several_predictions" if n_predictions > 1 else "no_prediction"
