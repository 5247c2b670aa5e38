"""What every row that a model wrote, or lost, says about where it comes from."""

from typing import Any

from psyche_kedro.answers import read_objects
from psyche_kedro.llm.chat_model import Outcome, Reply
from psyche_kedro.prompts import Prompt

NO_CALL: dict[str, None] = {"model": None, "reply_key": None, "prompt_digest": None}
"""Provenance of a row that needed no model."""


def made_by(outcome: Outcome, prompt: Prompt) -> dict[str, str]:
    """Return the provenance columns of a row that ``outcome`` became."""
    return {
        "model": outcome.model,
        "reply_key": outcome.key,
        "prompt_digest": prompt.digest,
    }


def first_object(outcome: Outcome) -> dict[str, Any]:
    """Return the first JSON object of a reply; empty where there is none."""
    if not isinstance(outcome, Reply):
        return {}
    objects = read_objects(outcome.text)
    return objects[0] if objects else {}


def fault(outcome: Outcome) -> str:
    """Return why an outcome gave nothing to use, as a slug."""
    if not isinstance(outcome, Reply):
        return outcome.reason
    if outcome.finish_reason == "length":
        return "truncated_reply"
    return "unreadable_reply" if outcome.text.strip() else "empty_reply"


def rejection(
    row_id: str,
    stage: str,
    reason: str,
    *,
    source: str | None = None,
    detail: str | None = None,
) -> dict[str, str | None]:
    """Return a row of ``Rejections``; ``detail`` never quotes a post or dialogue."""
    return {
        "row_id": row_id,
        "source": source,
        "stage": stage,
        "reason": reason,
        "detail": detail,
    }
