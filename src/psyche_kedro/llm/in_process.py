"""What the chat models have in common that generate in this process."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.accounts import Account
from psyche_kedro.llm.chat_model import ChatRequest, Outcome
from psyche_kedro.llm.engine import Answer, Call, Engine, Fault, Transport
from psyche_kedro.llm.openai.completions import read_completion
from psyche_kedro.llm.store.reply_store import ReplyStore

_DEFAULT_MAX_TOKENS: Final = 1024
"""Section C.2: "maximum sequence lengths to 1024"."""
_FIELDS: Final = ("max_tokens", "repetition_penalty", "seed", "temperature", "top_p")


class InProcessChatModel:
    """Answers batches by generation; greedy unless a temperature is given.

    Args:
        name: Identity, the weights' digest or revision included: a retrained model must
            never be given an older one's replies.
        store: Where replies are kept.
        sampling: ``temperature``, ``top_p``, ``max_tokens``, ``seed``,
            ``repetition_penalty``.
        transport: Generates.
    """

    def __init__(
        self,
        name: str,
        *,
        store: ReplyStore,
        sampling: Mapping[str, Any],
        transport: Transport,
    ) -> None:
        self._engine = Engine(
            name,
            sampling=sampling,
            store=store,
            transport=transport,
            account=Account(name, hopeless_after=math.inf),
        )

    @property
    def name(self) -> str:
        """Identity of the weights."""
        return self._engine.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request; see ``ChatModel.complete``.

        A prompt that leaves less than ``max_tokens`` of the model's positions is a
        ``Failure`` of reason ``context_length``, as an endpoint's would be.

        Raises:
            ChatModelError: If the sampling has a field that is not known here.
        """
        return self._engine.complete(requests)


def check_sampling(sampling: Mapping[str, Any]) -> None:
    """Refuse what would be left out silently.

    Raises:
        ChatModelError: If a field is not known here.
    """
    if unknown := sorted(sampling.keys() - set(_FIELDS)):
        raise ChatModelError(
            f"A model that generates in this process knows {', '.join(_FIELDS)} and not"
            f" {', '.join(unknown)}: take them out of its sampling, or serve it at an"
            " endpoint that does."
        )


def new_tokens(sampling: Mapping[str, Any]) -> int:
    """Return how many tokens a reply may have."""
    return int(sampling.get("max_tokens", _DEFAULT_MAX_TOKENS))


def too_long(given: int, new: int, positions: float) -> Fault:
    """Return the fault of a prompt that a model has no room for.

    Args:
        given: Tokens of the prompt.
        new: Tokens that its reply may have.
        positions: The model's.
    """
    return Fault(
        "context_length",
        f"{given} tokens of prompt and {new} of reply are more than the model's"
        f" {positions} positions",
    )


def read_generated(
    call: Call, text: str, *, given: int, made: int, finish: str
) -> Answer | Fault:
    """Return what was generated, read as an endpoint's body is: reasoning and faults.

    Args:
        call: What it answers.
        text: As it was decoded.
        given: Tokens of the prompt.
        made: Tokens of the text.
        finish: ``stop``, or ``length`` where the limit cut it.
    """
    completion = {
        "choices": [{"message": {"content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": given, "completion_tokens": made},
    }
    return read_completion(json.dumps(completion).encode(), call.request.messages)
