"""What of a benchmark is an exam: what is scored, and what is shown solved.

An exam is the items of one benchmark that are answered alike: its choice questions, or
its open ones. Its ``test`` split is scored; where no item of that has a key, as in
CPsyExam's choice questions, ``dev`` stands in for it and every score says so. Of a
benchmark's own training split only the exemplars that were drawn have a part in any
score: the rest may be trained on.
"""

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

import polars as pl

from psyche_kedro.pipelines.benchmarks import NOT_DRAWN, is_judged
from psyche_kedro.tables import CHOICE_TYPES, grouped, lot

Row = Mapping[str, Any]

_EXAM = (pl.col("benchmark"), pl.col("type").is_in(CHOICE_TYPES))


def has_key() -> pl.Expr:
    """Return whether an item can be scored; a judge needs no key."""
    written = (pl.col("gold").list.len() > 0) | (
        pl.col("answer_text").fill_null("") != ""
    )
    keyed = written & ~pl.col("flags").list.contains("no_gold")
    return keyed | is_judged()


def exam_items(items: pl.DataFrame) -> pl.DataFrame:
    """Return the items of every exam: those of ``test``, or those of ``dev``.

    Items of ``test`` without a key stay in: they are the exam, scored here or not.
    Those that the card's draw leaves out are none of it.

    Args:
        items: ``BenchmarkItems``.

    Returns:
        ``BenchmarkItems``, fewer, in their order.
    """
    is_drawn = ~pl.col("flags").list.contains(NOT_DRAWN)
    is_test = pl.col("split").eq("test") & is_drawn
    test_is_keyed = (is_test & has_key()).any().over(*_EXAM)
    stands_in = (pl.col("split") == "dev") & ~test_is_keyed
    return items.filter(is_test | stands_in)


def draw_exemplars(items: Iterable[Row], *, per_cell: int, seed: int) -> list[Row]:
    """Return the same ``per_cell`` solved items of each cell for every model.

    The draw orders items by a digest of seed and id, so that neither the order of the
    files nor a new item elsewhere changes it. A flagged item (a duplicate, a doubtful
    gold) is never drawn.
    """
    solved = (
        item
        for item in items
        if item["split"] == "exemplar" and item["gold"] and not item["flags"]
    )
    cells = grouped(solved, itemgetter("benchmark", "cell"))
    return [
        item
        for _, candidates in sorted(cells.items())
        for item in sorted(candidates, key=lambda i: lot(seed, i["item_id"]))[:per_cell]
    ]


def count_exams(items: pl.DataFrame) -> pl.DataFrame:
    """Return how many items each split of each exam has, and what they are used for.

    Args:
        items: ``BenchmarkItems``.

    Returns:
        ``benchmark``; ``form``: ``choice`` or ``open``; ``split``; ``n``; ``n_keyed``;
        ``is_exam``: whether the split is the exam.
    """
    in_exam = pl.col("item_id").is_in(exam_items(items)["item_id"].implode())
    form = pl.when(_EXAM[1]).then(pl.lit("choice")).otherwise(pl.lit("open"))
    return (
        items.group_by("benchmark", "split", form=form)
        .agg(n=pl.len(), n_keyed=has_key().sum(), is_exam=in_exam.any())
        .select("benchmark", "form", "split", "n", "n_keyed", "is_exam")
        .sort("benchmark", "form", "split", descending=[True, False, True])
    )
