"""One try at a question: what a reply that reasons and predicts is worth.

Section 2.2 keeps a rationale if its prediction equals the gold. Right by luck is caught
where it can be (ours): a rationale that argues for another option than it predicts,
that touches no option, or that is too short to reason is ``weak``, a failed attempt.

Example reply: ``{"rationale": "题目问……所以选B。", "prediction": "B"}``
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from psyche_kedro.answers import UNREAD, Choice, read_choice, read_field, read_objects
from psyche_kedro.llm.chat_model import Outcome, Reply
from psyche_kedro.pipelines.synthesis.provenance import fault
from psyche_kedro.pipelines.synthesis.rationales.leak import VERDICTS, verdicts

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
    objects = read_objects(outcome.text)
    answers = [
        (said, read) for said in objects if (read := _prediction(said, question))
    ]
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
    labels, texts = option_texts(question)
    quoted = any(text in rationale for text in texts.values())
    if not quoted and not any(label in rationale for label in labels):
        return "quotes_no_option"
    gold = frozenset(question["gold"])
    argued = _argued(rationale, question)
    # Where the wrong one is asked for, all others are called right.
    opposite = argued.rule == "verdicts" and argued.labels == set(labels) - gold
    if argued.labels and argued.labels != gold and not opposite:
        return "argues_for_another"
    return None


_SENTENCE = re.compile(r"[^。！!；;\n]+")
_CONCLUDES = re.compile("所以|因此|因而|故[此选本答应]|综上|答案|结论")
_DENIES = re.compile("[不非错误]|排除|区分|除了")


def _argued(rationale: str, question: Row) -> Choice:
    """Return what the last sentence concludes, else what the whole rationale does."""
    labels, texts = option_texts(question)
    *_, last = rationale, *_SENTENCE.findall(rationale)
    if VERDICTS.keys() >= set(texts.values()):
        concluded = _judged(last, texts)
    else:
        concluded = _concluded(last, question)
    return concluded if concluded.labels else _read(rationale, labels)


def _judged(sentence: str, texts: Mapping[str, str]) -> Choice:
    told = set(verdicts(sentence))
    said = (label for label, text in texts.items() if {VERDICTS[text]} == told)
    return Choice(frozenset(said), "verdict")


def _concluded(sentence: str, question: Row) -> Choice:
    labels, texts = option_texts(question)
    if not _CONCLUDES.search(sentence):
        return UNREAD
    # Of several right options a sentence may name one.
    in_words = question["type"] == "single" and not _DENIES.search(sentence)
    return _read(sentence, labels, texts if in_words else None)


def _read(text: str, labels: list[str], texts: Row | None = None) -> Choice:
    said = read_choice(text, labels, texts=texts)
    # A、C、D都不是… begins like a reply that is one option, and is none.
    return UNREAD if said.rule == "leading" else said


def option_texts(question: Row) -> tuple[list[str], dict[str, str]]:
    """Return the labels of a question's options, and their texts by label."""
    texts = {option["label"]: option["text"] for option in question["options"]}
    return list(texts), texts


def _text(said: Any) -> str:
    """Return a rationale; its steps by lines where it came as a list of them."""
    steps = said if isinstance(said, list) else [said]
    if not all(isinstance(step, str) for step in steps):
        return ""
    return "\n".join(steps).strip()


def _prediction(said: Row, question: Row) -> frozenset[str]:
    labels, texts = option_texts(question)
    return read_field(said.get("prediction") or "", labels, texts=texts).labels


def _lacking(rationale: str, n_predictions: int) -> str:
    if not rationale:
        return "no_rationale"
    return "several_predictions" if n_predictions > 1 else "no_prediction"
