"""How far the screen agrees with people: a screen nobody measured is a coin.

Example label::

    {"stem": "由下图可以看出，实验组的反应时（ ）。", "options": ["变长", "变短"],
     "verdict": "unreasonable", "kind": "incomplete"}
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.llm.chat_model import ChatModel
from psyche_kedro.pipelines.synthesis.questions.screening import (
    REASONABLE,
    UNREASONABLE,
    read_verdict,
    render_examples,
    screening_request,
)
from psyche_kedro.prompts import Prompt
from psyche_kedro.questions import read_options
from psyche_kedro.review.krippendorff import krippendorff_alpha


class Agreement(NamedTuple):
    """What the judge made of labelled questions."""

    n: int
    right: int
    unread: int
    """Verdicts that could not be read; they count as wrong."""
    kept_good: float
    """Share of the reasonable questions that pass."""
    caught_bad: float
    """Share of the unreasonable questions that do not."""
    alpha: float | None
    """Krippendorff's, of label and verdict; 0 is chance."""
    caught_by_kind: dict[str, tuple[int, int]]
    """Caught and all of each kind of unreasonable question."""


def labelled_question(label: Mapping[str, Any]) -> dict[str, Any]:
    """Return a label as a question that a prompt can show."""
    return {
        "type": label.get("type", "single"),
        "case_text": label.get("case_text"),
        "stem": label["stem"],
        "options": read_options(label["options"]),
    }


def measure_agreement(
    labels: Sequence[Mapping[str, Any]],
    *,
    prompt: Prompt,
    examples: Sequence[Mapping[str, str]],
    judge: ChatModel,
) -> Agreement:
    """Return how the judge's verdicts compare with the labels.

    Args:
        labels: Questions with ``verdict`` and, for a bad one, ``kind``.
        prompt: ``screening``.
        examples: Few-shot examples, as in the run.
        judge: Model that screens.

    Raises:
        ConfigurationError: If a label has another verdict than those two.
    """
    for label in labels:
        if label["verdict"] not in (REASONABLE, UNREASONABLE):
            raise ConfigurationError(
                f"A label has the verdict '{label['verdict']}': write"
                f" {REASONABLE} or {UNREASONABLE}."
            )
    shown = render_examples(examples, prompt.words)
    outcomes = judge.complete(
        screening_request(labelled_question(label), prompt, shown) for label in labels
    )
    said = [read_verdict(outcome, prompt.words).verdict for outcome in outcomes]
    pairs = [(label["verdict"], word) for label, word in zip(labels, said, strict=True)]
    kinds: dict[str, list[bool]] = defaultdict(list)
    for label, word in zip(labels, said, strict=True):
        if label["verdict"] == UNREASONABLE:
            kinds[label.get("kind", "other")].append(word == UNREASONABLE)
    return Agreement(
        n=len(pairs),
        right=sum(expected == word for expected, word in pairs),
        unread=said.count(None),
        kept_good=_share(pairs, REASONABLE),
        caught_bad=_share(pairs, UNREASONABLE),
        alpha=krippendorff_alpha([e, word or "unread"] for e, word in pairs),
        caught_by_kind={kind: (sum(hits), len(hits)) for kind, hits in kinds.items()},
    )


def _share(pairs: Sequence[tuple[str, str | None]], expected: str) -> float:
    """Return the share of the questions labelled ``expected`` that are called so."""
    said = [word for label, word in pairs if label == expected]
    return said.count(expected) / len(said) if said else 0.0
