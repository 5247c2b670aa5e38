"""Asks for replies that follow a JSON schema, in the way an endpoint understands.

OpenAI and new vLLM take ``response_format: json_schema``, older vLLM ``guided_json``,
others only ``json_object``, some nothing at all. The first request with a schema tries
them in this order while the others wait, and the store remembers what worked for an
endpoint and model, which the next run tries first. Where nothing works the prompt alone
asks for JSON, and the reader of replies (``answers``) is tolerant anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from psyche_kedro.llm.engine import Answer, Fault
from psyche_kedro.llm.store.reply_store import ReplyStore

_MODES: Final = ("json_schema", "guided_json", "json_object", "none")
_MAY_BE_THE_SCHEMA: Final = frozenset({"bad_request", "server_error"})
"""How servers refuse a field that they do not know; some fall over it."""

Post = Callable[[Mapping[str, Any]], Awaitable[Answer | Fault]]


class SchemaSupport:
    """What one endpoint was found to understand for one model.

    Args:
        store: Remembers it between runs.
        base_url: The endpoint.
        model: The model's id.
        stated: The mode, where the user says it.
    """

    def __init__(
        self, store: ReplyStore, base_url: str, model: str, stated: str | None = None
    ) -> None:
        self._store = store
        self._about = (base_url, model)
        self._mode = stated
        self._probing = asyncio.Lock()

    async def ask(self, post: Post, schema: Mapping[str, Any]) -> Answer | Fault:
        """Return what ``post`` gets with the fields that ask for ``schema``."""
        if self._mode is None:
            async with self._probing:
                if self._mode is None:
                    return await self._probe(post, schema)
        return await post(schema_fields(self._mode, schema))

    async def _probe(self, post: Post, schema: Mapping[str, Any]) -> Answer | Fault:
        first: Answer | Fault | None = None
        # What worked in an earlier run comes first; the server may be another since.
        for mode in dict.fromkeys((self.recall() or _MODES[0], *_MODES)):
            answer = await post(schema_fields(mode, schema))
            first = first or answer
            if isinstance(answer, Answer) or answer.reason == "truncated":
                self._remember(mode)
                return answer
            if answer.reason not in _MAY_BE_THE_SCHEMA:
                return answer  # says nothing about the mode
        # Refused even without a schema: the request itself is bad.
        return first or answer

    def recall(self) -> str | None:
        """Return the mode that was found in an earlier run, if any was."""
        with self._store.open() as session:
            found = session.rows(
                "SELECT mode FROM schema_modes WHERE base_url = ? AND model = ?",
                self._about,
            )
        return found[0][0] if found else None

    def _remember(self, mode: str) -> None:
        self._mode = mode
        with self._store.open() as session:
            session.write(
                "INSERT OR REPLACE INTO schema_modes VALUES (?, ?, ?)",
                [(*self._about, mode)],
            )


def schema_fields(mode: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request that ask for ``schema`` in ``mode``."""
    match mode:
        case "json_schema":
            named = {"name": "reply", "schema": schema, "strict": True}
            return {"response_format": {"type": "json_schema", "json_schema": named}}
        case "guided_json":
            return {"guided_json": schema}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
        case _:
            return {}
