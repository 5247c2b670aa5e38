"""A conversation's parts: its opening, its replies, and the same with others put in."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from psyche_kedro.prompts import Words

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


def spoken_by(role: str, text: str, words: Words) -> str | None:
    """Return what ``text`` says without a label of ``role``; ``None`` if others speak.

    A model that is shown ``来访者：…`` may write the label too, or play both parts.
    """
    said = re.sub(rf"\A{_label(words.speakers[role])}\s*", "", text)
    return None if re.search(_any_label(words), said, re.MULTILINE) else said


def is_first_person(text: str, source: str, words: Words) -> bool:
    """Return whether ``text`` speaks of its speaker as ``source`` does: as 我."""
    if _says(words.third_person, text) and not _says(words.third_person, source):
        return False
    return _says(words.first_person, text) or not _says(words.first_person, source)


def _any_label(words: Words) -> str:
    return f"^(?:{'|'.join(map(_label, words.speakers.values()))})"


def _label(shown: str) -> str:
    """Return the pattern of what stands before a turn, whatever its colon."""
    return rf"\s*{re.escape(shown.strip(' :：'))}\s*[:：]"


def _says(persons: Iterable[str], text: str) -> bool:
    # A Latin word ends where its letters do; a Chinese one has no such edge.
    edge = {word: r"\b" if word.isascii() else "" for word in persons}
    said = "|".join(f"{e}{re.escape(word)}{e}" for word, e in edge.items())
    return re.search(said, text, re.IGNORECASE) is not None
