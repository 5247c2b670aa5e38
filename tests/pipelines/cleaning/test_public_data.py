"""The counts of the public sets, where they lie beside the project; skipped elsewhere.

Sources: PsycoLLM's ``benchmark/`` (PCEB) and CPsyExam, as their authors publish them.
"""

import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from cards import CARDS
from psyche_kedro.datasets.source_files import SourceFile, SourceFilesDataset
from psyche_kedro.pipelines.cleaning.nodes import (
    clean_bank_questions,
    clean_benchmark_items,
)
from psyche_kedro.pipelines.ingestion.nodes import read_benchmarks, read_question_banks

DATA = Path(__file__).parents[4] / "shared" / "data"
PCEB = {
    "case_single": 748,
    "case_multiple": 878,
    "moral_single": 152,
    "moral_multiple": 158,
    "theory_single": 1143,
    "theory_multiple": 784,
    "case_essay": 100,
}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no public sets beside it")


def files(folder: str, prefix: str = "") -> list[SourceFile]:
    found = SourceFilesDataset(path=str(DATA / folder)).load()
    return [SourceFile(prefix + file.name, file.read) for file in found]


@pytest.fixture(scope="module")
def pceb() -> pl.DataFrame:
    read = read_benchmarks(files("pceb", "pceb/"), CARDS)
    assert read.unreadable.is_empty()
    return clean_benchmark_items(read.rows)


@pytest.fixture(scope="module")
def train():
    read = read_question_banks(files("cpsyexam/mcq/train"))
    assert read.unreadable.is_empty()
    return read.rows


def flagged(items: pl.DataFrame, flag: str) -> pl.DataFrame:
    return items.filter(pl.col("flags").list.contains(flag))


def test_pceb_is_read_complete(pceb):
    assert dict(pceb["cell"].value_counts().iter_rows()) == PCEB


def test_no_radical_is_left_in_a_cleaned_table(pceb, train):
    kept = clean_bank_questions(train).kept
    for table in (pceb, kept):
        assert not re.search("[\u2e80-\u2fdf]", str(table.rows()))


def test_the_empty_answer_and_the_items_that_lack_options_are_flagged(pceb):
    assert flagged(pceb, "no_gold").height == 1
    assert flagged(pceb, "options_missing").height == 3


def test_the_same_four_are_rejected_by_a_bank():
    cleaned = clean_bank_questions(read_question_banks(files("pceb")).rows)
    reasons = Counter(cleaned.rejected["reason"])
    assert reasons["no_gold"] == 1
    assert reasons["options_missing"] == 3
    assert cleaned.kept.height + cleaned.rejected.height == sum(PCEB.values())


def test_copies_are_reported_and_conflicts_among_them(pceb):
    """A key in NFKC without punctuation finds 191 of these groups.

    The others hold a radical of the supplement, which NFKC leaves, in one copy only.
    """
    flags = pceb["flags"].explode().drop_nulls()
    originals = flags.filter(flags.str.starts_with("duplicate_of:")).unique()
    assert len(originals) == 239
    assert flagged(pceb, "conflicting_gold").height == 18


def test_cpsyexam_train_is_read_complete_and_its_golds_are_sets(train):
    assert train.height == 9855
    golds = [gold for gold in train["gold"].to_list() if gold]
    assert all(gold == sorted(set(gold)) for gold in golds)
    assert {label for gold in golds for label in gold} <= set("ABCDE")
    cleaned = clean_bank_questions(train)
    assert cleaned.kept.height + cleaned.rejected.height == 9855


def test_an_answer_that_cpsyexam_does_not_list_as_an_option_is_no_gold(train):
    """Eight rows are damaged beside them: two stems of which only ``)`` is left, one
    that an option stands in, five that are an option: ``(B)引导``.
    """
    reasons = Counter(error for errors in train["parse_errors"] for error in errors)
    assert reasons == {
        "answer_not_among_options": 110,
        "options_missing": 14,
        "unclear_stem": 8,
    }
    for row in train.iter_rows(named=True):
        assert set(row["gold"]) <= {option["label"] for option in row["options"]}


def test_a_fifth_option_of_cpsyexam_inside_the_fourth_is_one(train):
    (row,) = train.filter(
        train["stem"].str.starts_with("心理发展观中持连续论")
    ).to_dicts()
    texts = [option["text"] for option in row["options"]]
    assert texts == ["埃里克森", "华生", "皮亚杰", "维果茨基", "弗洛伊德"]
    assert row["gold"] == ["B", "D"]


def test_no_stem_of_cpsyexam_says_where_its_book_has_it(train):
    stems = clean_bank_questions(train).kept["stem"]
    of_the_book = (
        r"^\(\d+ ?P ?\d+ ?\)|（）[。？?]?\d+-\d+|[单多]选：\d|&(?:amp|[gl]t)|确认答案"
    )
    assert stems.filter(stems.str.contains(of_the_book)).to_list() == []
