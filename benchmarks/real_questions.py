"""Near-duplicates of real exam questions: what is merged, and what must not be.

    python benchmarks/real_questions.py [<folder>] [--print 60]

``<folder>`` holds ``cpsyexam/mcq/{train,dev}`` and ``pceb`` in their public layouts.
The pool is their choice questions. PCEB repeats itself: the groups of items with the
same stem without its number, the same case and the same options in any order are
known. Those whose gold texts agree must stand in one cluster; the others are conflicts
of the answer key, listed and never merged.
"""

import argparse
import os
import random
import re
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from exam_cards import read_cards  # noqa: E402

from psyche_kedro.datasets import SourceFilesDataset  # noqa: E402
from psyche_kedro.pipelines.ingestion.nodes import (  # noqa: E402
    read_benchmarks,
    read_question_banks,
)
from psyche_kedro.pipelines.synthesis.parameters import (  # noqa: E402
    DeduplicationParameters,
)
from psyche_kedro.pipelines.synthesis.questions import nodes  # noqa: E402
from psyche_kedro.prompts import Words, render_question  # noqa: E402
from psyche_kedro.questions import gold_texts, question_id  # noqa: E402
from psyche_kedro.tables import BankQuestions, GeneratedQuestions, frame  # noqa: E402
from psyche_kedro.text.bare import bare  # noqa: E402

FOLDER = Path(os.environ.get("PSYCHE_REAL_DATA", ROOT.parent / "shared" / "data"))

WORDS = Words(
    **yaml.safe_load((ROOT / "conf/base/prompts/zh/words.yml").read_text("utf-8"))
)
Row = dict[str, Any]


def read_pool(folder: Path) -> pl.DataFrame:
    """Return CPsyExam's train and dev and PCEB as ``BankQuestions``."""
    banks = [
        read_question_banks(SourceFilesDataset(path=str(folder / part)).load())[0]
        for part in ("cpsyexam/mcq/train", "cpsyexam/mcq/dev")
    ]
    files = SourceFilesDataset(path=str(folder / "pceb")).load()
    pceb = [type(f)(f"pceb/{f.name}", f.read) for f in files]
    items = read_benchmarks(pceb, read_cards())[0].rename({"item_id": "question_id"})
    extra = {
        "parse_status": pl.lit("ok"),
        "parse_errors": pl.lit([], pl.List(pl.String)),
    }
    columns = list(BankQuestions.to_schema().columns)
    return pl.concat([*banks, items.with_columns(**extra).select(columns)])


def known_groups(items: pl.DataFrame) -> list[list[Row]]:
    """Return the groups of PCEB items that are the same question."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in items.iter_rows(named=True):
        stem = re.sub(r"^\s*[\d]+\s*[.、．]?\s*", "", row["stem"])
        options = sorted(bare(o["text"]) for o in row["options"])
        case = bare(row["case_text"] or "")
        groups[(bare(stem), case, *options)].append(row)
    return [group for group in groups.values() if len(group) > 1]


def main() -> None:
    """Cluster the pool, check the known groups, print clusters for reading."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--print", type=int, default=0, dest="shown")
    given = parser.parse_args()
    if not given.folder.exists():
        print(f"There is no {given.folder}: nothing to measure.")
        return
    questions = read_pool(given.folder)
    empty = frame(GeneratedQuestions, [])
    chunks = pl.DataFrame(schema={"chunk_id": pl.String, "source": pl.String})
    unique = questions.unique("question_id", maintain_order=True)
    pool, lost = nodes.pool_questions(empty, empty, questions, chunks)
    print(
        f"{questions.height} questions, {unique.height} ids, {pool.height} in the pool"
    )
    print("not in the pool:", dict(Counter(lost["reason"]).most_common()))
    settings = yaml.safe_load(
        (ROOT / "conf/base/parameters/synthesis.yml").read_text(encoding="utf-8")
    )
    params = DeduplicationParameters(**settings["synthesis"]["deduplication"])
    start = time.process_time()
    clusters = nodes.cluster_questions(pool, params)
    print(f"clustered in {time.process_time() - start:.1f} CPU s")
    sizes = clusters.group_by("cluster_id").len()
    print(
        f"{sizes.height} clusters, {sizes.filter(pl.col('len') > 1).height} of several"
    )
    check_groups(questions, pool, clusters)
    show(pool, clusters, given.shown)


def check_groups(
    questions: pl.DataFrame, pool: pl.DataFrame, clusters: pl.DataFrame
) -> None:
    cluster_of = dict(clusters.select("question_id", "cluster_id").iter_rows())
    by_content = {
        question_id(row): cluster_of[row["question_id"]]
        for row in pool.iter_rows(named=True)
    }
    pceb = questions.filter(pl.col("source").str.starts_with("pceb/"))
    groups = known_groups(pceb.filter(pl.col("options").list.len() > 0))
    together, apart, conflicts = 0, [], []
    for group in groups:
        if len({tuple(gold_texts(row)) for row in group}) > 1:
            conflicts.append(group)
            continue
        found = {by_content.get(question_id(row)) for row in group}
        if len(found) == 1:
            together += 1
        else:
            apart.append(group)
    print(f"PCEB: {len(groups)} groups, {together} together, {len(apart)} apart, ")
    print(f"{len(conflicts)} answer-key conflicts")
    for group in apart:
        print(
            "  apart:",
            [(r["source"], r["stem"][:40], r["gold"], r["type"]) for r in group],
        )
    for group in conflicts:
        golds = [f"{r['source']}#{r['locator']}={''.join(r['gold'])}" for r in group]
        print("  conflict:", group[0]["stem"][:40], golds)


def show(pool: pl.DataFrame, clusters: pl.DataFrame, n: int) -> None:
    """Print ``n`` random clusters of several questions."""
    rows = pool.join(clusters, on="question_id")
    several = rows.filter(pl.len().over("cluster_id") > 1)
    ids = sorted(several["cluster_id"].unique())
    for number, cluster in enumerate(random.Random(0).sample(ids, min(n, len(ids))), 1):
        print(f"\n===== {number}")
        members = several.filter(cluster_id=cluster).sort("similarity", descending=True)
        for row in members.iter_rows(named=True):
            gold = "".join(row["gold"])
            print(f"--- {row['similarity']:.2f} 答案 {gold} {row['source']}")
            print(render_question(row, WORDS))


if __name__ == "__main__":
    main()
