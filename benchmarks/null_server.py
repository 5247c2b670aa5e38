"""A server that answers chat completions at once, late or rarely; for benchmarks.

``python benchmarks/null_server.py [--latency fixed:MS | lognormal:MEAN_MS:SIGMA]
[--limit RATE:BURST] [--bytes N]`` prints its port. ``GET /stats`` counts. Its own cost
is about 0.03 ms a request.
"""

import argparse
import asyncio
import json
import math
import random
import time


def completion(size: int) -> bytes:
    content = json.dumps({"rationale": "r" * max(0, size - 40), "prediction": "A"})
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "null",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 300,
            "completion_tokens": 200,
            "total_tokens": 500,
        },
    }
    return _response("200 OK", json.dumps(body).encode())


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


REFUSED = _response("429 Too Many Requests", b'{"error": {"message": "rate limit"}}')


class Bucket:
    """Accepts ``rate`` requests a second, ``burst`` at once; all, without a rate."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = burst, time.monotonic()

    def take(self) -> bool:
        if not self.rate:
            return True
        now = time.monotonic()
        gained = (now - self.at) * self.rate
        self.tokens, self.at = min(self.burst, self.tokens + gained), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Service:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.good = completion(arguments.bytes)
        kind, *numbers = arguments.latency.split(":")
        self.kind, self.numbers = kind, [float(number) for number in numbers]
        self.random = random.Random(7)
        self.bucket = Bucket(*(float(n) for n in arguments.limit.split(":")))
        self.stats = {"requests": 0, "refused": 0, "connections": 0}

    def latency(self) -> float:
        if self.kind == "fixed":
            return self.numbers[0] / 1000
        mean, sigma = self.numbers
        mu = math.log(mean / 1000) - sigma * sigma / 2
        return min(10.0, self.random.lognormvariate(mu, sigma))


class Connection(asyncio.Protocol):
    def __init__(self, service: Service) -> None:
        self.service = service
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.service.stats["connections"] += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(head)

    def answer(self, head: bytes) -> None:
        stats = self.service.stats
        if head.startswith(b"get"):
            self.write(_response("200 OK", json.dumps(stats).encode()))
            if b"/reset" in head:
                stats.update(dict.fromkeys(stats, 0))
                self.service.random.seed(7)  # the same latencies for every client
            return None
        stats["requests"] += 1
        if not self.service.bucket.take():
            stats["refused"] += 1
            return self.write(REFUSED)
        if latency := self.service.latency():
            loop = asyncio.get_running_loop()
            loop.call_later(latency, self.write, self.service.good)
            return None
        return self.write(self.service.good)

    def write(self, response: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(response)


async def main(arguments: argparse.Namespace) -> None:
    service = Service(arguments)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(service), "127.0.0.1", 0, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", default="fixed:0")
    parser.add_argument("--limit", default="0:1")
    parser.add_argument("--bytes", type=int, default=600)
    try:
        import uvloop

        uvloop.run(main(parser.parse_args()))
    except ImportError:
        asyncio.run(main(parser.parse_args()))
