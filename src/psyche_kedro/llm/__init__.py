"""Language models behind one protocol; the only package that imports ``openai``."""

from psyche_kedro.llm.chat_model import (
    ChatModel,
    ChatModelError,
    ChatRequest,
    Failure,
    Message,
    Outcome,
    Reply,
    Usage,
)

__all__ = [
    "ChatModel",
    "ChatModelError",
    "ChatRequest",
    "Failure",
    "Message",
    "Outcome",
    "Reply",
    "Usage",
]
