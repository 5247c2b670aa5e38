"""Whether a candidate prompt whispers the answer of the question it is for.

Refinement writes a prompt for one question, with a verified rationale in view; the next
request asks the same question with that prompt. If the prompt tells the answer, a right
prediction proves nothing.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from psyche_kedro.answers import read_choice
from psyche_kedro.prompts import render_question

QUOTE = 16  # ours: characters in a row shared with the rationale are no coincidence

_SPACE = re.compile(r"\s+")


def leaks(candidate: str, question: Mapping[str, Any]) -> bool:
    """Return whether ``candidate`` tells the answer.

    It does when ``answers.py``, reading it as if it were a reply, finds any answer, or
    when it names a gold option's text outside a verbatim copy of the option list.

    Args:
        candidate: The prompt.
        question: A row with ``options`` and ``gold``.
    """
    labels = [option["label"] for option in question["options"]]
    if read_choice(candidate, labels).labels:
        return True
    rest = _plain(candidate).replace(_plain(_option_list(question)), "")
    gold = (o["text"] for o in question["options"] if o["label"] in question["gold"])
    return any(_plain(text) in rest for text in gold)


def quotes_rationale(
    candidate: str, rationale: str, question: Mapping[str, Any]
) -> bool:
    """Return whether ``candidate`` copies a stretch of the rationale.

    A request that asks for an answer must not carry an analysis of its item. What the
    question itself says may be repeated.
    """
    known = _stretches(_plain(render_question(question)))
    copied = _stretches(_plain(rationale)) & _stretches(_plain(candidate))
    return bool(copied - known)


def _option_list(question: Mapping[str, Any]) -> str:
    return "\n".join(f"{o['label']}. {o['text']}" for o in question["options"])


def _plain(text: str) -> str:
    return _SPACE.sub("", unicodedata.normalize("NFKC", text))


def _stretches(text: str) -> set[str]:
    return {text[i : i + QUOTE] for i in range(len(text) - QUOTE + 1)}
