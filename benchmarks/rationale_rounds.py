"""Rationales, three rounds and choice against an endpoint: does it stay busy?

    python benchmarks/rationale_rounds.py [--questions 10000]

An endpoint on loopback answers after 50 ms and counts how long it had anything to do.
The method's own nodes ask it: one rationale, three rounds of two half-steps and one
choice per question, every answer right, 512 requests in flight. The run is repeated
with everything stored. A tenth of the questions is then put to an endpoint that takes
2 s, as a hosted model does. Writes its section of ``benchmarks/README.md``.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import null_server  # noqa: E402
import sections  # noqa: E402

IN_FLIGHT = 512
MILLISECONDS = (50, 2_000)
GUIDE = "先辨清概念的要点，再把题干的条件逐条对照，最后复核一遍。"
RATIONALE = (
    "题目考查记忆方法。先看第一项，它只是重复材料；再看第二项组块，它把零散材料合成较大的"
    "单位，与题干所述一致；其余两项说的是别的现象。所以选B。"
)


class Connection(null_server.Connection):
    """Answers what was asked, and knows how much is in flight."""

    def data_received(self, data: bytes) -> None:
        self.body = data
        super().data_received(data)

    def answer(self, head: bytes) -> None:
        if head.startswith(b"get"):
            stats = json.dumps(self.service.seen()).encode()
            self.write(null_server._response("200 OK", stats))
            return
        self.service.begin()
        reply = self.service.reply(self.body)
        loop = asyncio.get_running_loop()
        loop.call_later(self.service.seconds, self.finish, reply)

    def finish(self, reply: bytes) -> None:
        self.service.end()
        self.write(reply)


class Service:
    def __init__(self, milliseconds: int) -> None:
        self.seconds = milliseconds / 1_000
        self.stats = {"connections": 0}
        self.flying, self.first, self.last = 0, 0.0, 0.0
        self.busy, self.since = 0.0, 0.0
        self.area, self.changed, self.requests = 0.0, 0.0, 0
        self.guide = _completion(GUIDE)
        self.answered = _completion(
            json.dumps(
                {"rationale": RATIONALE, "prediction": "B", "best_rationale_index": 1}
            )
        )

    def seen(self) -> dict[str, float]:
        return {
            "requests": self.requests,
            "seconds": self.last - self.first,
            "busy": self.busy,
            "mean": self.area / max(1e-9, self.last - self.first),
        }

    def reply(self, body: bytes) -> bytes:
        return self.guide if b"current_prompt" in body else self.answered

    def begin(self) -> None:
        now = self._move(1)
        self.requests += 1
        self.first = self.first or now
        if self.flying == 1:
            self.since = now

    def end(self) -> None:
        now = self._move(-1)
        self.last = now
        if not self.flying:
            self.busy += now - self.since

    def _move(self, step: int) -> float:
        now = time.monotonic()
        if self.first:
            self.area += self.flying * (now - self.changed)
        self.changed = now
        self.flying += step
        return now


def _completion(content: str) -> bytes:
    message = {"role": "assistant", "content": content}
    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "null",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500},
    }
    return null_server._response("200 OK", json.dumps(body).encode())


async def serve(milliseconds: int) -> None:
    service = Service(milliseconds)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(service), "127.0.0.1", 0, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def endpoint(milliseconds: int) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = str(process.stdout.readline()).strip()  # type: ignore[union-attr]
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def prompts() -> dict[str, Any]:
    from psyche_kedro.prompts import Prompt

    folder = ROOT / "conf/base/prompts/zh"
    names = ("words", "rationale", "refinement", "revision", "choice")
    files = {
        name: yaml.safe_load((folder / f"{name}.yml").read_text("utf-8"))
        for name in names
    }
    words = files.pop("words")
    return {name: Prompt(**fields, words=words) for name, fields in files.items()}


def questions(n: int) -> Any:
    from psyche_kedro.tables import ReviewedQuestions, content_id, frame

    options = ["复述策略", "组块", "系列位置效应", "前摄抑制"]
    return frame(
        ReviewedQuestions,
        (
            {
                "question_id": content_id("benchmark", str(i)),
                "parent_id": content_id("benchmark", str(i)),
                "origin": "bank",
                "source": "benchmark",
                "type": "single",
                "stem": f"把零散的材料合成较大的单位来记忆的方法是（ ）。{i}",
                "options": [
                    {"label": k, "text": t}
                    for k, t in zip("ABCD", options, strict=True)
                ],
                "gold": ["B"],
                "review": "not_reviewed",
            }
            for i in range(n)
        ),
    )


def play(table: Any, model: Any) -> float:
    """Run the three nodes; return their seconds."""
    from psyche_kedro.pipelines.synthesis.parameters import RationaleParameters
    from psyche_kedro.pipelines.synthesis.rationales import nodes

    settings = yaml.safe_load(
        (ROOT / "conf/base/parameters/synthesis.yml").read_text("utf-8")
    )
    params = RationaleParameters(**settings["synthesis"]["rationales"])
    wording = prompts()
    start = time.monotonic()
    attempts, _ = nodes.write_rationales(
        table, prompt=wording["rationale"], teachers={"teacher": model}, params=params
    )
    rounds = nodes.refine_rationales(
        table,
        attempts,
        rationale_prompt=wording["rationale"],
        refinement_prompt=wording["refinement"],
        revision_prompt=wording["revision"],
        teachers={"teacher": model},
        params=params,
    )
    samples = nodes.choose_best_rationales(
        table, rounds, prompt=wording["choice"], judge=model, params=params
    )
    if samples.filter(n_candidates=params.rounds + 1).height < table.height:
        raise RuntimeError(f"a round was not accepted: {rounds['reason'].unique()}")
    return time.monotonic() - start


def measure(n: int, milliseconds: int) -> dict[str, str]:
    """Play the method twice; return what the endpoint saw."""
    from request_engine import _ours

    table = questions(n)
    with endpoint(milliseconds) as url, tempfile.TemporaryDirectory() as folder:
        first = play(table, _ours(f"{url}/v1", folder, IN_FLIGHT))
        stats = json.load(urlopen(f"{url}/stats"))  # noqa: S310 - our own server
        again = play(table, _ours(f"{url}/v1", folder, IN_FLIGHT))
        repeated = json.load(urlopen(f"{url}/stats"))["requests"]  # noqa: S310
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "a reply takes": f"{milliseconds:,} ms",
        "questions": f"{n:,}",
        "requests": f"{stats['requests']:,}",
        "first run": f"{first:.0f} s, {stats['requests'] / first:,.0f} requests/s",
        "endpoint busy": f"{stats['busy'] / stats['seconds']:.1%} of the time",
        "requests in flight, mean": f"{stats['mean']:.0f}",
        "second run": f"{again:.1f} s, {first / again:.0f} times faster",
        "the same for each request": f"{1e6 * again / stats['requests']:.0f} µs",
        "requests of the second run": f"{repeated - stats['requests']:.0f}",
        "peak memory of the client": f"{peak:.2f} GiB",
    }


def main() -> None:
    """Measure a fast endpoint and a slow one; print and store the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--serve", type=int, metavar="MS")
    given = parser.parse_args()
    if given.serve is not None:
        asyncio.run(serve(given.serve))
        return
    sizes = (given.questions, given.questions // 10)
    columns = [measure(n, ms) for n, ms in zip(sizes, MILLISECONDS, strict=True)]
    lines = [
        " | ".join(["", name, *(column[name] for column in columns), ""]).strip()
        for name in columns[0]
    ]
    lines.insert(1, "|---|---|---|")
    print("\n".join(lines))
    sections.put(
        "rationale-rounds",
        "\n".join(["`python benchmarks/rationale_rounds.py`", "", *lines]),
    )


if __name__ == "__main__":
    main()
