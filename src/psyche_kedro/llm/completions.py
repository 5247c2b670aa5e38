"""The wire format: what a chat completion's request and its reply look like.

A reply is an answer with its reasoning kept apart and its tokens, or a fault of a kind.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from psyche_kedro.llm.chat_model import Message, Usage
from psyche_kedro.llm.engine import Answer, Call, Fault

CHARACTERS_PER_TOKEN: Final = 1.6
"""For an estimate where no usage came: Qwen2.5 makes 1 token of 1.5-1.8 Chinese
characters; English runs to about 4, so an estimate errs on the dear side."""

_BODY_KEPT: Final = 4_000
_SERVER_ERROR: Final = 500
_CONTEXT = re.compile(r"context.{0,3}(length|window)|max_model_len|too long", re.I)
_FILTER = re.compile(r"content_filter|data_inspection|content management policy", re.I)
_REVISION = re.compile(r"[-@:_](latest|v?\d[\w.@-]*)")
_THINKING = re.compile(r"\A\s*(?:<think>)?(.*?)</think>\s*", re.DOTALL)


def read_completion(
    body: bytes, messages: Sequence[Message], *, names: Sequence[str] = ()
) -> Answer | Fault:
    """Return the answer in ``body``, its reasoning kept apart, or the fault.

    Args:
        body: The endpoint's JSON, as it came.
        messages: What was asked, for an estimate where the endpoint counts no tokens.
        names: Models that may have answered; any, where it is empty.

    Returns:
        A fault of kind ``bad_body`` (not a completion), ``wrong_model`` (another one
        says it answered), ``truncated`` (the token limit cut it), ``content_filter`` or
        ``empty_reply``.
    """
    kept = body[:_BODY_KEPT].decode(errors="replace")
    try:
        completion = json.loads(body)
        choices = completion["choices"]
        message = choices[0]["message"] if choices else {}
        finish_reason = (choices[0].get("finish_reason") if choices else "") or "stop"
        text, reasoning = _split_reasoning(message)
        usage = _usage(completion.get("usage"), messages, text + reasoning)
        said = completion.get("model") or ""
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        detail = f"The body is no chat completion ({type(error).__name__})."
        return Fault("bad_body", detail, body=kept)
    if names and said and not any(_is_model(said, name) for name in names):
        return Fault("wrong_model", f"the endpoint says it is {said!r}", body=kept)
    if reason := _unusable(finish_reason, text):
        return Fault(reason, f"finish_reason={finish_reason}", body=kept)
    return Answer(text, reasoning, finish_reason, usage)


def _is_model(said: str, name: str) -> bool:
    """Return whether ``said`` is ``name``, perhaps with its date or without its owner.

    ``gpt-4o-2024-08-06`` answers for ``gpt-4o``, ``gpt-4o-mini`` does not.
    """
    said, name = (text.rstrip("/").rsplit("/", 1)[-1].lower() for text in (said, name))
    return said == name or (
        said.startswith(name) and bool(_REVISION.fullmatch(said[len(name) :]))
    )


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
        estimate_tokens(sum(len(message["content"]) for message in messages)),
        estimate_tokens(len(made)),
        estimated=True,
    )


def estimate_tokens(characters: int) -> int:
    """Return about how many tokens that many characters make, at 1.6 each."""
    return round(characters / CHARACTERS_PER_TOKEN)


def wire_body(model: str, call: Call) -> dict[str, Any]:
    """Return the JSON body of one chat-completions request.

    ``seed`` goes out only where there is something to tell apart, a purpose or the
    user's own seed: some endpoints refuse the field.
    """
    body = {"model": model, "messages": call.request.messages, **call.sampling}
    if call.request.seed:
        body["seed"] = call.sampling.get("seed", 0) + call.request.seed
    return body


def kind_of_refusal(status: int, said: str) -> str:
    """Return the kind of fault that an HTTP error is.

    Args:
        status: HTTP status, 0 where there was none.
        said: Code and body of the error.
    """
    known = {408: "timeout", 409: "server_error", 429: "rate_limited"}
    if status in known:
        return known[status]
    if status >= _SERVER_ERROR or not status:
        return "server_error"
    if _CONTEXT.search(said):
        return "context_length"
    return "content_filter" if _FILTER.search(said) else "bad_request"
