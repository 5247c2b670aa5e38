"""The offline brain as an OpenAI-compatible endpoint on loopback.

For running the openai path end to end without a key: ``offline-teacher``,
``offline-judge``, ``offline-student-a`` … answer ``/v1/chat/completions`` just as the
same brain does in-process for the same messages, temperature and seed.

Each request is one line of the log: the model, and the SHA-256 of what was asked, never
the text. Two equal lines mean that something was paid for twice.

Example line::

    offline-teacher 5d41402a… seed=1000
"""

import argparse
import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from psyche_kedro.llm.pictures import words_of
from psyche_kedro.offline import brain_of
from psyche_kedro.offline.brain import ROLES
from psyche_kedro.offline.cedar import NATURES

_LOG = logging.getLogger(__name__)
_BRAINS = {f"offline-{role}": brain_of(role) for role in (*ROLES, *NATURES)}
_LATENCY = web.AppKey("latency", float)
_CHARACTERS_PER_TOKEN = 1.5
"""Chinese characters per token, a rough ratio for the usage block."""


def make_app(latency: float = 0.0) -> web.Application:
    """Return the server.

    Args:
        latency: Seconds that every completion takes.
    """
    app = web.Application(client_max_size=64 * 1024**2)
    app[_LATENCY] = latency
    app.router.add_get("/v1/models", _list_models)
    app.router.add_post("/v1/chat/completions", _complete)
    return app


async def _list_models(_: web.Request) -> web.Response:
    models = [{"id": name, "object": "model"} for name in _BRAINS]
    return web.json_response({"object": "list", "data": models})


async def _complete(request: web.Request) -> web.Response:
    try:
        asked = _read(await request.json())
    except (KeyError, TypeError, ValueError) as error:
        return _refusal(400, f"Not a chat completion request: {error!r}.")
    model, messages, seed = asked["model"], asked["messages"], asked["seed"] or 0
    if model not in _BRAINS:
        return _refusal(404, f"No model {model!r}: choose one of {list(_BRAINS)}.")
    _LOG.info("%s %s seed=%s", model, _digest(asked), seed)
    await asyncio.sleep(request.app[_LATENCY])
    text = _BRAINS[model].answer(messages, sampling=asked["sampling"], seed=seed)
    return web.json_response(_completion(model, messages, text))


def _read(body: dict[str, Any]) -> dict[str, Any]:
    """Return what of a request decides its reply."""
    messages = [
        {"role": str(m["role"]), "content": _content(m["content"])}
        for m in body["messages"]
    ]
    if body.get("stream"):
        raise ValueError("streaming is not offered, leave out 'stream'")
    return {
        "model": body["model"],
        "messages": messages,
        "sampling": {"temperature": body.get("temperature")},
        "seed": body.get("seed"),
    }


def _content(said: Any) -> str | list[dict[str, Any]]:
    """Return a text, or the parts of one with pictures."""
    if not isinstance(said, list):
        return str(said)
    if all(isinstance(part, dict) for part in said):
        return said
    raise ValueError("content must be a text or a list of parts")


def _digest(asked: dict[str, Any]) -> str:
    text = json.dumps(asked, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _refusal(status: int, message: str) -> web.Response:
    error = {"message": message, "type": "invalid_request_error"}
    return web.json_response({"error": error}, status=status)


def _completion(
    model: str, messages: Sequence[dict[str, Any]], text: str
) -> dict[str, Any]:
    read = round(sum(len(words_of(m)) for m in messages) / _CHARACTERS_PER_TOKEN)
    written = round(len(text) / _CHARACTERS_PER_TOKEN)
    return {
        "id": "offline",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m psyche_kedro.offline",
        description="Serve the offline models as an OpenAI-compatible endpoint.",
    )
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds per reply")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    web.run_app(
        make_app(options.latency), host="127.0.0.1", port=options.port, access_log=None
    )
