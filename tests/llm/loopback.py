"""An OpenAI-compatible server on loopback that counts, and misbehaves to order."""

import asyncio
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Ask:
    """One request as the server sees it.

    Attributes:
        body: The JSON body.
        content: Last message and seed: what the request asks for.
        nth: How often this content was asked before.
        index: How many requests came before.
    """

    body: Mapping[str, Any]
    content: str
    nth: int
    index: int


@dataclass(frozen=True)
class Behaviour:
    """What the server does with one request.

    Attributes:
        text: Of the answer; ``None`` echoes the content.
        until: Waited for before anything else, for a minute at the most: a test that
            says what must have happened does not hang on how busy the machine is.
        latency: Seconds before the first byte.
        pieces: Into how many writes the body is torn, so that characters break.
        pause: Seconds between the pieces.
        cut: Close the connection after that many bytes of the body.
        body: Sent instead of a completion.
    """

    status: int = 200
    text: str | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    finish_reason: str = "stop"
    model: str | None = None
    usage: bool = True
    until: Callable[[], bool] = lambda: True
    latency: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: int = 1
    pause: float = 0.0
    cut: int | None = None
    body: bytes | None = None


Script = Callable[[Ask], Behaviour]


def well_behaved(ask: Ask) -> Behaviour:
    return Behaviour()


class LoopbackServer:
    """Serves ``/v1/chat/completions`` on a thread of its own while entered.

    Attributes:
        seen: How often each content was asked.
        answered: How often each content got a whole answer with status 200.
        bodies: Every request's body, in order.
        keys: Every Authorization header seen.
        hosts: Every Host header seen.
        models: What it says of its models, where it is asked.
    """

    def __init__(
        self, script: Script = well_behaved, tls: ssl.SSLContext | None = None
    ) -> None:
        self.script = script
        self.models: Callable[[], list[dict[str, Any]] | web.Response] | None = None
        self.tls = tls
        self.seen: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.bodies: list[Mapping[str, Any]] = []
        self.keys: set[str] = set()
        self.hosts: set[str] = set()
        self.most_in_flight = 0
        self._open = 0
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="loopback")
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def total(self) -> int:
        return sum(self.seen.values())

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(client_max_size=2**26)
        self.add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", 0, backlog=1024, ssl_context=self.tls
        )
        await site.start()
        port = self._runner.addresses[0][1]
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{port}/v1"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list_models)

    async def _list_models(self, request: web.Request) -> web.Response:
        """Say what ``models`` has: nothing, as a server without this route."""
        if not self.models:
            return web.Response(status=404)
        said = self.models()
        return (
            said
            if isinstance(said, web.Response)
            else web.json_response({"data": said})
        )

    def take(self, body: Mapping[str, Any]) -> Ask:
        content = f"{body['messages'][-1]['content']}#{body.get('seed', 0)}"
        ask = Ask(body, content, self.seen[content], self.total)
        self.seen[content] += 1
        self.bodies.append(body)
        return ask

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.hosts.add(request.host)
        self.keys.add(request.headers.get("Authorization", ""))
        ask = self.take(await request.json())
        behaviour = self.script(ask)
        self._open += 1
        self.most_in_flight = max(self.most_in_flight, self._open)
        try:
            await _hold(behaviour.until)
            await asyncio.sleep(behaviour.latency)
            return await self._respond(request, ask, behaviour)
        finally:
            self._open -= 1

    async def _respond(
        self, request: web.Request, ask: Ask, behaviour: Behaviour
    ) -> web.StreamResponse:
        body = completion_body(ask, behaviour)
        if behaviour.pieces == 1 and behaviour.cut is None:
            self._count(ask, behaviour)
            return web.Response(
                body=body,
                status=behaviour.status,
                headers=behaviour.headers,
                content_type="application/json",
            )
        response = web.StreamResponse(
            status=behaviour.status,
            headers={
                **behaviour.headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
            },
        )
        await response.prepare(request)
        await self._drip(request, response, body[: behaviour.cut], behaviour)
        if behaviour.cut is not None and request.transport:
            request.transport.abort()
        else:
            self._count(ask, behaviour)
        return response

    def _count(self, ask: Ask, behaviour: Behaviour) -> None:
        if behaviour.status == 200:
            self.answered[ask.content] += 1

    async def _drip(
        self,
        request: web.Request,
        response: web.StreamResponse,
        body: bytes,
        behaviour: Behaviour,
    ) -> None:
        step = max(1, len(body) // behaviour.pieces)
        for start in range(0, len(body), step):
            await response.write(body[start : start + step])
            await asyncio.sleep(behaviour.pause)


async def _hold(until: Callable[[], bool]) -> None:
    for _ in range(6_000):
        if until():
            return
        await asyncio.sleep(0.01)


def completion_body(ask: Ask, behaviour: Behaviour) -> bytes:
    if behaviour.body is not None:
        return behaviour.body
    if behaviour.status != 200:
        error = {"message": "to order", "type": "test", "code": None}
        return json.dumps({"error": error}).encode()
    text = ask.content if behaviour.text is None else behaviour.text
    completion: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": behaviour.model or ask.body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **behaviour.message},
                "finish_reason": behaviour.finish_reason,
            }
        ],
    }
    if behaviour.usage:
        completion["usage"] = {"prompt_tokens": 10, "completion_tokens": 5}
    return json.dumps(completion, ensure_ascii=False).encode()
