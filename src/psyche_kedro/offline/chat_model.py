"""A ``ChatModel`` whose replies come from the offline brain, in this process."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from psyche_kedro.llm.accounts import Account
from psyche_kedro.llm.chat_model import ChatRequest, Message, Outcome
from psyche_kedro.llm.engine import Answer, Call, Deliver, Engine, Fault
from psyche_kedro.llm.store.reply_store import ReplyStore


class Brain(Protocol):
    """A pure function from messages to a reply, with a name that pins its rules."""

    @property
    def name(self) -> str:
        """Identity, the digests of rules and glossary included."""
        ...

    def answer(
        self,
        messages: Sequence[Message],
        *,
        sampling: Mapping[str, Any],
        seed: int,
        task: str,
    ) -> str:
        """Return the reply; equal arguments give equal replies."""
        ...


class OfflineChatModel:
    """Answers without weights, network or key.

    Args:
        brain: What answers.
        store: Where replies are kept, as with any other model.
        account: What counts its calls.
    """

    def __init__(
        self, brain: Brain, store: ReplyStore, account: Account | None = None
    ) -> None:
        self._engine = Engine(
            brain.name,
            sampling={},
            store=store,
            transport=_BrainTransport(brain),
            account=account,
        )

    @property
    def name(self) -> str:
        """Identity of the brain."""
        return self._engine.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request; see ``ChatModel.complete``."""
        return self._engine.complete(requests)


class _BrainTransport:
    def __init__(self, brain: Brain) -> None:
        self._brain = brain

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        for call in calls:
            deliver(call, self._answer(call))

    def _answer(self, call: Call) -> Answer | Fault:
        text = self._brain.answer(
            call.request.messages,
            sampling=call.sampling,
            seed=call.request.seed,
            task=call.request.task,
        )
        return Answer(text) if text else Fault("empty_reply", "The brain said nothing.")
