"""Chunking a generated book whose borders are known: correctness and speed.

    python benchmarks/chunks.py [--megabytes 4] [--lessons <folder of .md>]

The book has chapters, sections of two levels, paragraphs of 1 to 40 sentences, tables,
formulas, figures, a table of contents, exercises, references and an index. It comes
as pages cut wherever they are full, so most of them end inside a sentence. Every
paragraph names its chapter, so that a chunk with two names crosses a border. Writes
its section of ``benchmarks/README.md``.
"""

import argparse
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

import sections  # noqa: E402

from psyche_kedro.pipelines.synthesis.parameters import ChunkParameters  # noqa: E402
from psyche_kedro.pipelines.synthesis.questions.blocks import (  # noqa: E402
    read_blocks,
)
from psyche_kedro.pipelines.synthesis.questions.chunks import (  # noqa: E402
    ends_sentence,
    split_document,
)
from psyche_kedro.pipelines.synthesis.questions.nodes import split_chunks  # noqa: E402
from psyche_kedro.tables import BookTopics, Documents, content_id, frame  # noqa: E402

PAGE = 900
SECTION = "chunks"
SUBJECTS = (
    "工作记忆 选择性注意 情绪调节 依恋关系 学习动机 归因方式 人格特质 认知失调".split()
)
VERBS = "影响 预测 依赖于 不同于 补充了 调节着 取决于 促进".split()
OBJECTS = (
    "个体的学业表现 儿童的同伴关系 情境中的判断 被试的反应时 来访者的应对方式".split()
)
ENDS = "。 。 。 。 ！ ？ ； 。” ……".split()


class Author:
    """Writes the same book for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def sentence(self) -> str:
        pick = self.random.choice
        clauses = [
            f"{pick(SUBJECTS)}{pick(VERBS)}{pick(OBJECTS)}"
            for _ in range(self.random.randint(1, 4))
        ]
        return "，".join(clauses) + pick(ENDS)

    def paragraph(self, chapter: int) -> str:
        n = self.random.choice([1, 2, 4, 6, 10, 40])
        return f"〔{chapter}〕" + "".join(self.sentence() for _ in range(n))

    def table(self) -> str:
        pick = self.random.choice
        rows = [f"|{pick(SUBJECTS)}|{self.random.random():.2f}|" for _ in range(8)]
        return "\n".join(["表 量表的信度", "", "|量表|系数|", "|---|---|", *rows])

    def block(self, chapter: int) -> str:
        kind = self.random.random()
        if kind < 0.05:
            return self.table()
        if kind < 0.08:
            return "$$r_{xx} = 1 - \\frac{SE^2}{S_x^2}$$"
        if kind < 0.10:
            return "![图](page_3_4.png)"
        return self.paragraph(chapter)

    def chapter(self, number: int) -> Iterator[str]:
        yield f"# 第{number}章 {self.random.choice(SUBJECTS)}"
        for section in range(1, self.random.randint(3, 6)):
            yield f"## {number}.{section} {self.random.choice(SUBJECTS)}"
            for part in range(self.random.randint(0, 3)):
                title = self.random.choice(SUBJECTS)
                yield f"### {number}.{section}.{part + 1} {title}"
                for _ in range(self.random.randint(1, 8)):
                    yield self.block(number)
            yield self.paragraph(number)
        yield "## 思考题"
        yield "1. 试述本章要点。\n2. 举例说明。"

    def book(self, characters: int) -> str:
        parts = ["# 目录", "第1章 …… 1\n第2章 …… 20"]
        number, length = 0, 0
        while length < characters:
            number += 1
            chapter = list(self.chapter(number))
            parts += chapter
            length += sum(map(len, chapter))
        parts += ["# 参考文献", "[1] 某某. 心理学. 2020.", "# 名词索引"]
        parts += [f"{subject} {n}" for n, subject in enumerate(SUBJECTS)]
        return "\n\n".join(parts)


def as_pages(text: str) -> pl.DataFrame:
    """Return the book as pages cut where they are full, but never inside a table."""
    cuts, at = [0], PAGE
    blocks = [(b.start, b.end) for b in read_blocks(text) if b.kind != "prose"]
    while at < len(text):
        whole = next((end for start, end in blocks if start < at < end), at)
        cuts.append(whole)
        at = whole + PAGE
    spans = zip(cuts, [*cuts[1:], len(text)], strict=True)
    rows = [
        {
            "page_id": content_id("page", str(n)),
            "document_id": content_id("book"),
            "source": "book.md",
            "page": n,
            "text": text[start:end],
            "status": "ok",
            "engine": "markdown",
        }
        for n, (start, end) in enumerate(spans, 1)
    ]
    return frame(Documents, rows)


def parameters() -> ChunkParameters:
    settings = yaml.safe_load(
        (ROOT / "conf/base/parameters/synthesis.yml").read_text(encoding="utf-8")
    )
    return ChunkParameters(**settings["synthesis"]["chunks"])


def letters(texts: list[str]) -> int:
    return sum(len(re.sub(r"\s", "", text)) for text in texts)


def check(pages: pl.DataFrame, text: str) -> dict[str, str]:
    params = parameters()
    start = time.process_time()
    split_document(text, params, len)
    alone = time.process_time() - start
    start = time.process_time()
    chunks, ledger = split_chunks(pages, frame(BookTopics, []), params)
    whole = time.process_time() - start
    megabytes = len(text.encode()) / 1e6
    names = [set(re.findall(r"〔(\d+)〕", chunk)) for chunk in chunks["text"]]
    out = letters(chunks["text"].to_list()) + letters(ledger["detail"].to_list())
    ended = sum(map(_ends_well, chunks["text"]))
    return {
        "book": f"{megabytes:.1f} MB, {pages.height:,} pages",
        "chunks": f"{chunks.height:,}, mean {chunks['n_chars'].mean():.0f} characters",
        "across chapters": str(sum(len(name) > 1 for name in names)),
        "end at a sentence, table or formula": f"{100 * ended / chunks.height:.2f} %",
        "characters in − (chunks + ledger)": str(letters([text]) - out),
        "split_document": f"{megabytes / alone:.0f} MB per CPU second",
        "split_chunks": f"{megabytes / whole:.0f} MB per CPU second",
    }


def _ends_well(chunk: str) -> bool:
    return ends_sentence(chunk) or chunk.endswith(("|", "$$", "</table>", "```"))


def check_lessons(folder: Path) -> dict[str, str]:
    """Return what becomes of real lessons, much of them lists without full stops."""
    params = parameters()
    chunks, cut, lost = 0, 0, 0
    for path in sorted(folder.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        passages, dropped = split_document(text, params, len)
        starts = {b.start for b in read_blocks(text)}
        for passage in passages:
            chunks += 1
            rest = text[passage.spans[-1].end :].lstrip()
            at_block = len(text) - len(rest) in starts or not rest
            cut += not (_ends_well(passage.read(text)) or at_block)
        kept = [passage.read(text) for passage in passages]
        lost += (
            letters([text])
            - letters(kept)
            - letters([text[d.start : d.end] for d in dropped])
        )
    return {
        "lessons": f"{chunks} chunks",
        "cut inside a paragraph without a sentence's end": str(cut),
        "characters in − (chunks + ledger) ": str(lost),
    }


def as_table(results: dict[str, str]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in results.items())
    return f"`python benchmarks/chunks.py`\n\n| | |\n|---|---|\n{rows}"


def main() -> None:
    """Write a book, split it, print and store what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=4)
    parser.add_argument("--lessons", type=Path)
    given = parser.parse_args()
    text = Author(seed=1).book(int(given.megabytes * 1e6 / 3))
    results = check(as_pages(text), text)
    if given.lessons:
        results |= check_lessons(given.lessons)
    for name, value in results.items():
        print(f"{name}: {value}")
    sections.put(SECTION, as_table(results))


if __name__ == "__main__":
    main()
