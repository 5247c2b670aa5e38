"""The same tables in normal form, people's words without the people (§2.1).

The paper standardises punctuation, removes emojis, emoticons and links, lets a model
drop replies that are of no use, and (Ethics) removes names, locations and contact
details. Every node gives back what it keeps and what it rejects: rows in = rows kept +
rows rejected, except for benchmark items, which are flagged and never lost.

Example row of ``rejected_bank_questions``::

    {"row_id": "3f2a…", "source": "题库.csv", "stage": "clean_bank_questions",
     "reason": "answer_not_among_options", "detail": "row 12"}
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro import tables
from psyche_kedro.llm.chat_model import Asking, ChatModel, Outcome
from psyche_kedro.pipelines.benchmarks import form_of
from psyche_kedro.pipelines.cleaning import conversations, guard, stems, usefulness
from psyche_kedro.pipelines.cleaning.deidentification import model_pass
from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    PLACEHOLDER,
    deid_level,
    level_with_model,
)
from psyche_kedro.pipelines.cleaning.pages.page_layout import BookPage, clean_book
from psyche_kedro.pipelines.cleaning.parameters import (
    PageParameters,
    PostParameters,
    ReplyParameters,
)
from psyche_kedro.pipelines.cleaning.text.normalise import normalise
from psyche_kedro.prompts import Prompt
from psyche_kedro.tables import Growing
from psyche_kedro.text.taggers import Tagger
from psyche_kedro.workers.progress import counted

Row = dict[str, Any]
_READABLE = ("ok", "fallback")


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
    documents: pl.DataFrame, params: PageParameters
) -> CleanedDocuments:
    """Return the pages that hold teaching text, those that do not, and the ledger.

    Args:
        documents: One row per page, read or not.
        params: What counts as running head, front and back matter.
    """
    kept, rejected = Growing(tables.Documents), Growing(tables.Rejections)
    removed = Growing(tables.RemovedText)
    for _, book in documents.group_by("document_id", maintain_order=True):
        pages = {page.page_id: page for page in _cleaned_pages(book, params)}
        for row in book.iter_rows(named=True):
            page = pages.get(row["page_id"])
            text = normalise("\n\n".join(page.blocks)) if page else ""
            if text:
                kept.append(row | {"text": text})
            else:
                rejected.append(_page_rejection(row, page))
            removed.extend(_removed(row, page) if page else [])
    return CleanedDocuments(kept.table(), rejected.table(), removed.table())


def _cleaned_pages(book: pl.DataFrame, params: PageParameters) -> Iterator[BookPage]:
    readable = book.filter(pl.col("status").is_in(_READABLE)).sort("page")
    pages = [
        BookPage(r["page_id"], r["engine"], r["text"].split("\n"))
        for r in readable.iter_rows(named=True)
    ]
    return counted(clean_book(pages, params), "clean_documents", len(pages), "pages")


def _removed(row: Row, page: BookPage) -> Iterator[Row]:
    for piece in page.removed:
        yield piece._asdict() | {"source": row["source"], "n_chars": len(piece.text)}


def _page_rejection(row: Row, page: BookPage | None) -> Row:
    if page is None:
        reason, detail = f"page_{row['status']}", row["detail"]
    else:
        reasons = [piece.reason for piece in page.removed]
        reason = max(reasons, key=reasons.count, default="no_text")
        detail = f"page {row['page']}"
    return tables.rejection(
        row["page_id"],
        "clean_documents",
        reason,
        source=row["source"],
        detail=detail,
    )


# ---- questions -------------------------------------------------------------------


def clean_bank_questions(bank_questions: pl.DataFrame) -> Cleaned:
    """Return the well-formed questions in normal form, and the others (Type II)."""
    return _clean_questions(bank_questions, "clean_bank_questions")


def _clean_questions(table: pl.DataFrame, stage: str) -> Cleaned:
    rows = [
        stems.normal_question(row)
        for row in counted(table.iter_rows(named=True), stage, table.height, "rows")
    ]
    reasons = _question_reasons(rows)
    kept = [row for index, row in enumerate(rows) if index not in reasons]
    rejected = [
        tables.rejection(
            rows[index]["question_id"],
            stage,
            reason,
            source=rows[index]["source"],
            detail="; ".join([rows[index]["locator"], *rows[index]["parse_errors"]]),
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
        for group in stems.groups_of_copies(sound)
        if stems.conflicts(group)
        for row in group
    }
    return malformed | conflicting


def clean_benchmark_items(benchmark_items: pl.DataFrame) -> pl.DataFrame:
    """Return every item in normal form, copies and conflicts among their flags.

    ``duplicate_of:<id>`` names the first copy, ``conflicting_gold`` marks all copies of
    a question whose golds differ.
    """
    rows = [_normal_item(row) for row in benchmark_items.iter_rows(named=True)]
    exams = [row for row in rows if form_of(row) != "judged"]
    flags: dict[str, list[str]] = defaultdict(list)
    for group in stems.groups_of_copies(exams):
        for copy in group[1:]:
            flags[copy["item_id"]].append(f"duplicate_of:{group[0]['item_id']}")
        if stems.conflicts(group):
            for row in group:
                flags[row["item_id"]].append("conflicting_gold")
    rows = [row | {"flags": row["flags"] + flags[row["item_id"]]} for row in rows]
    return tables.frame(tables.BenchmarkItems, rows)


def _normal_item(row: Row) -> Row:
    return stems.normal_question(row) | {
        "messages": conversations.normal_messages(row["messages"])
    }


# ---- posts -----------------------------------------------------------------------


def clean_posts(
    posts: pl.DataFrame,
    *,
    tagger: Tagger | None,
    params: PostParameters,
    replies_parameters: ReplyParameters,
) -> Cleaned:
    """Return the conversations de-identified and tagged, and those rejected.

    Args:
        posts: Candidate conversations.
        tagger: Marks persons, or None: then all is ``rules_only``.
        params: Hotlines, limits.
        replies_parameters: Its policy says what is tagged and what is no post at all.

    Raises:
        LeakError: If a contact is left in what would be kept.
    """
    cleaner = conversations.PostCleaner(params, replies_parameters.policy, tagger)
    batches = []
    for batch in [posts.clear(), *posts.iter_slices(_BATCH)]:
        kept, rejected = _cleaned_posts(batch, cleaner)
        conversations.check(kept, "post_id", cleaner.hotlines)
        batches.append(
            Cleaned(
                tables.frame(tables.CleanPosts, kept),
                tables.frame(tables.Rejections, rejected),
            )
        )
    return Cleaned(
        pl.concat([batch.kept for batch in batches]),
        pl.concat([batch.rejected for batch in batches]),
    )


_BATCH = 2_000
"""Rows held as Python objects at one time: the peak of 20,000 posts is 313 MB."""


def _cleaned_posts(
    posts: pl.DataFrame, cleaner: conversations.PostCleaner
) -> tuple[list[Row], list[Row]]:
    kept, rejected = [], []
    cleaned = cleaner.clean(list(posts.iter_rows(named=True)))
    for row, reason in counted(cleaned, "clean_posts", posts.height, "rows"):
        if reason is None:
            kept.append(row)
        else:
            rejected.append(_post_rejection(row, "clean_posts", reason))
    return kept, rejected


def mask_by_model(
    clean_posts: pl.DataFrame, prompt: Prompt, model: ChatModel, params: PostParameters
) -> pl.DataFrame:
    """Return conversations without what a model names that rules and tagger left.

    Args:
        clean_posts: As ``clean_posts`` gives them.
        prompt: Asks for spans.
        model: Names them.
        params: Hotlines.

    Raises:
        LeakError: If a contact is left in them.
    """
    hotlines = frozenset(params.hotlines)
    rows = list(clean_posts.iter_rows(named=True))
    outcomes = model.complete(
        Asking(rows, lambda row: model_pass.span_request(row["messages"], prompt))
    )
    masked = [_masked(row, o, hotlines) for row, o in zip(rows, outcomes, strict=True)]
    conversations.check(masked, "post_id", hotlines)
    return tables.frame(tables.CleanPosts, masked)


def _masked(row: Row, outcome: Outcome, hotlines: frozenset[str]) -> Row:
    spans = model_pass.read_spans(outcome)
    if spans is None:
        return row
    return row | {
        "messages": model_pass.mask_spans(row["messages"], spans, hotlines),
        "deid_level": level_with_model(row["deid_level"]),
    }


def _no_formula(text: pl.Expr) -> pl.Expr:
    """Return cells that no spreadsheet reckons: a person opens them in one."""
    begins = text.str.contains(r"^[\s]*[=+\-@＝＋－＠\t\r]")
    return pl.when(begins).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)


def sample_masked_posts(
    clean_posts: pl.DataFrame, params: PostParameters
) -> pl.DataFrame:
    """Return conversations for a person to check: disputed, masked and unmasked ones.

    In the first, rules and tagger disagree on a name; the others show what was masked
    for nothing, and what was missed. The sample is drawn by id, so that a second run
    shows the same rows.

    Args:
        clean_posts: De-identified conversations.
        params: How many of each.
    """
    contents = pl.col("messages").list.eval(pl.element().struct.field("content"))
    text = _no_formula(contents.list.join("\n")).alias("text")
    drawn = (
        clean_posts.select("post_id", "deid_level", "disputed_names", text)
        .with_columns(
            pl.col("text").str.contains(PLACEHOLDER.pattern).alias("masked"),
            pl.col("disputed_names") > 0,
            pl.lit("").alias("remark"),
        )
        .sort("post_id")
    )
    disputed, masked = pl.col("disputed_names"), pl.col("masked")
    kinds = (
        drawn.filter(disputed),
        drawn.filter(~disputed, masked),
        drawn.filter(~disputed, ~masked),
    )
    return pl.concat([kind.head(params.audit_rows) for kind in kinds])


def judge_replies(
    clean_posts: pl.DataFrame,
    usefulness_prompt: Prompt,
    judge_model: ChatModel,
    guard_model: ChatModel | None,
    params: ReplyParameters,
) -> Cleaned:
    """Return the conversations whose replies are of use, and the others.

    Args:
        clean_posts: De-identified conversations.
        usefulness_prompt: Asks for both scores, harm and referral in one call.
        judge_model: Judges what is not obvious.
        guard_model: A guard model that has a word on harm, or None.
        params: Thresholds, platitudes and the policy.
    """
    rows = list(clean_posts.iter_rows(named=True))
    obvious = [usefulness.obvious_reason(row, params) for row in rows]
    asked = [row for row, reason in zip(rows, obvious, strict=True) if reason is None]
    outcomes = judge_model.complete(
        Asking(
            asked,
            lambda row: usefulness.verdict_request(row["messages"], usefulness_prompt),
        )
    )
    judged = [
        (
            row | usefulness.verdict_columns(outcome, usefulness_prompt),
            usefulness.verdict_reason(row, outcome, params) or guarded,
        )
        for row, outcome, guarded in zip(
            asked, outcomes, _guarded(asked, guard_model), strict=True
        )
    ]
    reasons = [*zip(rows, obvious, strict=True), *judged]
    return Cleaned(
        tables.frame(tables.UsefulPosts, [row for row, reason in judged if not reason]),
        tables.frame(
            tables.Rejections,
            [_post_rejection(row, "judge_replies", why) for row, why in reasons if why],
        ),
    )


def _guarded(rows: list[Row], model: ChatModel | None) -> list[str | None]:
    if model is None:
        return [None] * len(rows)
    outcomes = model.complete(
        Asking(rows, lambda row: guard.guard_request(row["messages"]))
    )
    return [guard.guard_reason(outcome) for outcome in outcomes]


# ---- public sets -----------------------------------------------------------------


def clean_public_sets(
    public_samples: pl.DataFrame,
    public_questions: pl.DataFrame,
    tagger: Tagger | None,
    params: PostParameters,
) -> CleanedPublicSets:
    """Return the public sets, cleaned like ours, and what was rejected (D_ps, D_cp).

    Dialogues are people's words and de-identified like posts; knowledge QA names
    psychologists, who keep their names.

    Args:
        public_samples: Dialogues and knowledge QA.
        public_questions: Exam questions.
        tagger: Marks persons, or None.
        params: Hotlines.

    Raises:
        LeakError: If a contact is left in a dialogue that would be kept.
    """
    hotlines = frozenset(params.hotlines)
    rows = list(_public_rows(public_samples, tagger, hotlines))
    reasons = [_public_reason(row, hotlines) for row in rows]
    kept = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    conversations.check(filter(_is_dialogue, kept), "sample_id", hotlines)
    rejected = [
        tables.rejection(
            row["sample_id"],
            "clean_public_sets",
            reason,
            source=row["source"],
            detail=row["locator"],
        )
        for row, reason in zip(rows, reasons, strict=True)
        if reason
    ]
    exams = _clean_questions(public_questions, "clean_public_sets")
    return CleanedPublicSets(
        tables.frame(tables.CleanPublicSamples, kept),
        tables.frame(tables.Rejections, rejected),
        exams.kept,
        exams.rejected,
    )


def _public_rows(
    samples: pl.DataFrame, tagger: Tagger | None, hotlines: frozenset[str]
) -> Iterator[Row]:
    rows = list(samples.iter_rows(named=True))
    clean = [_public_messages(row, hotlines) for row in rows]
    dialogues = (m for r, m in zip(rows, clean, strict=True) if _is_dialogue(r))
    persons = conversations.tagged(dialogues, tagger)
    for row, messages in zip(rows, clean, strict=True):
        if _is_dialogue(row):
            masked = conversations.masked_messages(messages, hotlines, persons)
            yield row | {"messages": masked, "deid_level": deid_level(tagger)}
        else:
            yield row | {"messages": messages, "deid_level": None}


def _public_messages(row: Row, hotlines: frozenset[str]) -> list[dict[str, str]]:
    if _is_dialogue(row):
        return conversations.clean_messages(row["messages"], hotlines)
    return conversations.normal_messages(row["messages"])


def _public_reason(row: Row, hotlines: frozenset[str]) -> str | None:
    messages = row["messages"]
    if not conversations.is_complete(messages):
        return "no_reply"
    if _is_dialogue(row) and conversations.holds_contact(messages, hotlines):
        return conversations.CONTACT_LEFT
    return None


def _is_dialogue(row: Row) -> bool:
    return bool(row["kind"] == "dialogue")


def _post_rejection(row: Row, stage: str, reason: str) -> Row:
    return tables.rejection(
        row["post_id"], stage, reason, source=row["source"], detail=row["locator"]
    )
