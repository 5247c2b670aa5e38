"""A vision endpoint on loopback that reads nothing and misbehaves to order.

It knows a page by the picture it gets, so that a test can say what happens to which.
"""

import base64
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

FRONT_MATTER = (
    "---\nprimary_language: zh\nis_rotation_valid: {valid}\n"
    "rotation_correction: {turn}\nis_table: False\nis_diagram: False\n---\n"
)


def page(text: str, turn: int = 0) -> str:
    return FRONT_MATTER.format(valid=not turn, turn=turn) + text


@dataclass(frozen=True)
class Ask:
    """One request: which picture, how often it came before, at which temperature."""

    picture: str
    width: int
    height: int
    nth: int
    temperature: float


@dataclass(frozen=True)
class Answer:
    """What the server sends."""

    text: str = ""
    status: int = 200
    finish_reason: str = "stop"
    drop: bool = False


Script = Callable[[Ask], Answer]


class FakeVlmServer:
    """Serves ``/v1/chat/completions`` on a thread of its own while entered."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        owner = self

        class Handler(_Handler):
            server_state = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def total(self) -> int:
        return sum(self.asked.values())

    def answer(self, body: dict[str, Any]) -> Answer:
        url = body["messages"][0]["content"][1]["image_url"]["url"]
        png = base64.b64decode(url.split(",", 1)[1])
        picture = hashlib.sha256(png).hexdigest()[:16]
        width, height = (int.from_bytes(png[n : n + 4], "big") for n in (16, 20))
        with self._lock:
            nth = self.asked[picture]
            self.asked[picture] += 1
            self.bodies.append(body)
        return self.script(Ask(picture, width, height, nth, body["temperature"]))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: FakeVlmServer

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server_state.answer(body)
        if answer.drop:
            self.close_connection = True
            self.connection.close()
            return
        message = {"role": "assistant", "content": answer.text}
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
        said = {
            "id": "x",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [choice],
            "usage": {"prompt_tokens": 1500, "completion_tokens": 100},
        }
        data = json.dumps(said).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
