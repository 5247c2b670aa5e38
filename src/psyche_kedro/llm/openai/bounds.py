"""What an endpoint may send back: so many bytes, uncompressed, from where it was asked.

A reply of a few kilobytes is asked for. Whatever floods, or unpacks to a thousand times
its size, is cut off while it arrives.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx2

from psyche_kedro.llm.openai.endpoints import Endpoint

_RESULTS = 64
"""Replies of the greatest length that a file of a batch's results may hold."""
_PLAIN = ("", "identity", "utf-8", "none")  # the last two are said, and mean nothing
_SECONDS, _CONNECT_SECONDS = 30.0, 10.0
_HOST = re.compile(r"[a-z0-9.:-]{1,80}")
HEADERS = {"Accept-Encoding": "identity"}
"""What goes with every request: nobody can tell how far a compressed reply grows."""


class OversizedReply(httpx2.HTTPError):
    """A reply that is longer than it may be, or that may become so."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: Any, most: int, times: int) -> None:
        self._stream = stream
        self._most = most * times
        self._name = f"{times} max_reply_bytes" if times > 1 else "max_reply_bytes"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._most:
                raise OversizedReply(f"more than {self._name}, {self._most:,}")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def bound(most: int) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Return a hook that bounds what comes by ``most`` bytes, files by a multiple."""

    async def hook(response: httpx2.Response) -> None:
        encoding = response.headers.get("content-encoding", "").lower()
        if encoding not in _PLAIN:
            raise OversizedReply(f"compressed unasked ({encoding[:20]})")
        is_file = response.request.url.path.endswith("/content")
        response.stream = _Bounded(response.stream, most, _RESULTS if is_file else 1)

    return hook


def plain_client(endpoint: Endpoint) -> httpx2.AsyncClient:
    """Return a client that follows no redirect and takes no flood, without the SDK."""
    key = endpoint.api_key.get_secret_value() if endpoint.api_key else "none"
    return httpx2.AsyncClient(
        headers={**HEADERS, "Authorization": f"Bearer {key}"},
        follow_redirects=False,
        event_hooks={"response": [bound(endpoint.max_reply_bytes)]},
        timeout=httpx2.Timeout(_SECONDS, connect=_CONNECT_SECONDS),
    )


def host_of(url: str) -> str:
    """Return scheme and host of a URL; nothing of what else stands in it.

    A host that no name server knows may hold anything, and is not repeated.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "another address"
    if not parts.hostname:
        return "itself"
    if not _HOST.fullmatch(parts.hostname):
        return "another address"
    return f"{parts.scheme}://{parts.hostname}{port}"
