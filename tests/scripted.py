"""A chat model that says what a test tells it, through the real protocol.

A rule is ``(pattern, reply)``: the first rule whose pattern is found in the request's
text answers it. A reply is a text, a ``Failure``'s reason (``fail("timeout")``), or a
function of the request for behaviour that depends on attempt or round.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome, Reply
from psyche_kedro.llm.pictures import words_of
from psyche_kedro.tables import content_id


@dataclass(frozen=True)
class Fail:
    reason: str


def fail(reason: str) -> Fail:
    """Answer with a ``Failure`` of this reason."""
    return Fail(reason)


def as_json(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False)


def text_of(request: ChatRequest) -> str:
    return "\n".join(map(words_of, request.messages))


Answer = str | Fail | Reply | Failure
Rule = tuple[str, Answer | Callable[[ChatRequest], Answer]]


@dataclass
class ScriptedChatModel:
    """``ScriptedChatModel([(pattern, reply), …])``; ``batches`` records what came."""

    rules: list[Rule]
    name: str = "scripted"
    batches: list[list[ChatRequest]] = field(default_factory=list)

    @property
    def requests(self) -> list[ChatRequest]:
        return [request for batch in self.batches for request in batch]

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        batch = list(requests)
        self.batches.append(batch)
        return [self._answer(request) for request in batch]

    def _answer(self, request: ChatRequest) -> Outcome:
        text = text_of(request)
        key = content_id(text, str(request.seed))
        for pattern, answer in self.rules:
            if re.search(pattern, text, re.DOTALL):
                said = answer(request) if callable(answer) else answer
                if isinstance(said, Fail):
                    return Failure(said.reason, "scripted", key, self.name)
                if isinstance(said, Reply | Failure):
                    return said
                return Reply(said, self.name, key)
        return Failure("no_script", "no rule matches", key, self.name)
