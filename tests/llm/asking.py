"""Requests and a tiny brain for the tests of the request engine."""

from collections.abc import Mapping, Sequence
from typing import Any

from psyche_kedro.llm import ChatRequest, Message


class EchoBrain:
    """Says back the last message and the seed; remembers what it was asked."""

    def __init__(self, name: str = "echo-1") -> None:
        self.name = name
        self.asked: list[str] = []

    def answer(
        self,
        messages: Sequence[Message],
        *,
        sampling: Mapping[str, Any],
        seed: int,
        task: str,
    ) -> str:
        self.asked.append(messages[-1]["content"])
        return f"{messages[-1]['content']}#{seed}"


def ask(text: str, **fields: Any) -> ChatRequest:
    """Return a request of one user message."""
    fields.setdefault("task", "test_task")
    return ChatRequest([{"role": "user", "content": text}], **fields)
