"""CPU, speed and memory of the request engine beside bare clients and two peers.

``python benchmarks/request_engine.py`` runs everything on loopback and rewrites its
section of ``benchmarks/README.md``; ``--only speed limit store memory overhead`` picks
parts. Peers run where ``CURATOR_PYTHON`` and ``DISTILABEL_PYTHON`` name an interpreter
that has them; they are no dependencies of this project.

Every measurement is a process of its own. CPU is user + system of that process and its
children, imports not counted.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import sections

HERE = Path(__file__).parent
PROMPT = "You are an expert in psychology with much professional experience. " * 13
SERVERS = {
    "0 ms": "fixed:0",
    "200 ms": "fixed:200",
    "long tail": "lognormal:300:1.0",
}
CLIENTS = ("aiohttp", "openai", "queue", "ours", "curator", "distilabel")
TITLES = {
    "aiohttp": "bare aiohttp",
    "openai": "bare AsyncOpenAI",
    "queue": "worker queue, AsyncOpenAI over aiohttp",
    "ours": "**ours**, store, accounts and progress on",
    "curator": "Bespoke Curator 0.1.31",
    "distilabel": "distilabel 1.5.3",
}


def messages(i: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"{PROMPT}\n# Question: {i}"}]


# Clients: each runs in a process of its own and prints one line of JSON.


def cpu() -> float:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in (mine, children))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(n: int, began: float, cpu_before: float, **more: object) -> None:
    wall = time.perf_counter() - began
    used = cpu() - cpu_before
    line = {"wall": wall, "rate": n / wall, "cpu_ms": 1000 * used / n}
    print(json.dumps(line | {"peak_mb": peak_mb()} | more))


async def drive(one, n: int, c: int) -> None:
    numbers = iter(range(n))

    async def work() -> None:
        for i in numbers:
            await one(i)

    await asyncio.gather(*(work() for _ in range(c)))


def client_aiohttp(url: str, n: int, c: int) -> None:
    import aiohttp

    async def main() -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one(i: int) -> None:
                body = {"model": "null", "messages": messages(i), "temperature": 0.7}
                async with session.post(f"{url}/chat/completions", json=body) as r:
                    json.loads(await r.read())

            began, before = time.perf_counter(), cpu()
            await drive(one, n, c)
            report(n, began, before)

    asyncio.run(main())


def client_openai(url: str, n: int, c: int, *, aiohttp: bool = False) -> None:
    import openai

    async def main() -> None:
        extra = {"http_client": openai.DefaultAioHttpClient()} if aiohttp else {}
        async with openai.AsyncOpenAI(base_url=url, api_key="x", **extra) as client:

            async def one(i: int) -> None:
                reply = await client.chat.completions.create(
                    model="null", messages=messages(i), temperature=0.7
                )
                json.loads(reply.choices[0].message.content)

            began, before = time.perf_counter(), cpu()
            await drive(one, n, c)
            report(n, began, before)

    asyncio.run(main())


def client_queue(url: str, n: int, c: int) -> None:
    client_openai(url, n, c, aiohttp=True)


def _ours(url: str, folder: str, c: int | None):
    from psyche_kedro.llm.accounts import Account, Ledger
    from psyche_kedro.llm.openai.chat_model import OpenAIChatModel, _tls
    from psyche_kedro.llm.openai.endpoints import Endpoint
    from psyche_kedro.llm.prices import Budget, Price
    from psyche_kedro.llm.store.reply_store import ReplyStore

    _tls()  # every client has read its certificates before its clock starts
    price = Price(input=4, output=12, currency="CNY", as_of="2026-11")
    return OpenAIChatModel(
        "null",
        endpoints=[Endpoint(base_url=url, concurrency=c)],
        store=ReplyStore(Path(folder) / "r.sqlite"),
        sampling={"temperature": 0.7},
        account=Account(
            "teacher", price=price, budget=Budget(money=1e9), ledger=Ledger()
        ),
    )


def _requests(n: int):
    from psyche_kedro.llm import ChatRequest

    return (ChatRequest(messages(i), task="bench") for i in range(n))


def client_ours(url: str, n: int, c: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = _ours(url, folder, c or None)
        began, before = time.perf_counter(), cpu()
        outcomes = model.complete(_requests(n))
        report(n, began, before, lost=sum(not hasattr(o, "text") for o in outcomes))


def client_uncounted(url: str, n: int, c: int) -> None:
    """Ours with progress and accounting taken out, to see what they cost."""
    from psyche_kedro.llm import accounts, engine

    tally = accounts.Tally()
    accounts.Account.asked = lambda self, task: None
    accounts.Account.recalled = lambda self, task, count, usage: None
    accounts.Account.settled = lambda self, task, outcomes: tally
    accounts.Account.spent = lambda self: ""
    engine.Progress.move = lambda self, tally: None
    client_ours(url, n, c)


def client_stored(url: str, n: int, c: int) -> None:
    """Fill a store, then ask again with no server there."""
    with tempfile.TemporaryDirectory() as folder:
        _ours(url, folder, c).complete(_requests(n))
        down = _ours("http://127.0.0.1:9/v1", folder, c)
        began, before = time.perf_counter(), cpu()
        lost = n - len(down.complete(_requests(n)))
        disk = (Path(folder) / "r.sqlite").stat().st_size / 1e6
        report(n, began, before, disk_mb=disk, lost=lost)


def client_long(url: str, n: int, c: int) -> None:
    """4 kB requests, lazily rendered."""
    from psyche_kedro.llm import ChatRequest

    with tempfile.TemporaryDirectory() as folder:
        model = _ours(url, folder, c)
        began, before = time.perf_counter(), cpu()
        outcomes = model.complete(
            ChatRequest(
                [{"role": "user", "content": f"{i} " + "x" * 4000}], task="bench"
            )
            for i in range(n)
        )
        report(n, began, before, lost=n - len(outcomes))


def client_curator(url: str, n: int, c: int) -> None:
    os.environ.update(
        TELEMETRY_ENABLED="false",
        CURATOR_DISABLE_RICH_DISPLAY="1",
        HF_HUB_OFFLINE="1",
        OPENAI_API_KEY="x",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )
    import tiktoken

    class Words:
        def encode(self, text: str, **_: object) -> list[str]:
            return text.split()

    # Its tokenizer is a download; counting words instead is cheaper, in its favour.
    tiktoken.get_encoding = lambda name: Words()
    tiktoken.encoding_for_model = lambda name: Words()
    from bespokelabs import curator
    from datasets import Dataset

    class Ask(curator.LLM):
        def prompt(self, row):
            return messages(row["i"])[0]["content"]

        def parse(self, row, response):
            return {"i": row["i"], "out": response}

    model = Ask(
        model_name="null",
        backend="openai",
        generation_params={"temperature": 0.7},
        backend_params={
            "base_url": url,
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "max_concurrent_requests": c,
        },
    )
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        rows = Dataset.from_dict({"i": list(range(n))})
        began, before = time.perf_counter(), cpu()
        result = model(rows, working_dir=folder)
        lost = n - len(getattr(result, "dataset", result))
        with contextlib.redirect_stdout(sys.__stdout__):
            report(n, began, before, lost=lost)


def client_distilabel(url: str, n: int, c: int) -> None:
    os.environ.update(HF_HUB_OFFLINE="1")
    from distilabel.models.llms import OpenAILLM

    llm = OpenAILLM(model="null", base_url=url, api_key="x")
    llm.load()
    began, before = time.perf_counter(), cpu()
    for start in range(0, n, c):
        inputs = [messages(i) for i in range(start, min(n, start + c))]
        llm.generate_outputs(inputs=inputs, max_new_tokens=512, temperature=0.7)
    report(n, began, before)


# The bench.


@contextlib.contextmanager
def server(*options: str) -> Iterator[str]:
    command = [sys.executable, str(HERE / "null_server.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def stats(url: str, what: str = "stats") -> dict[str, int]:
    with urllib.request.urlopen(url.removesuffix("v1") + what) as response:  # noqa: S310
        return json.load(response)


def interpreter(client: str) -> str | None:
    if client in ("curator", "distilabel"):
        return os.environ.get(f"{client.upper()}_PYTHON")
    return sys.executable


def measure(client: str, url: str, n: int, c: int) -> dict[str, float]:
    stats(url, "reset")
    command = [interpreter(client), __file__, "client", client, url, str(n), str(c)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=HERE.parent
    )
    line = json.loads(done.stdout.strip().splitlines()[-1])
    return line | {"sent": stats(url)["requests"]}


def medians(
    plan: dict[str, tuple[int, int]], url: str, c: int
) -> dict[str, dict[str, float]]:
    """Return each client's medians: ``plan`` says how many requests, how often.

    The clients take turns, so that a busy machine is busy for all of them.
    """
    turns = range(max(repeats for _, repeats in plan.values()))
    runs = {name: [] for name in plan}
    for turn in turns:
        for name, (n, repeats) in plan.items():
            if turn < repeats:
                runs[name].append(measure(name, url, n, c))
    return {
        name: {k: statistics.median(run[k] for run in each) for k in each[0]}
        for name, each in runs.items()
    }


def bench_speed(repeats: int) -> list[str]:
    lines = [
        "| client | in flight | 0 ms: CPU ms/request | replies/s | 200 ms: CPU"
        " | replies/s | long tail: CPU | replies/s | peak MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for c in (64, 256):
        rows = {name: [] for name in CLIENTS if interpreter(name)}
        for latency in SERVERS.values():
            usual = 2_000 * (4 if c > 64 else 1), repeats
            plan = dict.fromkeys(rows, usual)
            if "distilabel" in plan and latency != "fixed:0":  # it takes minutes
                plan["distilabel"] = 500, 1
            with server("--latency", latency) as url:
                for name, cell in medians(plan, url, c).items():
                    rows[name].append(cell)
        for name, cells in rows.items():
            figures = " | ".join(f"{x['cpu_ms']:.2f} | {x['rate']:.0f}" for x in cells)
            peak = max(x["peak_mb"] for x in cells)
            lines.append(f"| {TITLES[name]} | {c} | {figures} | {peak:.0f} |")
    return lines


def bench_limit(repeats: int) -> list[str]:
    lines = [
        "",
        "2,000 requests, true limit 100/s, burst 20, HTTP 429, nothing stated:",
    ]
    for latency in ("fixed:0", "fixed:200"):
        with server("--latency", latency, "--limit", "100:20") as url:
            x = measure("ours", url, 2_000, 0)
        lines.append(
            f"- latency {latency.removeprefix('fixed:')} ms: {x['wall']:.1f} s,"
            f" {x['lost']:.0f} lost, {(x['sent'] - 2000) / 20:.1f} % extra requests"
        )
    return lines


def bench_store(repeats: int) -> list[str]:
    with server() as url:
        x = measure("stored", url, 100_000, 256)
    return [
        "",
        f"100,000 stored replies with the endpoint down: {x['wall']:.1f} s"
        f" ({x['cpu_ms']:.3f} CPU ms each, {x['disk_mb']:.0f} MB on disk).",
    ]


def bench_memory(repeats: int) -> list[str]:
    with server("--bytes", "4000") as url:
        x = measure("long", url, 200_000, 256)
    return [
        "",
        f"200,000 requests of 4 kB with replies of 4 kB: peak {x['peak_mb']:.0f} MB,"
        f" {x['wall']:.0f} s.",
    ]


def bench_overhead(repeats: int) -> list[str]:
    with server() as url:
        plan = dict.fromkeys(("ours", "uncounted"), (8_000, 2 * repeats))
        cost = medians(plan, url, 256)
    with_it, without = cost["ours"]["cpu_ms"], cost["uncounted"]["cpu_ms"]
    share = 100 * (with_it / without - 1)
    return [
        "",
        f"Progress and accounting: {with_it:.3f} against {without:.3f} CPU ms a request"
        f" without them, {share:+.1f} %.",
    ]


PARTS = {
    "speed": bench_speed,
    "limit": bench_limit,
    "store": bench_store,
    "memory": bench_memory,
    "overhead": bench_overhead,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    for part in arguments.only:
        lines = PARTS[part](arguments.repeats)
        print("\n".join(lines), flush=True)
        sections.put(f"request_engine_{part}", "\n".join(lines))


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        sys.path.insert(0, str(HERE.parent / "src"))
        globals()[f"client_{sys.argv[2]}"](sys.argv[3], *map(int, sys.argv[4:]))
    else:
        main()
