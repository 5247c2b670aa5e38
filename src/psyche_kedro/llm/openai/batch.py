"""The Batch API behind the same protocol: a day's patience for half the price.

Calls go up as JSON Lines, at most 50,000 to a file; the provider answers within a day.
The store keeps which calls are in which submission *before* the provider hears of it:

    prepared ── upload, create ──▶ submitted ── poll, download ──▶ collected

A run killed anywhere in between finds its submissions again (by their id in the batch's
metadata, if it died before it learnt the provider's own) and pays for none twice.

Nothing is known of a batch's cost before it is collected. So that a budget in tokens or
money holds all the same, each call is counted for the most it may take, its prompt and
``max_tokens``, until its answer says what it took.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.accounts import Account
from psyche_kedro.llm.chat_model import ChatRequest, Usage
from psyche_kedro.llm.engine import Answer, Call, Deliver, Fault
from psyche_kedro.llm.openai.completions import (
    NO_COMPLETION,
    count_prompt,
    read_completion,
    wire_body,
)
from psyche_kedro.llm.openai.refusals import kind_of_refusal
from psyche_kedro.llm.openai.structured import schema_fields
from psyche_kedro.llm.store.submissions import Submissions, Submitted
from psyche_kedro.text.tokens import CountTokens

_FILE_CALLS: Final = 50_000
_FILE_BYTES: Final = 100_000_000
_ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
_COMMIT_SECONDS: Final = 60.0
_EXPECTED_OUTPUT: Final = 1024
_LENGTHS: Final = ("max_completion_tokens", "max_tokens")
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class BatchState:
    """What the provider says of a batch.

    Attributes:
        status: ``completed``, ``failed``, ``expired``, ``cancelled``, or still going.
        files: Ids of the files with answers and with errors.
        message: Why it failed.
    """

    status: str
    files: Sequence[str]
    message: str = ""


class BatchApi(Protocol):
    """The provider's side."""

    async def submit(self, lines: bytes, submission: str) -> str:
        """Return the id of a batch made of ``lines``, marked with ``submission``."""
        ...

    async def find(self, submission: str) -> str | None:
        """Return the id of the batch marked with ``submission``."""
        ...

    async def state(self, batch: str) -> BatchState:
        """Return how far it is."""
        ...

    async def download(self, file: str) -> bytes:
        """Return the lines of a file."""
        ...


class BatchSender:
    """Submits calls, waits and delivers.

    Args:
        model: Id as the provider knows it.
        api: The provider.
        submissions: Remembers what was submitted.
        account: Counts what a call may take, where there is a budget.
        poll_seconds: Between two questions about a batch.
        count_tokens: For an estimate where a reply comes without usage.
        schema_mode: How the provider is asked to follow a schema.
    """

    def __init__(  # noqa: PLR0913 - the provider, the run and how both are asked
        self,
        model: str,
        *,
        api: BatchApi,
        submissions: Submissions,
        account: Account,
        poll_seconds: float,
        count_tokens: CountTokens,
        schema_mode: str = "json_schema",
    ) -> None:
        self._model = model
        self._api = api
        self._submissions = submissions
        self._poll_seconds = poll_seconds
        self._account = account
        self._count_tokens = count_tokens
        self._schema_mode = schema_mode
        self._reserved: dict[str, Usage] = {}

    async def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        """Deliver every call, those of earlier submissions included.

        Raises:
            ChatModelError: If the provider refuses a batch as a whole.
        """
        await self._recover()
        # Read once: another process may collect and forget a submission meanwhile.
        waiting = self._submissions.named()
        submitted = frozenset(key for each in waiting.values() for key in each.keys)
        wanted: dict[str, Call] = {}
        for chunk in _files(self._noting(calls, wanted, submitted), self._line):
            waiting |= await self._submit(chunk)
        if not wanted:
            return
        await self._collect_all(waiting, wanted, deliver)

    def _noting(
        self,
        calls: Iterator[Call],
        wanted: dict[str, Call],
        submitted: frozenset[str],
    ) -> Iterator[Call]:
        """Yield the calls not yet submitted; keep all of them for their delivery."""
        for call in calls:
            wanted[call.key] = call
            self._reserve(call)
            if call.key not in submitted:
                yield call

    def _reserve(self, call: Call) -> None:
        if not self._account.bounded:
            return
        stated = (call.sampling.get(name) for name in _LENGTHS)
        most = next(filter(None, stated), _EXPECTED_OUTPUT)
        given = count_prompt(call.request.messages, self._count_tokens)
        self._reserved[call.key] = Usage(given, int(most), estimated=True)
        self._account.reserve(call.request.task, self._reserved[call.key])

    def _release(self, call: Call) -> None:
        if usage := self._reserved.pop(call.key, None):
            self._account.release(call.request.task, usage)

    async def _recover(self) -> None:
        """Learn the provider's id of submissions that a kill left without one."""
        for submission in self._submissions.nameless():
            batch = await self._api.find(submission)
            if batch is None:
                self._submissions.drop(submission)
            else:
                self._submissions.name(submission, batch, ())

    async def _submit(
        self, chunk: Sequence[tuple[Call, bytes]]
    ) -> dict[str, Submitted]:
        submitted = Submitted(uuid.uuid4().hex, [call.key for call, _ in chunk])
        self._submissions.prepare(*submitted)
        lines = b"".join(line for _, line in chunk)
        batch = await self._api.submit(lines, submitted.submission)
        self._submissions.name(submitted.submission, batch, submitted.keys)
        return {batch: submitted}

    async def _collect_all(
        self,
        waiting: dict[str, Submitted],
        wanted: dict[str, Call],
        deliver: Deliver,
    ) -> None:
        while waiting:
            for batch in list(waiting):
                state = await self._api.state(batch)
                if state.status in _ENDED:
                    await self._collect(waiting.pop(batch), state, wanted, deliver)
            if waiting:
                await asyncio.sleep(self._poll_seconds)

    async def _collect(
        self,
        submitted: Submitted,
        state: BatchState,
        wanted: dict[str, Call],
        deliver: Deliver,
    ) -> None:
        began = time.time()
        answers: dict[str, Answer | Fault] = {}
        for file in state.files:
            for line in (await self._api.download(file)).splitlines():
                answers |= self._read(line, wanted)
        calls = [wanted.pop(key, _orphan(key)) for key in submitted.keys]
        for call in calls:
            self._release(call)
        if state.status == "failed" and not answers:
            self._submissions.drop(submitted.submission)
            raise ChatModelError(
                f"The Batch API refused a batch of {len(calls)} calls for model"
                f" '{self._model}' ({state.message}): mend that and run the same"
                " command again."
            )
        missing = Fault("batch_expired", f"batch {state.status}, call unanswered")
        for call in calls:
            deliver(call, answers.get(call.key, missing))
        await self._close(submitted, began)

    async def _close(self, submitted: Submitted, began: float) -> None:
        """Forget a submission, but only once its last delivery is committed."""
        until = time.monotonic() + _COMMIT_SECONDS
        while time.monotonic() < until:
            if self._submissions.settled(submitted.keys[-1], began):
                return self._submissions.drop(submitted.submission)
            await asyncio.sleep(0.02)
        return None

    def _line(self, call: Call) -> bytes:
        body = wire_body(self._model, call)
        if call.request.schema is not None:
            body |= schema_fields(self._schema_mode, call.request.schema)
        line = {
            "custom_id": call.key,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": body,
        }
        try:
            return json.dumps(line, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:  # half a character, for the provider to refuse
            return json.dumps(line).encode() + b"\n"

    def _read(
        self, line: bytes, wanted: Mapping[str, Call]
    ) -> dict[str, Answer | Fault]:
        """Return the answer of one line by its key; nothing where it is torn."""
        try:
            said = json.loads(line)
            key, response = str(said["custom_id"]), said.get("response") or {}
            status = int(response.get("status_code") or 0)
            body = json.dumps(response.get("body") or said.get("error") or {})
        except NO_COMPLETION:
            return {}
        messages = wanted[key].request.messages if key in wanted else ()
        answer: Answer | Fault
        if status == _OK:
            count = self._count_tokens
            answer = read_completion(body.encode(), messages, count_tokens=count)
        else:
            kind = kind_of_refusal(status, body, messages)
            answer = Fault(kind, f"HTTP {status} in a batch", body=body)
        if isinstance(answer, Fault) and answer.reason == "no_access":
            answer = replace(answer, reason="bad_request")
        return {key: answer}


def _files(calls: Iterator[Call], line: Any) -> Iterator[list[tuple[Call, bytes]]]:
    """Yield the calls with their lines, as many at a time as one file may hold."""
    chunk: list[tuple[Call, bytes]] = []
    size = 0
    for call in calls:
        encoded = line(call)
        if chunk and (len(chunk) == _FILE_CALLS or size + len(encoded) > _FILE_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((call, encoded))
        size += len(encoded)
    if chunk:
        yield chunk


def _orphan(key: str) -> Call:
    """Return a stand-in for a call that an earlier run asked and this one does not."""
    return Call(key, ChatRequest([], task="batch"), {})
