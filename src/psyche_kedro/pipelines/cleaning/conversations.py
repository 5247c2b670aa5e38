"""Conversations on their way from raw posts to text that may be kept."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    check_no_contacts,
    mask_conversation,
)
from psyche_kedro.pipelines.cleaning.parameters import PolicyRule, PostParameters
from psyche_kedro.pipelines.cleaning.safety import matched_rules
from psyche_kedro.pipelines.cleaning.text.emoticons import (
    strip_emoticons,
    strip_western_faces,
)
from psyche_kedro.pipelines.cleaning.text.normalise import normalise

Message = dict[str, str]
Row = dict[str, Any]


def normal_messages(messages: Sequence[Mapping[str, str]]) -> list[Message]:
    """Return the messages in normal form, without those that are empty."""
    normal = [{**m, "content": normalise(m["content"])} for m in messages]
    return [message for message in normal if message["content"]]


def is_complete(messages: Sequence[Mapping[str, str]]) -> bool:
    """Return whether someone asks and someone answers."""
    return {"user", "assistant"} <= {message["role"] for message in messages}


def clean_text(text: str) -> str:
    """Return a post in normal form, without links, emojis and kaomoji."""
    text = normalise(strip_western_faces(text))
    while (shorter := strip_emoticons(text)) != text:
        text = normalise(shorter)
    return text


def masked_messages(
    messages: Sequence[Mapping[str, str]], hotlines: frozenset[str]
) -> list[Message]:
    """Return a conversation without faces, links, names, places and contacts."""
    clean = [{**m, "content": clean_text(m["content"])} for m in messages]
    clean = [message for message in clean if message["content"]]
    texts = mask_conversation([m["content"] for m in clean], hotlines)
    return [{**m, "content": text} for m, text in zip(clean, texts, strict=True)]


class PostCleaner:
    """Cleans one candidate conversation at a time."""

    def __init__(self, params: PostParameters, policy: Sequence[PolicyRule]) -> None:
        self.hotlines = frozenset(params.hotlines)
        self._max_chars = params.max_chars
        self._policy = policy

    def clean(self, row: Mapping[str, Any]) -> tuple[Row, str | None]:
        """Return the row as ``CleanPosts`` has it, and why it is rejected, or None."""
        masked = masked_messages(row["messages"], self.hotlines)
        if reason := self._reason(masked, row["kind"]):
            return {}, reason
        clean = {"messages": masked, "deid_level": "rules_only", **self._risk(masked)}
        return {**row, **clean}, None

    def _risk(self, messages: Sequence[Message]) -> Row:
        crises = list(matched_rules(messages, self._policy, "keep_as_crisis"))
        others = list(matched_rules(messages, self._policy, "keep_and_tag"))
        return {
            "risk": "crisis" if crises else "none",
            "risk_categories": crises + others,
        }

    def _reason(self, messages: Sequence[Message], kind: str) -> str | None:
        if not _has_post(messages, kind):
            return "no_post"
        if not is_complete(messages):
            return "no_reply"
        if sum(len(message["content"]) for message in messages) > self._max_chars:
            return "too_long"
        return next(matched_rules(messages, self._policy, "drop_row"), None)


def _has_post(messages: Sequence[Message], kind: str) -> bool:
    """Return whether someone asks; a counsellor may open a dialogue with a greeting."""
    askers = messages if kind == "dialogue" else messages[:1]
    return any(message["role"] == "user" for message in askers)


def check(rows: Iterable[Row], key: str, hotlines: frozenset[str]) -> None:
    """Stop the run if a contact is left in rows that are about to be saved.

    Args:
        rows: With ``messages``.
        key: The column that names a row.
        hotlines: Digits of crisis and emergency numbers.

    Raises:
        LeakError: Naming the row and the kind.
    """
    check_no_contacts(
        ((row[key], m["content"]) for row in rows for m in row["messages"]),
        hotlines,
    )
