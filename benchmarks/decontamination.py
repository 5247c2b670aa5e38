"""Time and memory of matching training questions against benchmark items.

Rows are CPsyExam's train questions, over and over, each copy with a part of its
characters replaced; items are PCEB and CPsyExam's test set.

    python benchmarks/decontamination.py FOLDER [rows=100000]

FOLDER holds ``pceb`` and ``cpsyexam`` as their repositories lay them out.
"""

import random
import resource
import sys
import time
from pathlib import Path

import polars as pl
import yaml
from exam_cards import read_cards
from sections import put

from psyche_kedro.datasets import SourceFilesDataset
from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.pipelines.cleaning.nodes import clean_benchmark_items
from psyche_kedro.pipelines.ingestion.nodes import read_benchmarks, read_public_sets
from psyche_kedro.pipelines.selection.contamination import (
    benchmark_texts,
    find_hits,
    question_texts,
)
from psyche_kedro.pipelines.selection.parameters import DecontaminationParameters

SETTINGS = Path(__file__).parents[1] / "conf/base/parameters/selection.yml"


def files(root: Path, folder: str, name: str) -> list[SourceFile]:
    found = SourceFilesDataset(path=str(root / folder)).load()
    return [SourceFile(f"{name}/{file.name}", file.read) for file in found]


def edited(text: str, rng: random.Random, share: float) -> str:
    return "".join(rng.choice(text) if rng.random() < share else c for c in text)


def rows_like(questions: pl.DataFrame, n: int) -> pl.DataFrame:
    rng = random.Random(1)
    copies = []
    for i in range(n):
        row = questions.row(i % questions.height, named=True)
        share = 0.0 if i < questions.height else rng.uniform(0.05, 0.5)
        copies.append(
            {
                "question_id": str(i),
                "case_text": None,
                "stem": edited(row["stem"], rng, share),
                "options": [
                    {"label": o["label"], "text": edited(o["text"], rng, share)}
                    for o in row["options"]
                ],
            }
        )
    return pl.DataFrame(copies, schema_overrides={"case_text": pl.String})


def configured() -> DecontaminationParameters:
    """Return what ``conf/base`` says, as a run takes it."""
    said = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    return DecontaminationParameters(**said["selection"]["decontamination"])


def main(folder: str, n: int = 100_000) -> None:
    root = Path(folder)
    train = files(root, "cpsyexam/mcq/train", "exam_questions")
    rows = rows_like(read_public_sets(train).questions, n)
    exams = files(root, "pceb", "pceb")
    exams += files(root, "cpsyexam/mcq/test", "cpsyexam/mcq/test")
    items = clean_benchmark_items(read_benchmarks(exams, read_cards()).rows)
    inputs = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    hits = find_hits(
        question_texts(rows, "question_id"),
        benchmark_texts(items).unique("id", maintain_order=True),
        configured(),
    )
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = (
        "`python benchmarks/decontamination.py <folder of pceb and cpsyexam>`\n\n"
        f"{n:,} rows against {items.height:,} items: {spent:.1f} CPU s,"
        f" {hits.height:,} pairs, peak {peak / 1e6:.2f} GB"
        f" ({inputs / 1e6:.2f} GB of it before the match)."
    )
    print(text)
    put("decontamination", text)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
