"""Cleaning: rows and pages per CPU second, beside the nearest operators of the peers.

    python benchmarks/cleaning.py [--rows 50000] [--million] [--peers <python>]

The texts are the bundled sample's posts, replies and questions, each with its number,
in two mixes: as people type who use Chinese punctuation, and with every second text
typed in ASCII punctuation.
``--peers`` names an interpreter of its own environment with data-juicer and datatrove
in it (data-juicer installs what it misses into the environment it runs in); its
operators run on the same texts in the same run. ``--million`` cleans a million short
posts without model passes and says the peak of memory. Writes its section of
``benchmarks/README.md``.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import sections

ROOT = Path(__file__).parents[1]
SECTION = "cleaning"
SAMPLE = ROOT / "data/01_raw/sample"
PROBES = {
    "我很好，真的。“引号”！？": "Chinese punctuation",
    "看https://example.com/a这个回答写得很好": "the sentence after a link",
    "１８分": "wide digits",
}
"""What an operator may damage, and what it is to keep of it."""


def cpu_rate(work: Callable[[str], object], texts: Sequence[str]) -> float:
    """Return texts per CPU second."""
    work(texts[0])
    start = time.process_time()
    for text in texts:
        work(text)
    return len(texts) / (time.process_time() - start)


# ---- texts -----------------------------------------------------------------------


def sample_texts() -> list[str]:
    community = json.loads((SAMPLE / "posts/community.json").read_text("utf-8"))
    bank = json.loads(
        (SAMPLE / "question_banks/psychology_bank.json").read_text("utf-8")
    )
    texts = [question["question"] for question in bank]
    for post in community:
        texts += [post["question"], post["description"]]
        texts += [answer["answer_text"] for answer in post["answers"]]
    return [text for text in texts if text]


def mixes(n: int) -> dict[str, list[str]]:
    chinese = [f"{t}第{i}次" for i, t in enumerate(islice(cycle(sample_texts()), n))]
    narrow = str.maketrans("，。？！：；（）", ",.?!:;()")
    mixed = [t.translate(narrow) if i % 2 else t for i, t in enumerate(chinese)]
    return {"Chinese punctuation": chinese, "half typed in ASCII": mixed}


# ---- ours and theirs -------------------------------------------------------------


def ours() -> dict[str, Callable[[str], object]]:
    sys.path.insert(0, str(ROOT / "src"))
    import yaml

    from psyche_kedro.pipelines.cleaning.conversations import clean_text
    from psyche_kedro.pipelines.cleaning.deidentification.contacts import find_contacts
    from psyche_kedro.pipelines.cleaning.deidentification.deidentify import find_spans
    from psyche_kedro.pipelines.cleaning.text.normalise import normalise

    file = ROOT / "conf/base/parameters/cleaning.yml"
    posts = yaml.safe_load(file.read_text("utf-8"))["cleaning"]["posts"]
    allowed = frozenset(posts["hotlines"])
    return {
        "**ours**: normalise": normalise,
        "**ours**: normalise, then links, emojis and kaomoji out": clean_text,
        "**ours**: contacts by pattern": lambda text: list(
            find_contacts(text, allowed)
        ),
        "**ours**: all layers of rules": lambda text: find_spans(text, allowed),
    }


def theirs() -> dict[str, Callable[[str], object]]:
    """Return the peers' operators; only in an environment of their own."""
    from data_juicer.ops.mapper.clean_links_mapper import CleanLinksMapper
    from data_juicer.ops.mapper.fix_unicode_mapper import FixUnicodeMapper
    from data_juicer.ops.mapper.punctuation_normalization_mapper import (
        PunctuationNormalizationMapper,
    )
    from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter

    def mapper(operator) -> Callable[[str], str]:
        return lambda text: operator.process_batched({"text": [text]})["text"][0]

    return {
        "data-juicer punctuation_normalization": mapper(
            PunctuationNormalizationMapper()
        ),
        "data-juicer fix_unicode": mapper(FixUnicodeMapper()),
        "data-juicer clean_links": mapper(CleanLinksMapper()),
        "datatrove FTFYFormatter": FTFYFormatter().format,
        "datatrove PIIFormatter (e-mail, IP)": PIIFormatter().format,
    }


def measure(
    operators: dict[str, Callable[[str], object]], n: int
) -> dict[str, list[str]]:
    rows = {}
    texts = mixes(n)
    for name, work in operators.items():
        rates = [cpu_rate(work, mix) for mix in texts.values()]
        harm = [keeps for text, keeps in PROBES.items() if _is_harmed(text, work(text))]
        rows[name] = [*(f"{rate:,.0f}" for rate in rates), "; ".join(harm) or "nothing"]
    return rows


def _is_harmed(probe: str, result: object) -> bool:
    if not isinstance(result, str):
        return False
    kept = {"１８分": "18分|１８分"}.get(probe)
    if kept:
        return not re.fullmatch(kept, result)
    words = probe.replace("https://example.com/a", "")
    return words not in result.replace("https://example.com/a", "")


def peers(python: str, n: int) -> dict[str, list[str]]:
    command = [python, __file__, "--peer-run", str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


# ---- pages -----------------------------------------------------------------------


def pages() -> Iterator[str]:
    import pypdfium2

    from psyche_kedro.datasets.source_files import SourceFile
    from psyche_kedro.pipelines.ingestion.textbooks.ocr import installed_engines
    from psyche_kedro.pipelines.ingestion.textbooks.page_images import PageRef, render
    from psyche_kedro.pipelines.ingestion.textbooks.text_layer import read_text_layer

    born = SAMPLE / "textbooks/社会与健康心理学.pdf"
    start, count = time.process_time(), 0
    for _ in range(20):
        with pypdfium2.PdfDocument(born.read_bytes()) as document:
            count += sum(bool(read_text_layer(page)) for page in document)
    yield f"| text layer | {count / (time.process_time() - start):,.0f} |"
    scan = SAMPLE / "textbooks/变态与咨询心理学_扫描.pdf"
    file = SourceFile(scan.name, scan.read_bytes)
    refs = [PageRef(file, "pdf", number) for number in (1, 2, 3)]
    pictures = list(render(refs, 1800))
    for engine in installed_engines(["rapidocr", "tesseract"]):
        engine.read(pictures[0])
        start = cpu_seconds()
        for picture in pictures:
            engine.read(picture)
        rate = len(pictures) / (cpu_seconds() - start)
        yield f"| {engine.name}, one thread, 1,800 pixels | {rate:.2f} |"


def cpu_seconds() -> float:
    """Return those of this process and of the programs that it called."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


# ---- a million posts -------------------------------------------------------------


def short_posts(start: int, end: int):
    import polars as pl

    def speak(role: str, text: pl.Expr) -> pl.Expr:
        return pl.struct(pl.lit(role).alias("role"), text.alias("content"))

    said = pl.format("我最近总是失眠，第{}次了，怎么办😭", pl.col("n"))
    reply = pl.format("先记录{}天的作息，再把上床的时间固定下来。", pl.col("n"))
    ids = pl.format("{}", pl.col("n")).str.zfill(16)
    return pl.DataFrame({"n": pl.int_range(start, end, eager=True)}).select(
        ids.alias("post_id"),
        ids.alias("thread_id"),
        pl.lit("posts.json").alias("source"),
        pl.format("item {}", pl.col("n")).alias("locator"),
        pl.lit("community").alias("kind"),
        pl.concat_list(speak("user", said), speak("assistant", reply)).alias(
            "messages"
        ),
    )


def million(n: int) -> None:
    """Clean ``n`` short posts and print CPU seconds and the peak of memory in GB."""
    sys.path.insert(0, str(ROOT / "src"))
    import polars as pl
    import yaml

    from psyche_kedro.pipelines.cleaning.nodes import clean_posts
    from psyche_kedro.pipelines.cleaning.parameters import (
        PostParameters,
        ReplyParameters,
    )
    from psyche_kedro.text.taggers import LacTagger

    file = ROOT / "conf/base/parameters/cleaning.yml"
    values = yaml.safe_load(file.read_text("utf-8"))["cleaning"]
    starts = range(0, n, 50_000)  # at once, making the input would be the peak
    posts = pl.concat([short_posts(start, min(start + 50_000, n)) for start in starts])
    start = time.process_time()
    cleaned = clean_posts(
        posts,
        tagger=LacTagger(),
        params=PostParameters.model_validate(values["posts"]),
        replies_parameters=ReplyParameters.model_validate(values["replies"]),
    )
    if cleaned.kept.height + cleaned.rejected.height != n:
        raise SystemExit("rows were lost")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    sys.stdout.write(f"{time.process_time() - start:.0f} {peak:.2f}\n")


def million_row(n: int) -> str:
    command = [sys.executable, __file__, "--million-run", str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak = done.stdout.split()[-2:]
    return (
        f"{n:,} short posts, each with a reply, cleaned and de-identified by rules and "
        f"tagger: {seconds} CPU seconds, peak {peak} GB."
    )


# ---- report ----------------------------------------------------------------------


def report(n: int, python: str | None, posts: int) -> Iterator[str]:
    flags = " --million" * bool(posts) + " --peers <python>" * bool(python)
    yield f"`python benchmarks/cleaning.py --rows {n}{flags}`"
    yield f"\n{n:,} texts of the bundled sample; rows per CPU second\n"
    yield "| operator | " + " | ".join(mixes(1)) + " | damages |\n|---|---:|---:|---|"
    rows = measure(ours(), n) | (peers(python, n) if python else {})
    yield from (f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())
    yield "\n| pages per CPU second | |\n|---|---:|"
    yield from pages()
    if posts:
        yield "\n" + million_row(posts)


def main() -> None:
    """Measure and write the section, or run one part for it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--peers", help="Python with data-juicer and datatrove")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--peer-run", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--million-run", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer_run:
        sys.stdout.write(json.dumps(measure(theirs(), options.peer_run)))
    elif options.million_run:
        million(options.million_run)
    else:
        posts = 1_000_000 if options.million else 0
        text = "\n".join(report(options.rows, options.peers, posts))
        print(text)
        sections.put(SECTION, text)


if __name__ == "__main__":
    main()
