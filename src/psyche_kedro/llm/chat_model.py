"""What a node may ask of a language model.

A node sees one synchronous method: requests in, one outcome per request out, in order.
Concurrency, retries, budgets and the reply store are behind it. An unusable reply is
data (``Failure``); only what would fail every other request too is an exception.

Example row, as a node builds it:

    ChatRequest(
        messages=[{"role": "user", "content": "…"}],
        task="write_rationales",
        sampling={"temperature": 0.7},
        attempt=1,
    )
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from psyche_kedro.text.halves import whole
from psyche_kedro.text.thoughts import part_thought

Message = Mapping[str, Any]
"""``{"role": "system" | "user" | "assistant", "content": …}``."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One prompt to answer.

    Attributes:
        messages: Chat messages, oldest first.
        task: The node that asks, for the accounts; it goes to no endpoint. The offline
            model, which cannot read, is told by it what is asked.
        sampling: Fields of the chat-completions request that override the model's own,
            e.g. ``temperature``.
        sample: Index of this sample among repeats of the same prompt.
        attempt: Which regeneration this is; 0 is the first try.
        round: Which refinement round this is; 0 is before any.
        schema: JSON schema that the reply shall follow, where the endpoint can; the
            prompt asks for the same, so it is no part of a reply's address.
        item: The benchmark item that is asked, with its ``protocol``: stored replies
            are found by it. It goes to no endpoint and is no part of an address.
    """

    messages: Sequence[Message]
    task: str
    sampling: Mapping[str, Any] = field(default_factory=dict)
    sample: int = 0
    attempt: int = 0
    round: int = 0
    schema: Mapping[str, Any] | None = None
    item: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def seed(self) -> int:
        """What the wire carries of the purpose: distinct per sample, attempt, round.

        An endpoint that honours ``seed`` then answers a regeneration differently even
        for equal messages.
        """
        return self.sample + 1_000 * self.attempt + 1_000_000 * self.round


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call.

    Attributes:
        input_tokens: Tokens of the prompt.
        output_tokens: Tokens of the completion, reasoning included.
        estimated: True where the endpoint reported none and a stated ratio was used.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion.

    Every reply becomes one, fresh or stored: here halves of characters are mended and
    a thought that was left in the text is told from the answer.

    Attributes:
        text: The answer channel, without the reasoning.
        model: Identity of the model that wrote it, e.g. ``offline-teacher-1@3f2a…``.
        key: Content address in the reply store; a row's link to what was paid for.
        reasoning: The reasoning channel: the field of its own, and what the text held.
        finish_reason: As the endpoint says it.
        usage: Tokens of the call.
        seconds: How long the call took; ``None`` where nobody measured it.
    """

    text: str
    model: str
    key: str
    reasoning: str = ""
    finish_reason: str = "stop"
    usage: Usage = Usage()
    seconds: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        thought, answer = part_thought(whole(self.text))
        reasoning = "\n\n".join(filter(None, (whole(self.reasoning), thought)))
        object.__setattr__(self, "text", answer)
        object.__setattr__(self, "reasoning", reasoning)
        object.__setattr__(self, "finish_reason", whole(self.finish_reason))


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no usable completion after all retries. Data, not a crash.

    Attributes:
        reason: Its class, a slug such as ``timeout`` or ``content_filter``; it goes
            into the ``reason`` column of a rejected row.
        detail: What the endpoint said, free of the request's own text.
        key: Content address of the request.
        model: Identity of the model that was asked.
        partial: What was said until the token limit cut it, of a ``truncated`` one.
    """

    reason: str
    detail: str
    key: str
    model: str
    partial: Reply | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", whole(self.detail))


Outcome = Reply | Failure

Row = TypeVar("Row")


class Asking(Generic[Row]):
    """Requests that are made one by one, of which is known how many there will be.

    Args:
        rows: What is asked about.
        make: Returns the request for a row.
    """

    def __init__(self, rows: Sequence[Row], make: Callable[[Row], ChatRequest]) -> None:
        self._rows = rows
        self._make = make

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._rows)

    def __iter__(self) -> Iterator[ChatRequest]:
        """Yield the requests, each made when it is asked for."""
        return map(self._make, self._rows)


class ChatModel(Protocol):
    """A chat model that answers batches."""

    @property
    def name(self) -> str:
        """Identity of the model, as every row it makes names it."""
        ...

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request.

        Args:
            requests: ``[n]`` requests; may be lazy (``Asking``), is consumed once.

        Returns:
            ``[n]`` outcomes; ``outcomes[i]`` answers the i-th request.

        Raises:
            ChatModelError: If no request can succeed: no credential, an unknown model,
                a spent budget, a broken store.
        """
        ...
