"""The Batch API behind the same protocol: a day's patience for half the price.

Calls go up as JSON Lines, at most 50,000 to a file; the provider answers within a day.
The store keeps which calls are in which submission *before* the provider hears of it:

    prepared ── upload, create ──▶ submitted ── poll, download ──▶ collected

A run killed anywhere in between finds its submissions again (by their id in the batch's
metadata, if it died before it learnt the provider's own) and pays for none twice.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from psyche_kedro.llm.chat_model import ChatModelError, ChatRequest
from psyche_kedro.llm.completions import (
    CountTokens,
    kind_of_refusal,
    read_completion,
    wire_body,
)
from psyche_kedro.llm.engine import Answer, Call, Deliver, Fault
from psyche_kedro.llm.structured import schema_fields
from psyche_kedro.llm.submissions import Submissions

_FILE_CALLS: Final = 50_000
_FILE_BYTES: Final = 100_000_000
_ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
_COMMIT_SECONDS: Final = 60.0
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
        poll_seconds: Between two questions about a batch.
        count_tokens: For an estimate where a reply comes without usage.
    """

    def __init__(
        self,
        model: str,
        *,
        api: BatchApi,
        submissions: Submissions,
        poll_seconds: float,
        count_tokens: CountTokens,
    ) -> None:
        self._model = model
        self._api = api
        self._submissions = submissions
        self._poll_seconds = poll_seconds
        self._count_tokens = count_tokens

    async def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        """Deliver every call, those of earlier submissions included.

        Raises:
            ChatModelError: If the provider refuses a batch as a whole.
        """
        await self._recover()
        submitted = self._submissions.keys()
        wanted: dict[str, Call] = {}
        for chunk in _files(_noting(calls, wanted, submitted), self._line):
            await self._submit(chunk)
        if not wanted:
            return
        await self._collect_all(wanted, deliver)

    async def _recover(self) -> None:
        """Learn the provider's id of submissions that a kill left without one."""
        for submission in self._submissions.nameless():
            batch = await self._api.find(submission)
            if batch is None:
                self._submissions.drop(submission)
            else:
                self._submissions.name(submission, batch)

    async def _submit(self, chunk: Sequence[tuple[Call, bytes]]) -> None:
        submission = uuid.uuid4().hex
        self._submissions.prepare(submission, [call.key for call, _ in chunk])
        lines = b"".join(line for _, line in chunk)
        self._submissions.name(submission, await self._api.submit(lines, submission))

    async def _collect_all(self, wanted: dict[str, Call], deliver: Deliver) -> None:
        waiting = self._submissions.named()
        while waiting:
            for batch in list(waiting):
                state = await self._api.state(batch)
                if state.status in _ENDED:
                    await self._collect(waiting.pop(batch), state, wanted, deliver)
            if waiting:
                await asyncio.sleep(self._poll_seconds)

    async def _collect(
        self,
        submission: str,
        state: BatchState,
        wanted: dict[str, Call],
        deliver: Deliver,
    ) -> None:
        keys = self._submissions.keys_of(submission)
        answers: dict[str, Answer | Fault] = {}
        for file in state.files:
            for line in (await self._api.download(file)).splitlines():
                key, answer = self._read(json.loads(line), wanted)
                answers[key] = answer
        if state.status == "failed" and not answers:
            self._submissions.drop(submission)
            raise ChatModelError(
                f"The Batch API refused a batch of {len(keys)} calls for model"
                f" '{self._model}' ({state.message}): mend that and run the same"
                " command again."
            )
        missing = Fault("batch_expired", f"batch {state.status}, call unanswered")
        for key in keys:
            call = wanted.pop(key, None) or _orphan(key)
            deliver(call, answers.get(key, missing))
        await self._close(submission, keys[-1])

    async def _close(self, submission: str, last_key: str) -> None:
        """Forget a submission, but only once its last delivery is committed."""
        until = time.monotonic() + _COMMIT_SECONDS
        while time.monotonic() < until:
            if self._submissions.settled(last_key):
                return self._submissions.drop(submission)
            await asyncio.sleep(0.02)
        return None

    def _line(self, call: Call) -> bytes:
        body = wire_body(self._model, call)
        if call.request.schema is not None:
            body |= schema_fields("json_schema", call.request.schema)
        line = {
            "custom_id": call.key,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": body,
        }
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"

    def _read(
        self, line: Mapping[str, Any], wanted: Mapping[str, Call]
    ) -> tuple[str, Answer | Fault]:
        key = line["custom_id"]
        response = line.get("response") or {}
        body = json.dumps(response.get("body") or line.get("error") or {})
        status = int(response.get("status_code") or 0)
        if status != _OK:
            kind = kind_of_refusal(status, body)
            return key, Fault(kind, f"HTTP {status} in a batch", body=body)
        messages = wanted[key].request.messages if key in wanted else ()
        return key, read_completion(
            body.encode(), messages, count_tokens=self._count_tokens
        )


def _noting(
    calls: Iterator[Call], wanted: dict[str, Call], submitted: frozenset[str]
) -> Iterator[Call]:
    """Yield the calls not yet submitted, and keep all of them for their delivery."""
    for call in calls:
        wanted[call.key] = call
        if call.key not in submitted:
            yield call


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
