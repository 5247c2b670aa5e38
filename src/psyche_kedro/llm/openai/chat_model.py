"""A ``ChatModel`` over OpenAI-compatible endpoints; the only importer of ``openai``.

The SDK is the only door: it brings proxies, custom CAs and the wire format. Two things
make it cheap (measured, ``benchmarks/README.md``): its aiohttp transport, and ``post``
instead of ``chat.completions.create``, which skips building pydantic models that nobody
reads. Its own retries are off, because they sleep on the slot.
"""

import asyncio
import contextlib
import email.utils
import functools
import re
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp
import httpx2
import openai

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.accounts import Account
from psyche_kedro.llm.chat_model import ChatRequest, Outcome
from psyche_kedro.llm.engine import Answer, Call, Deliver, Engine, Fault
from psyche_kedro.llm.event_loop import run_to_end
from psyche_kedro.llm.openai.batch import BatchSender, BatchState
from psyche_kedro.llm.openai.bounds import HEADERS, OversizedReply, bound, host_of
from psyche_kedro.llm.openai.completions import read_completion, wire_body
from psyche_kedro.llm.openai.dispatch import Dispatcher
from psyche_kedro.llm.openai.endpoints import (
    Endpoint,
    masked,
    secrets_of,
    without_secrets,
)
from psyche_kedro.llm.openai.lanes import Lane
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.openai.refusals import is_page, kind_of_refusal, server_words
from psyche_kedro.llm.openai.structured import SchemaSupport
from psyche_kedro.llm.store.leases import SharedLeases
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.llm.store.submissions import Submissions
from psyche_kedro.text.tokens import CountTokens, estimate_from_characters

_RESERVED: Final = frozenset({"messages", "model", "n", "response_format", "stream"})
_CONNECT_SECONDS: Final = 30.0
_CONNECTIONS: Final = 100_000
_STRANGERS: Final = 3
_NO_COMPLETIONS: Final = 32
_CODE: Final = re.compile(r"[\w.:-]{1,80}", re.ASCII)
_BATCH_RETRIES: Final = 8
_BODY_KEPT: Final = 4_000

_REDIRECTS: Final = 300
_FORBIDDEN: Final = 403
_FORBIDDEN_IN_ROW: Final = 32
_STOPPING: Final = {401, _FORBIDDEN, 404}
_FOR_ANY_REQUEST: Final = frozenset({"no_money", "no_access"})
_STOPPING_CODES: Final = {"model_not_found"}


@dataclass(slots=True)
class _Acquaintance:
    """Whether an endpoint was once right about a model, whoever asked it."""

    answered: bool = False


@functools.cache
def _acquaintance(endpoint: Endpoint, names: tuple[str, ...]) -> _Acquaintance:
    return _Acquaintance()


class OpenAIChatModel:
    """Answers requests concurrently, each at most once ever.

    Args:
        model: Id as the endpoints know it.
        endpoints: Where to send requests; one model may be served by several.
        store: Where replies are kept.
        sampling: Fields of the chat-completions request, e.g. ``temperature``.
        revision: Which weights stand behind the id, where the id does not say.
        patience: When to give up.
        account: What counts the tokens and watches the budget.
        aliases: Other names under which an endpoint may say it answered.
        mode: ``online``, or ``batch`` for the Batch API of the first endpoint.
        count_tokens: For an estimate where an endpoint reports no usage.
    """

    def __init__(  # noqa: PLR0913 - what a catalog entry may set
        self,
        model: str,
        *,
        endpoints: Sequence[Endpoint],
        store: ReplyStore,
        sampling: Mapping[str, Any] | None = None,
        revision: str | None = None,
        patience: Patience | None = None,
        account: Account | None = None,
        aliases: Sequence[str] = (),
        mode: str = "online",
        count_tokens: CountTokens = estimate_from_characters,
    ) -> None:
        patience = patience or Patience()
        sampling = dict(sampling or {})
        if taken := _RESERVED & sampling.keys():
            raise ChatModelError(
                f"The sampling of model '{model}' names {sorted(taken)}, which the"
                " requests set themselves: remove it."
            )
        name = f"{model}@{revision}" if revision else model
        account = account or Account(name)
        self._engine = Engine(
            name,
            sampling=sampling,
            store=store,
            transport=_BatchTransport(
                model, endpoints[0], patience, store, account, count_tokens
            )
            if mode == "batch"
            else _OnlineTransport(
                (model, *aliases), endpoints, patience, store, account, count_tokens
            ),
            account=account,
            leases=lambda: SharedLeases(store.path),
        )

    @property
    def name(self) -> str:
        """The configured id, with ``@revision`` where one is given."""
        return self._engine.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request; see ``ChatModel.complete``."""
        return self._engine.complete(requests)


@dataclass(frozen=True, slots=True)
class _OnlineTransport:
    """Opens clients inside the loop that uses them: a pool belongs to its loop."""

    names: Sequence[str]
    endpoints: Sequence[Endpoint]
    patience: Patience
    store: ReplyStore
    account: Account
    count_tokens: CountTokens

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        run_to_end(self._send(calls, deliver))

    async def _send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        async with contextlib.AsyncExitStack() as stack:
            lanes = []
            for endpoint in self.endpoints:
                client = await stack.enter_async_context(open_client(endpoint))
                lanes.append(Lane(endpoint, self._asker(client, endpoint)))
            await Dispatcher(
                lanes=lanes,
                patience=self.patience,
                ask=_Client.ask,
                calls=calls,
                deliver=deliver,
                account=self.account,
            ).run()

    def _asker(self, client: openai.AsyncOpenAI, endpoint: Endpoint) -> "_Client":
        support = SchemaSupport(
            self.store, endpoint.base_url, self.names[0], endpoint.schema_mode
        )
        return _Client(
            client,
            names=self.names,
            endpoint=endpoint,
            support=support,
            count_tokens=self.count_tokens,
        )


@dataclass(frozen=True, slots=True)
class _BatchTransport:
    model: str
    endpoint: Endpoint
    patience: Patience
    store: ReplyStore
    account: Account
    count_tokens: CountTokens

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        run_to_end(self._send(calls, deliver))

    async def _send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        base_url = self.endpoint.base_url
        async with open_client(self.endpoint) as client:
            # Nothing waits for a slot here, so the SDK may retry and sleep.
            patient = client.with_options(
                max_retries=_BATCH_RETRIES, timeout=self.patience.timeout_seconds
            )
            support = SchemaSupport(self.store, base_url, self.model)
            sender = BatchSender(
                self.model,
                api=_BatchApi(patient, secrets_of(self.endpoint)),
                submissions=Submissions(self.store, base_url, self.model),
                account=self.account,
                poll_seconds=self.patience.poll_seconds,
                count_tokens=self.count_tokens,
                # A batch of refusals would be known after a day: no field is tried out.
                schema_mode=self.endpoint.schema_mode or support.recall() or "none",
            )
            try:
                await sender.send(calls, deliver)
            except openai.NotFoundError as error:
                raise ChatModelError(
                    f"The Batch API at {base_url} has no such batch or file (HTTP 404):"
                    " if the base_url and the key are those that it was submitted with,"
                    " it is gone; `kedro replies abandon` forgets it, and the next run"
                    " submits its calls again."
                ) from error
            except (openai.APIError, aiohttp.ClientError, httpx2.HTTPError) as error:
                is_flood = isinstance(error, OversizedReply)
                raise ChatModelError(
                    f"The Batch API at {base_url} failed"
                    f" ({error if is_flood else type(error).__name__}): mend that and"
                    " run the same command"
                    " again; what was submitted is collected then."
                ) from error


class _BatchApi:
    """The OpenAI Batch API as ``BatchSender`` wants it."""

    def __init__(self, client: openai.AsyncOpenAI, secrets: Sequence[bytes]) -> None:
        self._client = client
        self._secrets = secrets

    async def submit(self, lines: bytes, submission: str) -> str:
        file = await self._client.files.create(
            file=(f"{submission}.jsonl", lines), purpose="batch"
        )
        batch = await self._client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"submission": submission},
        )
        return batch.id

    async def find(self, submission: str) -> str | None:
        async for batch in self._client.batches.list():
            if (batch.metadata or {}).get("submission") == submission:
                return batch.id
        return None

    async def state(self, batch: str) -> BatchState:
        said = await self._client.batches.retrieve(batch)
        files = [file for file in (said.output_file_id, said.error_file_id) if file]
        errors = (said.errors.data if said.errors else None) or []
        codes = filter(None, (_code(e.code, self._secrets) for e in errors))
        return BatchState(said.status, files, ", ".join(codes))

    async def download(self, file: str) -> bytes:
        content = (await self._client.files.content(file)).content
        return without_secrets(content, self._secrets)


class _Client:
    """Sends one attempt to one endpoint and says what became of it."""

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        *,
        names: Sequence[str],
        endpoint: Endpoint,
        support: SchemaSupport,
        count_tokens: CountTokens,
    ) -> None:
        self._client = client
        # Said once: the SDK would join the URL and copy its defaults for every request.
        self._url = f"{client.base_url}chat/completions"
        self._options: openai.RequestOptions = {
            "headers": {},
            "max_retries": 0,
            "params": {},
            "security": {"bearer_auth": True},
            "timeout": client.timeout,
        }
        self._names = names
        self._base_url = endpoint.base_url
        self._secrets = secrets_of(endpoint)
        self._acquaintance = _acquaintance(endpoint, tuple(names))
        self._support = support
        self._count_tokens = count_tokens
        self._strangers = 0
        self._no_completions = 0
        self._forbidden_in_row = 0
        self._in_flight = 0
        self._landed = asyncio.Event()

    @property
    def _known(self) -> bool:
        return self._acquaintance.answered

    async def ask(self, call: Call) -> Answer | Fault:
        if call.request.schema is None:
            return await self._post(wire_body(self._names[0], call), call)
        return await self._support.ask(
            lambda fields: self._post(
                {**wire_body(self._names[0], call), **fields}, call
            ),
            call.request.schema,
        )

    async def _post(self, body: Mapping[str, Any], call: Call) -> Answer | Fault:
        try:
            response = await self._send(body)
        except openai.APIStatusError as error:
            if error.status_code == _FORBIDDEN:
                await self._first_answer()
            return self._refused(error, call)
        except OversizedReply as error:
            return Fault("oversized_reply", str(error))
        # The aiohttp transport lets some of aiohttp's own errors through.
        except (openai.APIError, aiohttp.ClientError, httpx2.HTTPError) as error:
            return Fault("connection", type(error.__cause__ or error).__name__)
        except UnicodeEncodeError:
            return Fault("bad_request", "half a character (a surrogate) in the request")
        return self._read(response, call)

    def _read(self, response: httpx2.Response, call: Call) -> Answer | Fault:
        answer = read_completion(
            without_secrets(utf8_content(response), self._secrets),
            call.request.messages,
            names=self._names,
            count_tokens=self._count_tokens,
        )
        if isinstance(answer, Fault):
            if answer.reason in _FOR_ANY_REQUEST:
                words = server_words(answer.body, call.request.messages)
                said = f"HTTP {response.status_code}{words}"
                raise self._closed(answer.reason, said)
            answer = replace(answer, retry_after=_retry_after(response.headers))
        return self._recognised(answer)

    async def _send(self, body: Mapping[str, Any]) -> httpx2.Response:
        self._in_flight += 1
        try:
            return await self._client.post(
                self._url, body=body, cast_to=httpx2.Response, options=self._options
            )
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, OversizedReply):
                raise error.__cause__ from error
            raise
        finally:
            self._in_flight -= 1
            self._landed.set()

    async def _first_answer(self) -> None:
        """Wait for what is in flight to show whether the endpoint answers others."""
        while self._in_flight and not self._known:
            self._landed.clear()
            await self._landed.wait()

    def _recognised(self, answer: Answer | Fault) -> Answer | Fault:
        """Stop where the endpoint never was what was asked for: retries cost money."""
        if isinstance(answer, Answer):
            self._acquaintance.answered = True
            self._forbidden_in_row = 0
            return answer
        self._strangers += answer.reason == "wrong_model"
        if self._strangers >= _STRANGERS and not self._known:
            raise ChatModelError(
                f"The endpoint {self._base_url} was asked for model '{self._names[0]}'"
                f" and {answer.detail}: add that name to `aliases` of the catalog entry"
                " if it is the same model."
            )
        self._no_completions += answer.reason == "bad_body"
        if self._no_completions >= _NO_COMPLETIONS and not self._known:
            raise ChatModelError(
                f"The endpoint {self._base_url} answers, but {_NO_COMPLETIONS} times it"
                " was no chat completion: check that its base_url ends where"
                " /chat/completions follows, and that no log-in page and no gateway"
                f" that streams stands in between. The last: {answer.detail}"
            )
        return answer

    def _refused(self, error: openai.APIStatusError, call: Call) -> Fault:
        code = _code(error.code, self._secrets)
        status = error.status_code
        content = without_secrets(utf8_content(error.response), self._secrets)
        body = content.decode(errors="replace")
        if _REDIRECTS <= status < _REDIRECTS + 100:
            raise self._redirected(status, error.response.headers.get("location", ""))
        words = server_words(body, call.request.messages)
        detail = f"HTTP {status}{f', {code}' if code else ''}{words}"
        kind = kind_of_refusal(status, body, call.request.messages)
        if kind in _FOR_ANY_REQUEST:
            raise self._closed(kind, detail) from error
        unnamed = kind == "bad_request" and status in _STOPPING
        if unnamed or code in _STOPPING_CODES:
            self._stop_unless_one(status, detail)
            kind = "bad_request" if is_page(body) else "content_filter"
        return Fault(
            kind,
            detail,
            body=body[:_BODY_KEPT],
            retry_after=_retry_after(error.response.headers),
        )

    def _stop_unless_one(self, status: int, said: str) -> None:
        """Stop at a refusal of the whole model; one request's alone is no reason.

        Some gateways send 403 where a filter stopped the prompt. What has answered
        before, and goes on answering others, knows the key and the model.
        """
        self._forbidden_in_row += 1
        alone = self._known and self._forbidden_in_row < _FORBIDDEN_IN_ROW
        if status == _FORBIDDEN and alone:
            return
        raise self._closed("no_access", said)

    def _redirected(self, status: int, location: str) -> ChatModelError:
        return ChatModelError(
            f"The endpoint {self._base_url} sends requests on to"
            f" {host_of(masked(location, self._secrets))} (HTTP {status}):"
            " nothing was sent there, since people's words go to the configured host"
            " alone; if it is the right one, make it the base_url."
        )

    def _closed(self, why: str, said: str) -> ChatModelError:
        if why == "no_money":
            return ChatModelError(
                f"The endpoint {self._base_url} says that the account has no money left"
                f" for model '{self._names[0]}' ({said}): top it up, then run the same"
                " command again; what was answered is stored."
            )
        again = (
            " What was refused meanwhile may be remembered as `content_filter`: `kedro"
            " replies retry --reason content_filter` asks it again."
        )
        remembered = self._known and self._forbidden_in_row > 1
        return ChatModelError(
            f"The endpoint {self._base_url} refused model '{self._names[0]}' ({said}):"
            " check the api_key of its credentials, the balance of the account, the"
            f" model's id and the base_url.{again if remembered else ''}"
        )


def _code(said: object, secrets: Iterable[bytes]) -> str:
    """Return an error's code; a sentence in its place might quote the request."""
    code = masked(str(said or ""), secrets)
    return code if _CODE.fullmatch(code) else ""


def utf8_content(response: httpx2.Response) -> bytes:
    """Return what came, in UTF-8; half of what is GBK would pass for it."""
    charset = response.charset_encoding or ""
    # Only these are believed: some servers call all that they send ISO-8859-1.
    chinese = charset.lower().startswith(("gb", "big5"))
    return response.text.encode() if chinese else response.content


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that the header asks for: a number or a date."""
    with contextlib.suppress(ValueError):
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1_000)
    said = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return max(0.0, float(said))
    with contextlib.suppress(ValueError, TypeError):
        date = email.utils.parsedate_to_datetime(said)
        return max(0.0, date.timestamp() - time.time())
    return 0.0


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return the TLS settings, with ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` obeyed.

    Made once: reading the certificates takes 40 ms, a node may ask a thousand times.
    """
    return httpx2.create_ssl_context()


def open_client(endpoint: Endpoint) -> openai.AsyncOpenAI:
    """Return a client with one connection for each request in flight and no retries."""
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        # The SDK refuses an empty key; servers that ask for none ignore this one.
        api_key=endpoint.api_key.get_secret_value() if endpoint.api_key else "none",
        max_retries=0,
        default_headers=HEADERS,
        http_client=openai.DefaultAioHttpClient(
            verify=_tls(),
            follow_redirects=False,
            event_hooks={"response": [bound(endpoint.max_reply_bytes)]},
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
            # None would mean aiohttp's own limit, 100; the window limits already.
            limits=httpx2.Limits(max_connections=_CONNECTIONS),
        ),
    )
