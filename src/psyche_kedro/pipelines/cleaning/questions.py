"""Questions of banks and benchmarks in normal form, with what is wrong with them.

Two questions are the same when stem (without numbering), case and unordered option
texts are; they conflict when the texts of their gold differ, whatever the letters.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from psyche_kedro.pipelines.cleaning.text.normalise import normalise
from psyche_kedro.tables import content_id

NUMBERING = re.compile(
    r"^(?:(?:单选|多选|单项选择|多项选择|判断)题?[：:]?\s*)?"
    r"(?:(?:第\s*)?\d{1,4}\s*(?:题\s*)?[.．、:：)）]\s*(?=[^\d\s]))?"
)
TYPE_TAIL = re.compile(r"(?:[(（]?(?:单选|多选)[)）]?)\s*$")
BLANK = re.compile(r"[（(]\s*[)）]")
NOISE = re.compile(
    r"[\s（）()【】\[\]，,、；;：:。．？?！!“”\"‘’'《》…—·_]|(?<!\d)\.|\.(?!\d)"
    r"|(?<=[\u4e00-\u9fff])-+(?=[\u4e00-\u9fff])"
)
"""Punctuation, by which copies differ; no sign of mathematics, by which options do."""
RANGE = re.compile(r"(?<=\d)\s*[~～〜–—-]+\s*(?=\d)")
"""``3～6岁`` is written with five signs."""


def normal_question(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with its texts in normal form and its stem without numbering."""
    return dict(row) | {
        "stem": clean_stem(row["stem"]),
        "case_text": _normal(row["case_text"]),
        "options": [
            {"label": o["label"], "text": normalise(o["text"])} for o in row["options"]
        ],
        "answer_text": _normal(row["answer_text"]),
        "explanation": _normal(row["explanation"]),
        "subject": _normal(row["subject"]),
    }


def clean_stem(stem: str) -> str:
    """Return a stem in normal form: ``单选：8．在…( )。单选`` becomes ``在…（）。``."""
    stem = normalise(stem)
    while (shorter := _shorter(stem)) != stem:
        stem = shorter
    return stem


def _shorter(stem: str) -> str:
    stem = TYPE_TAIL.sub("", NUMBERING.sub("", stem, count=1))
    return normalise(BLANK.sub("（）", stem))


def _normal(text: str | None) -> str | None:
    return normalise(text) if text else None


def duplicate_key(row: Mapping[str, Any]) -> str:
    """Return what two copies of one question share."""
    options = sorted(_bare(option["text"]) for option in row["options"])
    case, stem = _bare(row["case_text"] or ""), _bare(row["stem"])
    open_answer = "" if options else _bare(row["answer_text"] or "")
    return content_id(case, stem, *options, open_answer)


def gold_texts(row: Mapping[str, Any]) -> frozenset[str]:
    """Return the texts of the gold options."""
    gold = set(row["gold"])
    return frozenset(_bare(o["text"]) for o in row["options"] if o["label"] in gold)


def _bare(text: str) -> str:
    return NOISE.sub("", RANGE.sub("~", text)).lower()


def groups_of_copies(
    rows: Iterable[Mapping[str, Any]],
) -> list[list[Mapping[str, Any]]]:
    """Return the groups of two and more rows that are one question, in order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(duplicate_key(row), []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def conflicts(group: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether copies of one question have different golds."""
    golds = {gold_texts(row) for row in group if row["gold"]}
    return len(golds) > 1
