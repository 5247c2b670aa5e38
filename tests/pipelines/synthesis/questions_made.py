"""Rows to try the chapter on."""

from typing import Any

import polars as pl

from psyche_kedro.questions import question_id
from psyche_kedro.tables import (
    BankQuestions,
    CleanPosts,
    QuestionPool,
    ReviewedQuestions,
    UsefulPosts,
    content_id,
    frame,
)

TEXTS = ("复述策略", "组块", "系列位置效应", "前摄抑制")


def question(
    stem: str = "把零散材料合成较大单位的记忆方法是（ ）。", **fields: Any
) -> dict[str, Any]:
    """A sound single-choice question; ``texts`` gives the options' texts."""
    texts = fields.pop("texts", TEXTS)
    labelled = zip("ABCDEFGH", texts, strict=False)
    options = [{"label": label, "text": text} for label, text in labelled]
    row = {
        "type": "single",
        "case_text": None,
        "stem": stem,
        "options": options,
        "gold": ["B"],
        "answer_text": None,
        "explanation": None,
        "subject": None,
    } | fields
    return row | {"question_id": fields.get("question_id", question_id(row))}


def pooled(*questions: dict[str, Any], origin: str = "bank") -> pl.DataFrame:
    rows = [
        {
            "parent_id": q["question_id"],
            "origin": origin,
            "source": "bank.json",
        }
        | q
        for q in questions
    ]
    return frame(QuestionPool, rows)


def reviewed(*questions: dict[str, Any]) -> pl.DataFrame:
    rows = pooled(*questions).iter_rows(named=True)
    return frame(ReviewedQuestions, [row | {"review": "not_reviewed"} for row in rows])


def bank(*questions: dict[str, Any]) -> pl.DataFrame:
    return frame(
        BankQuestions,
        [
            {"source": "bank.json", "locator": f"row {i}", "parse_status": "ok"}
            | {"parse_errors": []}
            | q
            for i, q in enumerate(questions)
        ],
    )


def post(*turns: str, **fields: Any) -> dict[str, Any]:
    """A conversation: user and counsellor in turn."""
    messages = [
        {"role": ("user", "assistant")[i % 2], "content": text}
        for i, text in enumerate(turns)
    ]
    post_id = content_id("post", *turns)
    return {
        "post_id": post_id,
        "thread_id": post_id,
        "source": "posts.json",
        "locator": "0",
        "kind": "community",
        "messages": messages,
        "risk": "none",
        "deid_level": "rules_only",
        "model": "judge",
        "reply_key": "k",
        "prompt_digest": "d",
        "reasonableness": 4,
        "relevance": 4,
    } | fields


def useful(*posts: dict[str, Any]) -> pl.DataFrame:
    return frame(UsefulPosts, posts)


__all__ = ["CleanPosts", "bank", "pooled", "post", "question", "reviewed", "useful"]
