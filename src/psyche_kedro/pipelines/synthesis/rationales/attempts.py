"""One try at a question: what a reply that reasons and predicts is worth.

Section 2.2 keeps a rationale if its prediction equals the gold. Right by luck is caught
where it can be (ours): a rationale that argues for another option than it predicts,
that touches no option, or that is too short to reason is ``weak``, a failed attempt.

Example reply: ``{"rationale": "题目问……所以选B。", "prediction": "B"}``
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from psyche_kedro.answers import read_choice
from psyche_kedro.llm.chat_model import Outcome, Reply
from psyche_kedro.pipelines.synthesis.provenance import fault, first_object

Row = Mapping[str, Any]


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
    said = first_object(outcome)
    rationale = str(said.get("rationale") or "").strip()
    labels, texts = option_texts(question)
    choice = read_choice(_letters(said.get("prediction")), labels, texts=texts)
    prediction = sorted(choice.labels)
    if not rationale or not prediction:
        why = fault(outcome) if not said else _lacking(rationale)
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
    labels, texts = option_texts(question)
    quoted = any(text in rationale for text in texts.values())
    if not quoted and not any(label in rationale for label in labels):
        return "quotes_no_option"
    argued = read_choice(rationale, labels).labels
    if argued and argued != set(question["gold"]):
        return "argues_for_another"
    return None


def option_texts(question: Row) -> tuple[list[str], dict[str, str]]:
    """Return the labels of a question's options, and their texts by label."""
    texts = {option["label"]: option["text"] for option in question["options"]}
    return list(texts), texts


def _letters(prediction: Any) -> str:
    if isinstance(prediction, list | tuple):
        return "".join(map(str, prediction))
    return str(prediction or "")


def _lacking(rationale: str) -> str:
    return "no_prediction" if rationale else "no_rationale"
