"""Conversations on their way from raw posts to text that may be kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    check_no_contacts,
    deid_level,
    mask_conversation,
    mask_disguised,
    may_hold_contact,
)
from psyche_kedro.pipelines.cleaning.deidentification.tagged_names import (
    Persons,
    count_disputes,
    tag_clauses,
)
from psyche_kedro.pipelines.cleaning.parameters import PolicyRule, PostParameters
from psyche_kedro.pipelines.cleaning.safety import matched_rules
from psyche_kedro.pipelines.cleaning.text.emoticons import (
    may_hold_face,
    strip_emoticons,
    strip_western_faces,
)
from psyche_kedro.pipelines.cleaning.text.normalise import normalise
from psyche_kedro.text.markup_left import holds_markup
from psyche_kedro.text.taggers import Tagger

Message = dict[str, str]
Row = dict[str, Any]


def normal_messages(messages: Sequence[Mapping[str, str]]) -> list[Message]:
    """Return the messages in normal form, without those that are empty."""
    normal = [{**m, "content": normalise(m["content"])} for m in messages]
    return [message for message in normal if message["content"]]


FACE_UNCLEAR = "face_unclear"
"""Why a row is rejected in which two signs may be a face or a figure."""
MARKUP_LEFT = "markup_left"
"""Why a row is rejected in which a page's tags still stand."""
CONTACT_LEFT = "contact_left"
"""Why a row is rejected in which a contact may still stand."""


def holds_contact(
    messages: Sequence[Mapping[str, str]], hotlines: frozenset[str]
) -> bool:
    """Return whether a masked conversation looks as if it held a contact."""
    return any(may_hold_contact(message["content"], hotlines) for message in messages)


def is_complete(messages: Sequence[Mapping[str, str]]) -> bool:
    """Return whether someone asks and someone answers."""
    return {"user", "assistant"} <= {message["role"] for message in messages}


def clean_text(text: str) -> str:
    """Return a post in normal form, without links, emojis and kaomoji."""
    text = normalise(strip_western_faces(text))
    while (shorter := strip_emoticons(strip_western_faces(text))) != text:
        text = normalise(shorter)
    return text


def clean_messages(
    messages: Sequence[Mapping[str, str]], hotlines: frozenset[str]
) -> list[Message]:
    """Return the messages in normal form without faces and links, and no empty one.

    Contacts go first: an emoji may be what tells one.
    """
    normal = normal_messages(messages)
    clean = [{**m, "content": _without_faces(m["content"], hotlines)} for m in normal]
    return [message for message in clean if message["content"]]


def _without_faces(text: str, hotlines: frozenset[str]) -> str:
    is_clean = clean_text(text) == text  # then nothing in it hides a contact
    return text if is_clean else clean_text(mask_disguised(text, hotlines))


def tagged(
    conversations: Iterable[Sequence[Message]], tagger: Tagger | None
) -> Persons:
    """Return where a tagger sees persons in clean conversations."""
    texts = (m["content"] for messages in conversations for m in messages)
    return tag_clauses(texts, tagger)


def masked_messages(
    messages: Sequence[Message], hotlines: frozenset[str], persons: Persons
) -> list[Message]:
    """Return a clean conversation without names, places and contacts."""
    texts = mask_conversation([m["content"] for m in messages], hotlines, persons)
    return [{**m, "content": text} for m, text in zip(messages, texts, strict=True)]


class PostCleaner:
    """Cleans candidate conversations."""

    def __init__(
        self,
        params: PostParameters,
        policy: Sequence[PolicyRule],
        tagger: Tagger | None,
    ) -> None:
        self.hotlines = frozenset(params.hotlines)
        self._max_chars = params.max_chars
        self._policy = policy
        self._tagger = tagger

    def clean(self, rows: Sequence[Row]) -> Iterator[tuple[Row, str | None]]:
        """Yield each row as ``CleanPosts`` has it, and why it is rejected, or None."""
        clean = [clean_messages(row["messages"], self.hotlines) for row in rows]
        persons = tagged(clean, self._tagger)
        for row, messages in zip(rows, clean, strict=True):
            masked = masked_messages(messages, self.hotlines, persons)
            if reason := self._reason(masked, row["kind"]):
                yield row, reason
            else:
                yield {**row, **self._columns(messages, masked, persons)}, None

    def _columns(
        self, messages: list[Message], masked: list[Message], persons: Persons
    ) -> Row:
        disputes = (count_disputes(m["content"], persons) for m in messages)
        return {
            "messages": masked,
            "deid_level": deid_level(self._tagger),
            "disputed_names": sum(disputes) if self._tagger else 0,
            **self._risk(masked),
        }

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
        if any(may_hold_face(message["content"]) for message in messages):
            return FACE_UNCLEAR
        if any(holds_markup(message["content"]) for message in messages):
            return MARKUP_LEFT
        return next(matched_rules(messages, self._policy, "drop_row"), None) or (
            CONTACT_LEFT if holds_contact(messages, self.hotlines) else None
        )


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
