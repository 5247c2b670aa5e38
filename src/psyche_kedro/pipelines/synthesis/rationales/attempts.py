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
Texts = Mapping[str, str]
"""Of a question's options, by label."""


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
    gold = frozenset(question["gold"])
    argued = _argued(rationale, texts, is_single=question["type"] == "single")
    # Where the wrong one is asked for, all others are called right.
    opposite = argued.rule == "verdicts" and argued.labels == texts.keys() - gold
    if argued.labels and argued.labels != gold and not opposite:
        return "argues_for_another"
    return None


_SENTENCE = re.compile(r"[^。！!；;\n]+")
_CONCLUDES = re.compile("所以|因此|因而|故[此选本答应]|综上|答案|结论")
_DENIES = re.compile("[不非错误]|排除|区分|除了")


def _argued(rationale: str, texts: Texts, *, is_single: bool) -> Choice:
    """Return what the last sentence concludes, else what the whole rationale does."""
    *_, last = rationale, *_SENTENCE.findall(rationale)
    if VERDICTS.keys() >= set(texts.values()):
        concluded = _judged(last, texts)
    else:
        concluded = _concluded(last, texts, is_single=is_single)
    return concluded if concluded.labels else _read(rationale, list(texts))


def _judged(sentence: str, texts: Texts) -> Choice:
    told = set(verdicts(sentence))
    said = (label for label, text in texts.items() if {VERDICTS[text]} == told)
    return Choice(frozenset(said), "verdict")


def _concluded(sentence: str, texts: Texts, *, is_single: bool) -> Choice:
    if not _CONCLUDES.search(sentence):
        return UNREAD
    # Of several right options a sentence may name one.
    in_words = is_single and not _DENIES.search(sentence)
    return _read(sentence, list(texts), texts if in_words else None)


def _read(text: str, labels: list[str], texts: Texts | None = None) -> Choice:
    said = read_choice(text, labels, texts=texts)
    # A、C、D都不是… begins like a reply that is one option, and is none.
    return UNREAD if said.rule == "leading" else said


def option_texts(question: Row) -> dict[str, str]:
    """Return the texts of a question's options by label."""
    return {option["label"]: option["text"] for option in question["options"]}


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
