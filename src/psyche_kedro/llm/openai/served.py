"""A served model under test of which nothing says which weights it is.

Its name does not tell one server from another, nor a model from the one that is
trained next and served under the same name. So where it stands and what its server says
of it (``/v1/models``: ``root``, ``created``) are part of the address of every reply:
another server, or a restarted one, is asked anew.

Several servers (vLLM, lmdeploy, llama.cpp) give the time of day for ``created``. A run
that was killed would find none of its replies again, so that what changes between two
questions does not count.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import httpx2

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.chat_model import ChatModel, ChatRequest, Outcome
from psyche_kedro.llm.event_loop import run_to_end
from psyche_kedro.llm.identity import NOT_PINNED
from psyche_kedro.llm.openai.bounds import plain_client
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.tables import content_id

_LOG = logging.getLogger(__name__)

_PATIENCE: Final = 30.0
_TICK: Final = 1.1
"""Seconds after which a clock that counts seconds has moved."""


class ServedChatModel:
    """Asks the server who it is before its first request, and then as any other.

    Args:
        model: Id as the endpoints know it.
        endpoints: Where it is served.
        pinned_as: Returns the model under a revision, which its name then holds.
    """

    def __init__(
        self,
        model: str,
        *,
        endpoints: Sequence[Endpoint],
        pinned_as: Callable[[str], ChatModel],
    ) -> None:
        self._id = model
        self._endpoints = endpoints
        self._pinned_as = pinned_as

    @cached_property
    def _model(self) -> ChatModel:
        said = [_identity(endpoint, self._id) for endpoint in self._endpoints]
        _LOG.warning(
            "Model '%s' is not pinned: its replies are kept for the server at %s as it"
            " is now; `revision` or `checkpoint` of its catalog entry keeps them for"
            " its weights.",
            self._id,
            ", ".join(endpoint.base_url for endpoint in self._endpoints),
        )
        return self._pinned_as(NOT_PINNED + content_id(json.dumps(said))[:12])

    @property
    def name(self) -> str:
        """The id, and a digest of what the server says of itself.

        Raises:
            ChatModelError: If the server cannot be reached.
        """
        return self._model.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request; see ``ChatModel.complete``."""
        return self._model.complete(requests)


def _identity(endpoint: Endpoint, model: str) -> list[Any]:
    first = _described(endpoint, model)
    created = first.get("created")
    if created is not None:
        time.sleep(_TICK)
        again = _described(endpoint, model).get("created")
        created = created if again == created else None
    return [endpoint.base_url.rstrip("/"), first.get("root"), created]


def _described(endpoint: Endpoint, model: str) -> Mapping[str, Any]:
    """Return what a server says of a model; nothing where it tells of none.

    Raises:
        ChatModelError: If it cannot be reached.
    """
    try:
        answer = run_to_end(_ask_for_models(endpoint))
    except (httpx2.HTTPError, TimeoutError) as error:
        raise ChatModelError(
            f"The server at {endpoint.base_url} was to say which weights it serves as"
            f" '{model}' and cannot be reached ({type(error).__name__}): start it, or"
            " name `revision` or `checkpoint` in the catalog entry of the model."
        ) from error
    try:
        listed = answer.json()["data"] if answer.is_success else []
        return next((m for m in listed if m["id"] == model), {})
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}


async def _ask_for_models(endpoint: Endpoint) -> httpx2.Response:
    async with plain_client(endpoint) as client, asyncio.timeout(_PATIENCE):
        return await client.get(f"{endpoint.base_url.rstrip('/')}/models")
