"""The model pass of de-identification: what the rules did not know (Ethics).

Rules miss a quarter of the names on held-out sentences. Where an endpoint is set, a
model reads what the rules left and names further spans. Only words that stand in the
conversation are masked: a span that the model made up changes nothing. A conversation
whose answer cannot be read stays ``rules_only``, which means not for release.

Example of an answer::

    {"spans": [{"text": "思琪", "kind": "name"}]}
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from psyche_kedro import answers
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome
from psyche_kedro.llm.schemas import TEXT, a_list, an_object, one_of
from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    PLACEHOLDER,
    PLACEHOLDERS,
    without_contacts,
)
from psyche_kedro.prompts import Prompt, render_dialogue

Message = dict[str, str]
_SINGLE_HAN = 1


class NamedSpan(BaseModel):
    """Words that give a person away, as the model says."""

    model_config = ConfigDict(frozen=True)

    text: str
    kind: Literal["name", "place", "contact"]


_SCHEMA = an_object(
    spans=a_list(an_object(text=TEXT, kind=one_of(["name", "place", "contact"])))
)


class _Answer(BaseModel):
    spans: tuple[NamedSpan, ...]


def span_request(messages: Sequence[Message], prompt: Prompt) -> ChatRequest:
    """Return the request that asks what is left to mask."""
    conversation = render_dialogue(messages, prompt.words)
    return ChatRequest(
        messages=prompt.render(conversation=conversation),
        task="clean_posts",
        sampling={"temperature": 0},
        schema=_SCHEMA,
    )


def read_spans(outcome: Outcome) -> tuple[NamedSpan, ...] | None:
    """Return the spans of an answer, or None where it cannot be read."""
    if isinstance(outcome, Failure):
        return None
    answer = answers.read_record(outcome.text, _Answer)
    return answer.spans if answer else None


def mask_spans(
    messages: Sequence[Message], spans: Sequence[NamedSpan], hotlines: frozenset[str]
) -> list[Message]:
    """Return the messages with the spans masked that stand in them.

    The longest go first, so that 林小禾 is not cut by 小禾; a single character is
    masked only before a title, where it is a family name. A number that the rules did
    not see beside a name, as in shadow13812345678, is masked after it.

    Args:
        messages: As the rules left them.
        spans: What the model named.
        hotlines: Digits of crisis and emergency numbers, never masked.
    """
    masked = [dict(message) for message in messages]
    spans = [span for span in spans if re.sub(r"\D", "", span.text) not in hotlines]
    for span in sorted(spans, key=lambda s: len(s.text), reverse=True):
        pattern = _pattern(span.text)
        if pattern and any(pattern.search(m["content"]) for m in masked):
            placeholder = _placeholder(span.kind, masked)
            for message in masked:
                message["content"] = _outside(message["content"], pattern, placeholder)
    return [{**m, "content": without_contacts(m["content"], hotlines)} for m in masked]


def _pattern(text: str) -> re.Pattern[str] | None:
    text = text.strip()
    if not text or PLACEHOLDER.search(text):
        return None
    titled = "(?=老师|医生|总|哥|姐|叔|姨|阿姨|先生|女士|主任|经理|同学)"
    return re.compile(re.escape(text) + (titled if len(text) == _SINGLE_HAN else ""))


def _outside(text: str, pattern: re.Pattern[str], placeholder: str) -> str:
    """Return ``text`` with ``pattern`` replaced, but not inside a placeholder."""
    parts = re.split(rf"({PLACEHOLDER.pattern})", text)
    return "".join(
        part if PLACEHOLDER.fullmatch(part) else pattern.sub(placeholder, part)
        for part in parts
    )


def _placeholder(kind: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the next free placeholder of a kind in a conversation."""
    label = PLACEHOLDERS[kind]
    if kind == "contact":
        return f"[{label}]"
    text = "".join(message["content"] for message in messages)
    taken = [int(n) for n in re.findall(rf"\[{label}(\d{{1,9}})\]", text)]
    return f"[{label}{max(taken, default=0) + 1}]"
