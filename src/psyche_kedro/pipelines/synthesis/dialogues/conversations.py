"""A conversation's parts: its opening, its replies, and the same with others put in."""

from collections.abc import Mapping, Sequence
from itertools import takewhile

Message = Mapping[str, str]


def opening(messages: Sequence[Message]) -> list[Message]:
    """Return what the user says before the first reply."""
    return list(takewhile(lambda message: message["role"] == "user", messages))


def source_text(messages: Sequence[Message]) -> str:
    """Return all that the user says."""
    return "\n".join(m["content"] for m in messages if m["role"] == "user")


def with_opening(messages: Sequence[Message], text: str) -> list[Message]:
    """Return the conversation with ``text`` as the user's first words."""
    rest = messages[len(opening(messages)) :]
    return [{"role": "user", "content": text}, *rest]


def reply_positions(messages: Sequence[Message]) -> list[int]:
    """Return where the counsellor speaks."""
    return [i for i, message in enumerate(messages) if message["role"] == "assistant"]


def with_replies(
    messages: Sequence[Message], replies: Mapping[int, str]
) -> list[Message]:
    """Return the conversation with ``replies`` by position put in."""
    return [
        {**message, "content": replies.get(i, message["content"])}
        for i, message in enumerate(messages)
    ]
