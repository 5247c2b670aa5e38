"""Language models behind one protocol; only ``llm.openai`` imports ``openai``."""

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.chat_model import (
    ChatModel,
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
