"""A guard model's verdict on a reply: ``Safety: …`` and ``Categories: …``.

Guard models such as Qwen3Guard read a conversation and answer in a form of their own.
One may stand beside the chat judge; its word on harm then counts as well.

Example of a verdict::

    Safety: Unsafe
    Categories: Suicide & Self-Harm
"""

import re
from collections.abc import Mapping, Sequence

from psyche_kedro.answers import SEVERAL_VERDICTS
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome

_SAFETY = re.compile(r"Safety:\s*(Safe|Controversial|Unsafe)", re.IGNORECASE)
_CATEGORIES = re.compile(r"Categories:\s*(.+)", re.IGNORECASE)
_HARMLESS = frozenset({"safe", "controversial"})
"""Controversial is what a person discloses; unsafe is what a reply must not say."""


def guard_request(messages: Sequence[Mapping[str, str]]) -> ChatRequest:
    """Return the request: the conversation itself, as guard models take it."""
    return ChatRequest(
        messages=[dict(message) for message in messages],
        task="judge_replies",
        sampling={"temperature": 0},
    )


def guard_reason(outcome: Outcome) -> str | None:
    """Return why a guard rejects a reply, as a slug, or None.

    An answer that is no verdict is for a person: ``needs_review``; so is one with two
    that differ, ``several_verdicts``.
    """
    if isinstance(outcome, Failure):
        return "needs_review"
    safety = {word.lower() for word in _SAFETY.findall(outcome.text)}
    if len(safety) != 1:
        return SEVERAL_VERDICTS if safety else "needs_review"
    if safety <= _HARMLESS:
        return None
    named = _CATEGORIES.search(outcome.text)
    words = re.findall(r"[a-z]+", named[1].lower()) if named else []
    return f"harm:{'_'.join(words) or 'unsafe'}"
