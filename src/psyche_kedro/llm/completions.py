"""Reads the body of a chat completion: answer, reasoning, tokens, or the fault."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from psyche_kedro.llm.chat_model import Message, Usage
from psyche_kedro.llm.engine import Answer, Fault

CHARACTERS_PER_TOKEN: Final = 1.6
"""For an estimate where no usage came: Qwen2.5 makes 1 token of 1.5-1.8 Chinese
characters; English runs to about 4, so an estimate errs on the dear side."""

_BODY_KEPT: Final = 4_000
_THINKING = re.compile(r"\A\s*(?:<think>)?(.*?)</think>\s*", re.DOTALL)


def read_completion(body: bytes, messages: Sequence[Message]) -> Answer | Fault:
    """Return the answer in ``body``, its reasoning kept apart, or the fault.

    Args:
        body: The endpoint's JSON, as it came.
        messages: What was asked, for an estimate where the endpoint counts no tokens.

    Returns:
        A fault of kind ``bad_body`` (not a completion), ``truncated`` (the token limit
        cut it), ``content_filter`` or ``empty_reply``.
    """
    kept = body[:_BODY_KEPT].decode(errors="replace")
    try:
        completion = json.loads(body)
        choices = completion["choices"]
        message = choices[0]["message"] if choices else {}
        finish_reason = (choices[0].get("finish_reason") if choices else "") or "stop"
        text, reasoning = _split_reasoning(message)
        usage = _usage(completion.get("usage"), messages, text + reasoning)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        detail = f"The body is no chat completion ({type(error).__name__})."
        return Fault("bad_body", detail, body=kept)
    if reason := _unusable(finish_reason, text):
        return Fault(reason, f"finish_reason={finish_reason}", body=kept)
    return Answer(text, reasoning, finish_reason, usage)


def _unusable(finish_reason: str, text: str) -> str:
    if finish_reason == "length":
        return "truncated"
    if finish_reason == "content_filter":
        return "content_filter"
    return "" if text else "empty_reply"


def _split_reasoning(message: Mapping[str, Any]) -> tuple[str, str]:
    """Return answer and reasoning: a field of its own, or ``<think>`` in the text.

    Chat templates that open ``<think>`` themselves leave only the closing tag in the
    text, so the opening one may be missing.
    """
    text = message.get("content") or ""
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    if not reasoning and (match := _THINKING.match(text)):
        return text[match.end() :].strip(), match.group(1).strip()
    if not reasoning and text.lstrip().startswith("<think>"):
        return "", text.lstrip().removeprefix("<think>").strip()
    return text.strip(), reasoning.strip()


def _usage(
    reported: Mapping[str, Any] | None, messages: Sequence[Message], made: str
) -> Usage:
    if reported and reported.get("prompt_tokens") is not None:
        return Usage(
            int(reported["prompt_tokens"]), int(reported.get("completion_tokens") or 0)
        )
    return Usage(
        estimate_tokens("".join(message["content"] for message in messages)),
        estimate_tokens(made),
        estimated=True,
    )


def estimate_tokens(text: str) -> int:
    """Return about how many tokens ``text`` makes, at 1.6 characters each."""
    return round(len(text) / CHARACTERS_PER_TOKEN)
