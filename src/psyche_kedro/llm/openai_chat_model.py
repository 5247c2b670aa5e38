"""A ``ChatModel`` over OpenAI-compatible endpoints; the only importer of ``openai``.

The SDK's aiohttp transport costs half the CPU of its default one (measured, see
``benchmarks/README.md``); its own retries are off, because they sleep on the slot.
"""

import asyncio
import random
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any, Final

import httpx2
import openai

from psyche_kedro.llm.chat_model import ChatModelError, ChatRequest, Outcome
from psyche_kedro.llm.completions import read_completion
from psyche_kedro.llm.endpoints import Endpoint
from psyche_kedro.llm.engine import Answer, Call, Deliver, Engine, Fault
from psyche_kedro.llm.reply_store import ReplyStore

_RESERVED: Final = frozenset({"messages", "model", "n", "response_format", "stream"})
_RETRIED: Final = frozenset(
    {"timeout", "connection", "rate_limited", "server_error", "bad_body"}
)


class OpenAIChatModel:
    """Answers batches concurrently, each request at most once ever.

    Args:
        model: Id as the endpoint knows it.
        endpoint: Where to send requests.
        store: Where replies are kept.
        sampling: Fields of the chat-completions request, e.g. ``temperature``.
        revision: Which weights stand behind the id, where the id does not say.
    """

    def __init__(
        self,
        model: str,
        *,
        endpoint: Endpoint,
        store: ReplyStore,
        sampling: Mapping[str, Any] | None = None,
        revision: str | None = None,
    ) -> None:
        sampling = dict(sampling or {})
        if taken := _RESERVED & sampling.keys():
            raise ChatModelError(
                f"The sampling of model '{model}' names {sorted(taken)}, which the"
                " requests set themselves: remove it."
            )
        self._engine = Engine(
            f"{model}@{revision}" if revision else model,
            sampling=sampling,
            store=store,
            transport=_EndpointTransport(model, endpoint),
        )

    @property
    def name(self) -> str:
        """The configured id, with ``@revision`` where one is given."""
        return self._engine.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request; see ``ChatModel.complete``."""
        return self._engine.complete(requests)


class _EndpointTransport:
    def __init__(self, model: str, endpoint: Endpoint) -> None:
        self._model = model
        self._endpoint = endpoint

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        _run(self._send(calls, deliver))

    async def _send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        # The client is opened inside the loop that uses it: its connection pool belongs
        # to that loop, and every call of `complete` runs its own.
        async with _client(self._endpoint) as client:
            workers = [
                asyncio.ensure_future(self._work(client, calls, deliver))
                for _ in range(self._endpoint.concurrency)
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()

    async def _work(
        self, client: openai.AsyncOpenAI, calls: Iterator[Call], deliver: Deliver
    ) -> None:
        for call in calls:
            deliver(call, await self._answer(client, call))

    async def _answer(self, client: openai.AsyncOpenAI, call: Call) -> Answer | Fault:
        for attempt in range(self._endpoint.attempts):
            answer = await self._attempt(client, call)
            if isinstance(answer, Answer) or answer.reason not in _RETRIED:
                break
            await asyncio.sleep(min(60.0, 2.0**attempt) * random.uniform(0.1, 0.5))  # noqa: S311
        return answer

    async def _attempt(self, client: openai.AsyncOpenAI, call: Call) -> Answer | Fault:
        try:
            async with asyncio.timeout(self._endpoint.timeout_seconds):
                response = await client.post(
                    "/chat/completions",
                    body=wire_body(self._model, call),
                    cast_to=httpx2.Response,
                )
        except TimeoutError:
            return Fault("timeout", "No reply in time.")
        except openai.APIStatusError as error:
            return self._status_fault(error)
        except openai.APIError as error:
            return Fault("connection", f"The connection failed ({error}).")
        return read_completion(response.content, call.request.messages)

    def _status_fault(self, error: openai.APIStatusError) -> Fault:
        body = error.response.text[:4_000]
        status = error.status_code
        if status in {401, 403, 404}:
            raise ChatModelError(
                f"The endpoint {self._endpoint.base_url} refused model '{self._model}'"
                f" (HTTP {status}): check the credential's api_key, the model's id and"
                " the base_url."
            ) from error
        kind = {408: "timeout", 409: "server_error", 429: "rate_limited"}.get(status)
        if kind is None:
            kind = "server_error" if status >= 500 else "bad_request"  # noqa: PLR2004
        return Fault(kind, f"HTTP {status}", body=body)


def wire_body(model: str, call: Call) -> dict[str, Any]:
    """Return the JSON body of one chat-completions request.

    ``seed`` goes out only where there is something to tell apart, a purpose or the
    user's own seed: some endpoints refuse the field.
    """
    body = {"model": model, "messages": call.request.messages, **call.sampling}
    if call.request.seed:
        body["seed"] = call.sampling.get("seed", 0) + call.request.seed
    return body


def _client(endpoint: Endpoint) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        # The SDK refuses an empty key; servers that ask for none ignore this one.
        api_key=endpoint.api_key.get_secret_value() if endpoint.api_key else "none",
        max_retries=0,
        timeout=None,
        http_client=openai.DefaultAioHttpClient(
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        ),
    )


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run to the end, also where this thread has a loop running (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return _run_beside(coroutine)


def _run_beside(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run on a thread with a loop of its own."""
    failed: list[BaseException] = []
    runner = asyncio.Runner()

    def work() -> None:
        try:
            with runner:
                runner.run(coroutine)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="chat-model")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
