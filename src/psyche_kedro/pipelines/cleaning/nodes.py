"""The same tables in normal form, people's words without the people (§2.2.1).

The paper standardises punctuation, removes emojis, emoticons and links, lets a model
drop replies that are of no use, and (Ethics) removes names, locations and contact
details. Every node gives back what it keeps and what it rejects: rows in = rows kept +
rows rejected, except for benchmark items, which are flagged and never lost.

Example row of ``rejected_bank_questions``::

    {"row_id": "3f2a…", "source": "题库.csv", "stage": "clean_bank_questions",
     "reason": "gold_not_in_options", "detail": "row 12"}
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro import tables
from psyche_kedro.llm.chat_model import ChatModel
from psyche_kedro.pipelines.cleaning import conversations, questions, replies
from psyche_kedro.pipelines.cleaning.normalise import normalise
from psyche_kedro.pipelines.cleaning.page_layout import BookPage, clean_book
from psyche_kedro.pipelines.cleaning.parameters import (
    PageParameters,
    PostParameters,
    ReplyParameters,
)
from psyche_kedro.prompts import Prompt

Row = dict[str, Any]
READABLE = ("ok", "fallback")


class Cleaned(NamedTuple):
    """What a filter keeps and what it rejects."""

    kept: pl.DataFrame
    rejected: pl.DataFrame


class CleanedDocuments(NamedTuple):
    """Pages kept, pages rejected, and what was taken off the kept ones."""

    kept: pl.DataFrame
    rejected: pl.DataFrame
    removed: pl.DataFrame


class CleanedPublicSets(NamedTuple):
    """The two public tables, each with what was rejected."""

    samples: pl.DataFrame
    rejected_samples: pl.DataFrame
    questions: pl.DataFrame
    rejected_questions: pl.DataFrame


# ---- documents -------------------------------------------------------------------


def clean_documents(
    documents: pl.DataFrame, parameters: PageParameters
) -> CleanedDocuments:
    """Return the pages that hold teaching text, those that do not, and the ledger.

    Args:
        documents: One row per page, read or not.
        parameters: What counts as running head, front and back matter.
    """
    readable = documents.filter(pl.col("status").is_in(READABLE))
    pages = {page.page_id: page for page in _cleaned_pages(readable, parameters)}
    kept, rejected = [], []
    for row in documents.iter_rows(named=True):
        page = pages.get(row["page_id"])
        text = normalise("\n\n".join(page.blocks)) if page else ""
        if text:
            kept.append(row | {"text": text})
        else:
            rejected.append(_page_rejection(row, page))
    removed = [
        piece._asdict() | {"source": row["source"], "n_chars": len(piece.text)}
        for row in documents.iter_rows(named=True)
        for piece in (pages[row["page_id"]].removed if row["page_id"] in pages else [])
    ]
    return CleanedDocuments(
        tables.frame(tables.Documents, kept),
        tables.frame(tables.Rejections, rejected),
        tables.frame(tables.RemovedText, removed),
    )


def _cleaned_pages(
    documents: pl.DataFrame, parameters: PageParameters
) -> Iterator[BookPage]:
    for book in documents.partition_by("document_id", maintain_order=True):
        rows = book.sort("page").iter_rows(named=True)
        pages = [
            BookPage(r["page_id"], r["engine"], r["text"].split("\n")) for r in rows
        ]
        yield from clean_book(pages, parameters)


def _page_rejection(row: Row, page: BookPage | None) -> Row:
    if page is None:
        reason, detail = f"page_{row['status']}", row["detail"]
    else:
        reasons = [piece.reason for piece in page.removed]
        reason = max(reasons, key=reasons.count, default="no_text")
        detail = f"page {row['page']}"
    return _rejection(row["page_id"], row["source"], "clean_documents", reason, detail)


# ---- questions -------------------------------------------------------------------


def clean_bank_questions(bank_questions: pl.DataFrame) -> Cleaned:
    """Return the well-formed questions in normal form, and the others (Type II)."""
    return _clean_questions(bank_questions, "clean_bank_questions")


def _clean_questions(table: pl.DataFrame, stage: str) -> Cleaned:
    rows = [questions.normal_question(row) for row in table.iter_rows(named=True)]
    reasons = _question_reasons(rows)
    kept = [row for index, row in enumerate(rows) if index not in reasons]
    rejected = [
        _rejection(
            rows[index]["question_id"],
            rows[index]["source"],
            stage,
            reason,
            "; ".join([rows[index]["locator"], *rows[index]["parse_errors"]]),
        )
        for index, reason in sorted(reasons.items())
    ]
    return Cleaned(
        tables.frame(tables.BankQuestions, kept),
        tables.frame(tables.Rejections, rejected),
    )


def _question_reasons(rows: list[Row]) -> dict[int, str]:
    """Return why rows are rejected, by index: malformed, or at odds with their copy."""
    malformed = {
        n: row["parse_errors"][0] for n, row in enumerate(rows) if row["parse_errors"]
    }
    sound = [row | {"index": n} for n, row in enumerate(rows) if n not in malformed]
    conflicting = {
        row["index"]: "conflicting_duplicate"
        for group in questions.groups_of_copies(sound)
        if questions.conflicts(group)
        for row in group
    }
    return malformed | conflicting


def clean_benchmark_items(benchmark_items: pl.DataFrame) -> pl.DataFrame:
    """Return every item in normal form, copies and conflicts among their flags.

    ``duplicate_of:<id>`` names the first copy, ``conflicting_gold`` marks all copies of
    a question whose golds differ.
    """
    rows = [_normal_item(row) for row in benchmark_items.iter_rows(named=True)]
    exams = [row for row in rows if row["benchmark"] != "counselling"]
    flags: dict[str, list[str]] = defaultdict(list)
    for group in questions.groups_of_copies(exams):
        for copy in group[1:]:
            flags[copy["item_id"]].append(f"duplicate_of:{group[0]['item_id']}")
        if questions.conflicts(group):
            for row in group:
                flags[row["item_id"]].append("conflicting_gold")
    rows = [row | {"flags": row["flags"] + flags[row["item_id"]]} for row in rows]
    return tables.frame(tables.BenchmarkItems, rows)


def _normal_item(row: Row) -> Row:
    return questions.normal_question(row) | {
        "messages": conversations.normal_messages(row["messages"])
    }


# ---- posts -----------------------------------------------------------------------


def clean_posts(
    posts: pl.DataFrame, parameters: PostParameters, replies_parameters: ReplyParameters
) -> Cleaned:
    """Return the conversations de-identified and tagged, and those rejected.

    Args:
        posts: Candidate conversations.
        parameters: Hotlines, limits.
        replies_parameters: Its policy says what is tagged and what is no post at all.

    Raises:
        LeakError: If a contact is left in what would be kept.
    """
    cleaner = conversations.PostCleaner(parameters, replies_parameters.policy)
    tables_of_batches = [
        _clean_posts(batch, cleaner) for batch in posts.iter_slices(BATCH)
    ]
    empty = _clean_posts(posts.clear(), cleaner)
    return Cleaned(
        pl.concat([empty.kept, *(batch.kept for batch in tables_of_batches)]),
        pl.concat([empty.rejected, *(batch.rejected for batch in tables_of_batches)]),
    )


BATCH = 20_000
"""Rows held as Python objects at one time: a million posts fit in 2 GB."""


def _clean_posts(posts: pl.DataFrame, cleaner: conversations.PostCleaner) -> Cleaned:
    kept, rejected = [], []
    for row in posts.iter_rows(named=True):
        clean, reason = cleaner.clean(row)
        if reason is None:
            kept.append(clean)
        else:
            rejected.append(_post_rejection(row, "clean_posts", reason))
    conversations.check(kept, cleaner.hotlines)
    return Cleaned(
        tables.frame(tables.CleanPosts, kept), tables.frame(tables.Rejections, rejected)
    )


def judge_replies(
    clean_posts: pl.DataFrame,
    usefulness_prompt: Prompt,
    judge_model: ChatModel,
    parameters: ReplyParameters,
) -> Cleaned:
    """Return the conversations whose replies are of use, and the others.

    Args:
        clean_posts: De-identified conversations.
        usefulness_prompt: Asks for both scores, harm and referral in one call.
        judge_model: Judges what is not obvious.
        parameters: Thresholds, platitudes and the policy.
    """
    rows = list(clean_posts.iter_rows(named=True))
    obvious = [replies.obvious_reason(row, parameters) for row in rows]
    asked = [row for row, reason in zip(rows, obvious, strict=True) if reason is None]
    requests = [
        replies.verdict_request(row["messages"], usefulness_prompt) for row in asked
    ]
    outcomes = judge_model.complete(requests)
    judged = _judged(asked, outcomes, usefulness_prompt, parameters)
    rejected = [
        _post_rejection(row, "judge_replies", reason)
        for row, reason in zip(rows, obvious, strict=True)
        if reason
    ]
    return Cleaned(
        tables.frame(tables.UsefulPosts, [row for row, reason in judged if not reason]),
        tables.frame(
            tables.Rejections,
            rejected
            + [_post_rejection(r, "judge_replies", why) for r, why in judged if why],
        ),
    )


def _judged(
    rows: list[Row],
    outcomes: Iterable[Any],
    prompt: Prompt,
    parameters: ReplyParameters,
) -> list[tuple[Row, str | None]]:
    judged = []
    for row, outcome in zip(rows, outcomes, strict=True):
        verdict = replies.read_verdict(outcome)
        scores = {
            "reasonableness": verdict.reasonableness if verdict else None,
            "relevance": verdict.relevance if verdict else None,
            "model": outcome.model,
            "reply_key": outcome.key,
            "prompt_digest": prompt.digest,
        }
        judged.append((row | scores, replies.verdict_reason(row, verdict, parameters)))
    return judged


# ---- public sets -----------------------------------------------------------------


def clean_public_sets(
    public_samples: pl.DataFrame, public_questions: pl.DataFrame
) -> CleanedPublicSets:
    """Return the public sets in normal form, and what was rejected (D_ps, D_cp)."""
    kept, rejected = [], []
    for row in public_samples.iter_rows(named=True):
        messages = conversations.normal_messages(row["messages"])
        if conversations.is_complete(messages):
            kept.append(row | {"messages": messages})
        else:
            rejected.append(
                _rejection(
                    row["sample_id"],
                    row["source"],
                    "clean_public_sets",
                    "no_reply",
                    row["locator"],
                )
            )
    exams = _clean_questions(public_questions, "clean_public_sets")
    return CleanedPublicSets(
        tables.frame(tables.PublicSamples, kept),
        tables.frame(tables.Rejections, rejected),
        exams.kept,
        exams.rejected,
    )


def _post_rejection(row: Row, stage: str, reason: str) -> Row:
    return _rejection(row["post_id"], row["source"], stage, reason, row["locator"])


def _rejection(
    row_id: str, source: str, stage: str, reason: str, detail: str | None
) -> Row:
    return {
        "row_id": row_id,
        "source": source,
        "stage": stage,
        "reason": reason,
        "detail": detail,
    }
