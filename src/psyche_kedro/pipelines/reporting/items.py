"""The report's items: packed, so that a page of many thousand replies stays small."""

import base64
import gzip
import json
from collections.abc import Sequence

import polars as pl

_KEYS = ("role", "protocol", "outcome")


def pack(items: pl.DataFrame, answers: pl.DataFrame) -> str:
    """Return items and answers for the page's script; empty where there are none.

    It is JSON, compressed, in base64: no mark of a text can end the element that it
    stands in. What few values repeat is told once and referred to by number.

    Args:
        items: ``ShownItems``.
        answers: ``ShownAnswers``.
    """
    if items.is_empty() or answers.is_empty():
        return ""
    numbers = {item: n for n, item in enumerate(items["item_id"])}
    values = {key: answers[key].unique(maintain_order=True).to_list() for key in _KEYS}
    told = answers.select(
        pl.col("item_id").replace_strict(numbers, return_dtype=pl.Int32),
        *(_numbered(key, values[key]) for key in _KEYS),
        "labels",
        "mark",
        "other_readings",
        "reply",
    )
    content = values | {"items": items.rows(), "answers": told.rows()}
    packed = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # The time in the header would make the same report another file.
    return base64.b64encode(gzip.compress(packed.encode(), mtime=0)).decode()


def _numbered(key: str, values: Sequence[str]) -> pl.Expr:
    return pl.col(key).replace_strict(
        {value: n for n, value in enumerate(values)}, return_dtype=pl.Int32
    )
