"""What the report's page of items shows: exam items, and what each model made of them.

Items of an examination and replies to them may be shown. Conversations to be judged
may not: a user's own may hold what people wrote, so no such item comes this far.

A reply is shown from its beginning, up to a setting's characters, and only if it
repeats no dialogue of the training set; the whole one stands in ``predictions``.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from psyche_kedro import metrics
from psyche_kedro.pipelines.benchmarks import form_of
from psyche_kedro.pipelines.evaluation.parameters import (
    ReadingParameters,
    ShownParameters,
)
from psyche_kedro.tables import CHOICE_TYPES

Row = Mapping[str, Any]


def show_items(items: Iterable[Row], asked: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Yield a row of ``shown_items`` for every exam item that a model was asked.

    Args:
        items: Rows of ``benchmark_items``.
        asked: Rows of ``predictions``.
    """
    ids = {prediction["item_id"] for prediction in asked}
    for item in items:
        if item["item_id"] in ids and form_of(item) != "judged":
            yield {
                "item_id": item["item_id"],
                "benchmark": item["benchmark"],
                "cell": item["cell"],
                "case_text": item["case_text"],
                "stem": item["stem"],
                "options": [f"{o['label']}. {o['text']}" for o in item["options"]],
                "gold": "".join(item["gold"]) or item["answer_text"],
            }


def texts_of(items: pl.DataFrame) -> pl.Series:
    """Return the texts of exam items, their options among them.

    Args:
        items: ``BenchmarkItems``.
    """
    options = pl.col("options").list.eval(pl.element().struct.field("text"))
    return items.filter(pl.col("messages").list.len() == 0).select(
        pl.concat_str(
            "case_text",
            "stem",
            options.list.join("\n"),
            "answer_text",
            separator="\n",
            ignore_nulls=True,
        )
    )["case_text"]


def show_answers(
    predictions: Iterable[Row],
    answers: Mapping[str, Mapping[str, Row]],
    items: Mapping[str, Row],
    *,
    reading: ReadingParameters,
    params: ShownParameters,
) -> Iterator[dict[str, Any]]:
    """Yield a row of ``shown_answers`` for every reply to a shown item.

    Args:
        predictions: Rows of ``predictions``, marked by ``mark_memorised``.
        answers: Rows of ``answers`` by prediction and reader.
        items: Rows of ``benchmark_items`` by id.
        reading: ``evaluation.reading``.
        params: ``evaluation.shown``.
    """
    for prediction in predictions:
        item = items[prediction["item_id"]]
        by_reader = answers[prediction["prediction_id"]]
        scored = by_reader[reading.scored]
        if form_of(item) != "judged" and scored["outcome"] != "absent":
            yield {
                "item_id": item["item_id"],
                "role": prediction["role"],
                "protocol": prediction["protocol"],
                "outcome": scored["outcome"],
                "labels": "".join(scored["labels"]),
                "mark": _mark(scored, item),
                "other_readings": list(_other_readings(by_reader, reading)),
                "is_memorised": prediction["is_memorised"],
                "reply": (prediction["text"] or "")[: params.reply_characters],
            }


def _mark(answer: Row, item: Row) -> float | None:
    """Return the elastic credit of a choice; null of a text and of a failed call."""
    if answer["outcome"] == "failed" or item["type"] not in CHOICE_TYPES:
        return None
    return metrics.elastic_credit(set(answer["labels"]), set(item["gold"]))


def _other_readings(
    by_reader: Mapping[str, Row], reading: ReadingParameters
) -> Iterator[str]:
    """Yield what other readers read, where it is not what is scored."""
    scored = set(by_reader[reading.scored]["labels"])
    for reader in reading.compared:
        labels = by_reader[reader]["labels"] if reader in by_reader else scored
        if set(labels) != scored:
            yield f"{reader}: {''.join(labels) or 'nothing'}"
