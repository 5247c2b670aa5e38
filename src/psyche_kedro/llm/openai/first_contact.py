"""Whether endpoints serve what will be asked of them, found out before the first node.

A server's list of models (``/models``) is asked for, which costs nothing. Of what the
list does not name, or where there is none, a completion of one token tells. Whatever
may pass by itself (a rate limit, a server error, a slow answer) is no fault.
"""

import asyncio
import json
import logging
import re
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import httpx2

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.event_loop import run_to_end
from psyche_kedro.llm.openai.bounds import OversizedReply, host_of, plain_client
from psyche_kedro.llm.openai.endpoints import (
    Contact,
    Endpoint,
    Faults,
    masked,
    secrets_of,
    without_secrets,
)
from psyche_kedro.llm.openai.refusals import is_page, kind_of_refusal, server_words

_LOG = logging.getLogger(__name__)

_PATIENCE: Final = 30.0
_LOOK_SECONDS: Final = 1.0
_MOST_NAMED: Final = 8
_NAME_CHARS: Final = 80
_REDIRECTS, _REFUSALS, _FAILURES = 300, 400, 500
_NO_KEY, _FORBIDDEN, _NOT_FOUND, _NO_METHOD, _TOO_MANY = 401, 403, 404, 405, 429
_NO_ROUTE: Final = (_NOT_FOUND, _NO_METHOD)
_PING: Final = [{"role": "user", "content": "1"}]
_NOT_CONNECTED: Final = (httpx2.ConnectError, httpx2.ConnectTimeout)
_GONE: Final = re.compile(
    r"no(t| such| longer)? .{0,20}(exist|found|support|access|avail|valid)"
    r"|model_not_found|unknown|invalid model|no such|不存在|未找到|不支持|无权",
    re.IGNORECASE,
)


class _Said(NamedTuple):
    """What came back: HTTP status, body, and where a redirect points."""

    status: int
    body: str
    location: str = ""

    @property
    def words(self) -> str:
        """The status, and the server's own sentence without keys."""
        return f"HTTP {self.status}{server_words(self.body, ())}"

    def speaks_of(self, model: str) -> bool:
        """Return whether it refuses because there is no such model."""
        refused = _REFUSALS <= self.status < _FAILURES
        about = model in self.body or "odel" in self.words or "模型" in self.words
        gone = self.status == _NOT_FOUND or _GONE.search(self.body)
        return refused and self.status != _TOO_MANY and about and bool(gone)


def find_faults(contacts: Iterable[Contact]) -> Faults:
    """Return what will not be answered, with a sentence for each that says why.

    All endpoints are tried at once; models that one endpoint lacks share a sentence.
    """
    by_endpoint: dict[Endpoint, list[Contact]] = {}
    for contact in contacts:
        for endpoint in contact.endpoints:
            by_endpoint.setdefault(endpoint, []).append(contact)
    found: Faults = {}
    run_to_end(_try_all(by_endpoint, found))
    return found


async def _try_all(
    by_endpoint: Mapping[Endpoint, list[Contact]], found: Faults
) -> None:
    tried = [_try(endpoint, asked) for endpoint, asked in by_endpoint.items()]
    for faults in await asyncio.gather(*tried):
        found.update(faults)


async def _try(endpoint: Endpoint, asked: list[Contact]) -> Faults:
    models = dict.fromkeys(one.model for one in asked if one.completes)
    listed: list[str] = []
    unknown: dict[str, str] = {}
    async with plain_client(endpoint) as client:
        server = _Server(endpoint, client)
        try:
            listed = await server.list_models(max(one.waits for one in asked))
            for model in models:
                if model not in listed and (said := await server.lacks(model)):
                    unknown[model] = said
        except ChatModelError as error:
            return {(endpoint, one.model): str(error) for one in asked}
        except (TimeoutError, ConnectionRefusedError, OversizedReply):
            pass  # it may pass; what was said before holds
    sentence = _unknown(endpoint, unknown, listed) if unknown else ""
    return {(endpoint, model): sentence for model in unknown}


def _unknown(endpoint: Endpoint, said: Mapping[str, str], listed: list[str]) -> str:
    names = ", ".join(f"'{model}'" for model in said)
    return (
        f"The endpoint {endpoint.base_url} has no model {names}"
        f" ({next(iter(said.values()))}){_serves(listed)}: write an id that it knows as"
        " `model` of the catalog entry, or into the variable that the entry reads"
        " (PSYCHE_MODEL for --env=endpoint)."
    )


def _serves(listed: list[str]) -> str:
    if not listed:
        return ""
    more = len(listed) - _MOST_NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f" and serves {', '.join(listed[:_MOST_NAMED])}{rest}"


class _Server:
    """An endpoint that is asked for the first time."""

    def __init__(self, endpoint: Endpoint, client: httpx2.AsyncClient) -> None:
        self._url = endpoint.base_url
        self._secrets = secrets_of(endpoint)
        self._client = client

    async def list_models(self, waits: float) -> list[str]:
        """Return the ids that it lists; none where it has no list.

        Args:
            waits: Seconds for which a server may not listen yet.

        Raises:
            ChatModelError: If it cannot be reached.
            TimeoutError: If it says nothing.
        """
        until = time.monotonic() + waits
        while True:
            try:
                said = await self._hear("GET", "models")
                return _ids(said.body) if said.status < _REDIRECTS else []
            except ConnectionRefusedError as error:
                if time.monotonic() >= until:
                    raise self._unreachable("nothing listens there") from error
            if waits:
                _LOG.info("%s does not listen: waiting %.0f s.", self._url, waits)
            waits = 0.0  # said once
            await asyncio.sleep(_LOOK_SECONDS)

    async def lacks(self, model: str) -> str:
        """Return what the server says where it has no such model; else nothing.

        Raises:
            ChatModelError: If it would answer no request, whatever the model.
            TimeoutError: If it says nothing.
        """
        body = {"model": model, "messages": _PING, "max_tokens": 1}
        said = await self._hear("POST", "chat/completions", body)
        if said.speaks_of(model):
            return said.words
        if why := _closed(said):
            raise ChatModelError(f"The endpoint {self._url} {why}")
        return ""

    async def _hear(self, method: str, path: str, body: Any = None) -> _Said:
        url = f"{self._url.rstrip('/')}/{path}"
        try:
            async with asyncio.timeout(_PATIENCE):
                response = await self._client.request(method, url, json=body)
        except OversizedReply:
            raise
        except httpx2.HTTPError as error:
            raise self._cause(error) from error
        content = without_secrets(response.content, self._secrets)
        location = masked(response.headers.get("location", ""), self._secrets)
        return _Said(response.status_code, content.decode(errors="replace"), location)

    def _cause(self, error: BaseException) -> Exception:
        """Return why nothing came: a ``TimeoutError`` where that may pass."""
        behind = list(_behind(error))
        for one in behind:
            if isinstance(one, ConnectionRefusedError):
                return one
            if isinstance(one, socket.gaierror):
                return self._unreachable("no host has this name")
            if isinstance(one, ssl.SSLCertVerificationError):
                why = f"its certificate is not trusted: {one.verify_message}"
                return self._unreachable(why)
        if any(isinstance(one, _NOT_CONNECTED) for one in behind):
            return self._unreachable(type(behind[-1]).__name__)
        return TimeoutError()

    def _unreachable(self, why: str) -> ChatModelError:
        return ChatModelError(
            f"The endpoint {self._url} cannot be reached ({why}): start the server, or"
            " mend its base_url."
        )


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _closed(said: _Said) -> str:
    """Return why an endpoint would answer no request at all; else nothing."""
    if said.status in (_NO_KEY, _FORBIDDEN):
        return (
            f"refuses the key ({said.words}): mend the api_key of its credentials, or"
            " ask the provider what that key is for."
        )
    if _REDIRECTS <= said.status < _REFUSALS:
        return (
            f"sends requests on to {host_of(said.location)} (HTTP {said.status}): if"
            " that is the right host, make it the base_url."
        )
    if kind_of_refusal(said.status, said.body) == "no_money":
        return f"says that the account has no money left ({said.words}): top it up."
    if said.status in _NO_ROUTE or is_page(said.body):
        return (
            f"has no chat completions ({said.words}): end its base_url where"
            " /chat/completions follows, as in http://127.0.0.1:8000/v1."
        )
    return ""


def _ids(body: str) -> list[str]:
    try:
        ids = [str(model["id"]) for model in json.loads(body)["data"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return [name for name in ids if name.isprintable() and len(name) <= _NAME_CHARS]
