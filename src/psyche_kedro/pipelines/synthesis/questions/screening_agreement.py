"""How far the screen agrees with people: a screen nobody measured is a coin.

Example label::

    {"stem": "由下图可以看出，实验组的反应时（ ）。", "options": ["变长", "变短"],
     "verdict": "unreasonable", "kind": "incomplete"}
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

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


class _Label(BaseModel):
    stem: str
    options: list[str]
    verdict: Literal["reasonable", "unreasonable"]
    kind: str = "other"


_LABELS = TypeAdapter(Annotated[list[_Label], Field(min_length=1)])


def read_labels(path: Path) -> list[dict[str, Any]]:
    """Return the labels in a YAML file.

    Raises:
        ConfigurationError: If it is none, or a label lacks something.
    """
    try:
        labels = yaml.safe_load(path.read_text(encoding="utf-8"))
        _LABELS.validate_python(labels)
    except ValidationError as error:
        first = error.errors()[0]
        place = " at " + ".".join(map(str, first["loc"])) if first["loc"] else ""
        fault = f"{first['msg']}{place}"
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        fault = f"it is no YAML in UTF-8: {type(error).__name__}"
    else:
        return list(labels)
    raise ConfigurationError(
        f"The labels in {path} cannot be read ({fault}): write a list of questions,"
        f" each with stem, options and the verdict {REASONABLE} or {UNREASONABLE}."
    )


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
    """
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
