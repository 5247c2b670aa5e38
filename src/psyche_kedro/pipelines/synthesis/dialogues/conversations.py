"""A conversation's parts: its opening, its replies, and the same with others put in."""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile

from psyche_kedro.prompts import SPEAKERS

Message = Mapping[str, str]

_LABEL = re.compile(rf"^\s*(?:{'|'.join(SPEAKERS.values())})\s*[:：]", re.MULTILINE)
_I = re.compile("[我俺咱]|本人")
_HE = re.compile("来访者|求助者|咨询者|当事人")


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


def spoken_by(role: str, text: str) -> str | None:
    """Return what ``text`` says without a label of ``role``; ``None`` if others speak.

    A model that is shown ``来访者：…`` may write the label too, or play both parts.
    """
    own = rf"\s*{SPEAKERS[role]}\s*[:：]\s*"
    said = re.sub(rf"\A{own}", "", text)
    return None if _LABEL.search(said) else said


def is_first_person(text: str, source: str) -> bool:
    """Return whether ``text`` speaks of its speaker as ``source`` does: as 我."""
    if _HE.search(text) and not _HE.search(source):
        return False
    return bool(_I.search(text)) or not _I.search(source)
