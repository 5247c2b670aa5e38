"""What the paper's public sources share with its benchmarks, on the files themselves.

Skipped where they are not at hand: ``PSYCHE_PUBLIC_DATA`` names a folder with ``pceb``
and ``cpsyexam`` as their repositories lay them out.
"""

import os
from pathlib import Path

import polars as pl
import pytest

from cards import CARDS
from psyche_kedro import tables
from psyche_kedro.datasets import SourceFilesDataset
from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.pipelines.cleaning.nodes import clean_benchmark_items
from psyche_kedro.pipelines.ingestion.nodes import read_benchmarks, read_public_sets
from psyche_kedro.pipelines.selection.nodes import decontaminate
from psyche_kedro.pipelines.selection.parameters import DecontaminationParameters

DATA = Path(os.environ.get("PSYCHE_PUBLIC_DATA", "data/public"))
pytestmark = pytest.mark.skipif(
    not (DATA / "pceb").is_dir(), reason="the public benchmarks are not at hand"
)


def files(folder, name):
    found = SourceFilesDataset(path=str(DATA / folder)).load()
    return [SourceFile(f"{name}/{file.name}", file.read) for file in found]


@pytest.fixture(scope="module")
def train():
    return read_public_sets(files("cpsyexam/mcq/train", "exam_questions")).questions


def hits_in(train, benchmark_files):
    items = clean_benchmark_items(read_benchmarks(benchmark_files, CARDS).rows)
    hits = decontaminate(
        reasoning_samples=tables.frame(tables.ReasoningSamples, []),
        empathetic_dialogues=tables.frame(tables.EmpatheticDialogues, []),
        clean_public_samples=tables.frame(tables.PublicSamples, []),
        exam_questions=train,
        clean_benchmark_items=items,
        exemplars=items.clear(),
        params=DecontaminationParameters(
            threshold=0.65,
            min_case_chars=40,
            min_question_chars=6,
            drop_hits=True,
            most_lost=0.5,
        ),
    )
    cells = items.select("item_id", "cell").unique("item_id")
    found = hits.join(cells, on="item_id").unique(["item_id", "kind"])
    return found.group_by("kind", pl.col("cell").str.extract("^([a-z]+)_")).len()


def count(found, kind, *cells):
    return found.filter(pl.col("cell").is_in(cells), kind=kind)["len"].sum()


def test_pceb_stands_in_cpsyexam_train(train):
    # Counted before by NFKC equality: 427 case items, 142 of theory and moral. Ours
    # find them and more, because punctuation, numbering and tags are set aside.
    found = hits_in(train, files("pceb", "pceb"))
    assert count(found, "exact", "case") >= 427
    assert count(found, "exact", "theory", "moral") >= 142
    assert count(found, "case_contained", "case") > 1000


def test_cpsyexam_test_stands_in_its_own_train(train):
    found = hits_in(train, files("cpsyexam/mcq/test", "cpsyexam/mcq/test"))
    assert count(found, "exact", "knowledge", "case") >= 352
