"""A loopback Batch API: files, batches, and results that come later."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web
from loopback import Behaviour, LoopbackServer, completion_body


class BatchServer(LoopbackServer):
    """Finishes a batch after it was asked about ``polls`` times.

    Attributes:
        batches: By id, as the API shows them.
        fails: Contents that get an error in the results.
        usage: Whether the replies report their tokens.
        litter: Stands before each results file.
        downloads: Times that a results file was asked for.
        upload_seconds: An upload takes.
        stall_seconds: The first question about a batch takes.
        hook: Called at ``uploaded``, ``created`` and ``polled``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batches: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.fails: set[str] = set()
        self.unanswered: set[str] = set()
        self.refuse = False
        self.usage = True
        self.polls = 2
        self.litter = b""
        self.downloads = 0
        self.upload_seconds = 0.0
        self.stall_seconds = 0.0
        self.hook: Callable[[str], None] = lambda event: None

    def add_routes(self, app: web.Application) -> None:
        super().add_routes(app)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._retrieve)

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        name = f"file-{len(self.files)}"
        self.files[name] = form["file"].file.read()
        self.hook("uploaded")
        await asyncio.sleep(self.upload_seconds)
        return web.json_response(
            {
                "id": name,
                "object": "file",
                "bytes": 1,
                "created_at": 1,
                "filename": "x",
                "purpose": "batch",
                "status": "processed",
            }
        )

    async def _content(self, request: web.Request) -> web.Response:
        self.downloads += 1
        return web.Response(body=self.files[request.match_info["id"]])

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "endpoint": body["endpoint"],
            "completion_window": "24h",
            "created_at": 1,
            "input_file_id": body["input_file_id"],
            "metadata": body["metadata"],
            "status": "in_progress",
            "polls": 0,
        }
        for line in self.files[body["input_file_id"]].splitlines():
            self.take(json.loads(line)["body"])
        self.hook("created")
        return web.json_response(self.batches[name])

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"object": "list", "data": list(self.batches.values()), "has_more": False}
        )

    async def _retrieve(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.batches:
            return web.json_response({"error": {"message": "gone"}}, status=404)
        batch = self.batches[request.match_info["id"]]
        batch["polls"] += 1
        self.hook("polled")
        if batch["polls"] == 1:
            await asyncio.sleep(self.stall_seconds)
        if self.refuse:
            errors = [{"code": "token_limit_exceeded", "message": "x"}]
            batch |= {"status": "failed", "errors": {"data": errors}}
        elif batch["polls"] >= self.polls:
            self._finish(batch)
        return web.json_response(batch)

    def _finish(self, batch: dict[str, Any]) -> None:
        good, bad = [], []
        for line in reversed(self.files[batch["input_file_id"]].splitlines()):
            request = json.loads(line)
            content = request["body"]["messages"][-1]["content"]
            if content in self.unanswered:
                continue
            (bad if content in self.fails else good).append(self._result(request))
        name = batch["id"]
        self.files[f"{name}-out"] = self.litter + b"\n".join(good)
        self.files[f"{name}-err"] = self.litter + b"\n".join(bad)
        batch |= {
            "status": "expired" if self.unanswered else "completed",
            "output_file_id": f"{name}-out" if good else None,
            "error_file_id": f"{name}-err" if bad else None,
        }

    def _result(self, request: dict[str, Any]) -> bytes:
        content = request["body"]["messages"][-1]["content"]
        failed = content in self.fails
        behaviour = Behaviour(
            status=400 if failed else 200, text=f"batch {content}", usage=self.usage
        )
        body = completion_body(_Asked(request["body"]), behaviour)
        response = {"status_code": behaviour.status, "body": json.loads(body)}
        return json.dumps(
            {"custom_id": request["custom_id"], "response": response, "error": None}
        ).encode()


class _Asked:
    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.content = ""
