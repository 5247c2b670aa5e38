"""The wire format: what a chat completion's request and its reply look like.

A reply is an answer with its reasoning kept apart and its tokens, or a fault of a kind.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_kedro.llm.chat_model import Message, Usage
from psyche_kedro.llm.engine import Answer, Call, Fault
from psyche_kedro.llm.openai.refusals import (
    kind_of_refusal,
    sentence_of,
    server_words,
)
from psyche_kedro.llm.pictures import count_picture_tokens
from psyche_kedro.text.halves import whole
from psyche_kedro.text.thoughts import part_thought
from psyche_kedro.text.tokens import CountTokens, estimate_from_characters

_BODY_KEPT: Final = 4_000
_BAD_REQUEST: Final = 400
_ERRORS: Final = range(_BAD_REQUEST, 600)
_THINKING: Final = frozenset({"thinking", "reasoning"})
_REVISION = re.compile(r"[-@:_](latest|v?\d[\w.@-]*)|@[\w.-]+")
_SLUG: Final = re.compile(r"[\w.:-]{1,40}(: [\w.-]{1,40})?", re.ASCII)
_NAME: Final = re.compile(r"[\w./:@+-]{1,80}", re.ASCII)
"""Of a model; what is none may quote the request."""
_MOST_TOKENS: Final = 2**31
_CALL: Final = re.compile("tool|function")
_ENDS: Final = {
    "content_filter": re.compile(
        "filter|safety|sensitive|refus|recitation|block|prohibit|spii|guardrail|moderat"
        "|violat|toxic|risk|unsafe"
    ),
    "truncated": re.compile("length|max|limit|window|truncat"),
    # Cut off by the server's own trouble, with whatever was written until then.
    "server_error": re.compile("error|abort|resource|cancel|timeout|time_out"),
    # A whole reply; what ends in any other way may be a part of one.
    "": re.compile("^(finish_reason_)?(stop|eos|end|complete|normal$)"),
}
"""What an end means, by the words in it; the first that is found counts."""


NO_COMPLETION: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What reading a body raises that is none."""


class _Said(NamedTuple):
    """What a completion says, read but not judged."""

    text: str
    reasoning: str
    finish_reason: str
    model: str
    usage: Usage | None
    """What the endpoint counted."""
    only_reasoning: bool
    """Whether the field for it holds all that was said."""


def read_completion(
    body: bytes,
    messages: Sequence[Message],
    *,
    names: Sequence[str] = (),
    count_tokens: CountTokens = estimate_from_characters,
) -> Answer | Fault:
    """Return the answer in ``body``, its reasoning kept apart, or the fault.

    Args:
        body: The endpoint's JSON, as it came.
        messages: What was asked, for an estimate where the endpoint counts no tokens.
        names: Models that may have answered; any, where it is empty.
        count_tokens: Makes that estimate.

    Returns:
        A fault of kind ``bad_body`` (not a completion), ``wrong_model`` (another one
        says it answered), ``truncated`` (the token limit cut it; what was said until
        then is its ``partial``), ``content_filter``, ``server_error`` (the server broke
        off), ``unknown_finish`` (it may be a part), ``only_reasoning`` (all of it
        stands in that field) or ``empty_reply``, with what it cost; or the kind of an
        error that was sent as a success.
    """
    kept = body[:_BODY_KEPT].decode(errors="replace")
    try:
        said = _said(_loaded(body))
    except NO_COMPLETION as error:
        words = server_words(body.decode(errors="replace"), messages)
        detail = f"The body is no chat completion ({type(error).__name__}){words}."
        return Fault(_kind_of_error(body, messages), detail, body=kept)
    usage = said.usage or _estimated(messages, said.text + said.reasoning, count_tokens)
    if names and said.model and not any(_is_model(said.model, name) for name in names):
        other = repr(said.model) if _NAME.fullmatch(said.model) else "another"
        detail = f"the endpoint says it is {other}"
        return Fault("wrong_model", detail, body=kept, usage=usage)
    answer = Answer(said.text, said.reasoning, said.finish_reason, usage)
    if reason := _unusable(said):
        partial = answer if reason == "truncated" else None
        return Fault(
            reason, _how(reason, said), body=kept, usage=usage, partial=partial
        )
    return answer


def _loaded(body: bytes) -> Any:
    """Return the JSON in ``body``; some gateways leave line breaks in its strings."""
    return json.loads(body, strict=False)


def _said(completion: Any) -> _Said:
    choices = completion["choices"]
    choice = choices[0] if choices else {}
    if not choices and sentence_of(completion):
        raise LookupError("an error")
    # Gemini sends an end alone; what has one of these is another form of completion.
    other = choice.keys() & {"delta", "text"}
    message = choice["message"] if other else choice.get("message") or {}
    text, reasoning = map(whole, _split_reasoning(message))
    return _Said(
        text,
        reasoning,
        finish_reason=whole(_end(choice)),
        model=str(completion.get("model") or ""),
        usage=_reported(completion.get("usage"), said=text + reasoning),
        only_reasoning=bool(reasoning) and not _text(message.get("content")),
    )


def _kind_of_error(body: bytes, messages: Sequence[Message]) -> str:
    """Return the kind of a body that is none, an error sent as HTTP 200 among them."""
    try:
        said = _loaded(body)
        error = said.get("error")
        if not error and not sentence_of(said):
            return "bad_body"
    except NO_COMPLETION:
        return "bad_body"
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and code in _ERRORS else _BAD_REQUEST
    kind = kind_of_refusal(status, body.decode(errors="replace"), messages)
    return "bad_body" if kind == "bad_request" else kind


def _text(content: str | Sequence[Any] | Mapping[str, Any] | None) -> str:
    """Return the text of a message; an image or a thought beside it has none."""
    if isinstance(content, str):
        return content
    parts = [content] if isinstance(content, Mapping) else content or ()
    return "".join(map(_text_of_part, parts))


def _text_of_part(part: Any) -> str:
    if isinstance(part, str):
        return part
    said = "" if part.get("type") in _THINKING else part.get("text")
    return said if isinstance(said, str) else ""


def _is_model(said: str, name: str) -> bool:
    """Return whether ``said`` is ``name``, perhaps with its date or without its owner.

    ``gpt-4o-2024-08-06`` answers for ``gpt-4o``, ``gpt-4o-mini`` does not. What stands
    behind ``@`` is a revision: transformers' own server says ``name@main``.
    """
    said, name = (text.rstrip("/").rsplit("/", 1)[-1].lower() for text in (said, name))
    return said == name or (
        said.startswith(name) and bool(_REVISION.fullmatch(said[len(name) :]))
    )


def _end(choice: Mapping[str, Any]) -> str:
    """Return how a reply ended; SGLang's own form is an object with a type."""
    finish_reason = "error" if choice.get("error") else choice.get("finish_reason")
    if isinstance(finish_reason, Mapping):
        finish_reason = finish_reason.get("type")
    return str(finish_reason or "stop")


def _how(reason: str, said: _Said) -> str:
    if reason == "only_reasoning":
        return (
            "all text is in the reasoning field: start the server without its reasoning"
            " parser, or let the model think"
        )
    end = said.finish_reason
    return f"finish_reason={end if _SLUG.fullmatch(end) else 'no word'}"


def _unusable(said: _Said) -> str:
    end = said.finish_reason.lower().partition(":")[0]  # Gemini adds its cause
    meant = [reason for reason, words in _ENDS.items() if words.search(end)]
    reason = "unknown_finish" if _CALL.search(end) or not meant else meant[0]
    if reason not in ("", "unknown_finish"):
        return reason
    if not said.text:
        return "only_reasoning" if said.only_reasoning else "empty_reply"
    return reason


def _split_reasoning(message: Mapping[str, Any]) -> tuple[str, str]:
    """Return answer and reasoning: from a field of its own, from the text, or both.

    A model that declines in the field made for it has said so in words.
    """
    text = _text(message.get("content")) or _text(message.get("refusal"))
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    reasoning = _text(reasoning) if isinstance(reasoning, str | list) else ""
    parted = part_thought(text)
    thoughts = dict.fromkeys((reasoning.strip(), parted.thought))
    return parted.answer.strip(), "\n\n".join(filter(None, thoughts))


def _reported(usage: Any, *, said: str) -> Usage | None:
    """Return what the endpoint counted; nothing where it says no two numbers.

    Some gateways fill in zeros, with which no budget would ever be spent.
    """
    try:
        given, made = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
    except (LookupError, TypeError, ValueError, OverflowError):
        return None
    least = 1 if said else 0
    believable = 0 < given < _MOST_TOKENS and least <= made < _MOST_TOKENS
    return Usage(given, made) if believable else None


def _estimated(messages: Sequence[Message], made: str, count: CountTokens) -> Usage:
    return Usage(count_prompt(messages, count), count(made), estimated=True)


def count_prompt(messages: Sequence[Message], count: CountTokens) -> int:
    """Return about how many tokens ``messages`` make, pictures included."""
    words = count("".join(_text(message["content"]) for message in messages))
    return words + sum(map(count_picture_tokens, messages))


def wire_body(model: str, call: Call) -> dict[str, Any]:
    """Return the JSON body of one chat-completions request.

    ``seed`` goes out only where there is something to tell apart, a purpose or the
    user's own seed: some endpoints refuse the field.
    """
    body = {"model": model, "messages": call.request.messages, **call.sampling}
    if call.request.seed:
        body["seed"] = call.sampling.get("seed", 0) + call.request.seed
    return body
