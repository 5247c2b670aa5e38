"""§2.2, question generation and control: a page to a question worth asking.

    clean_documents → chunks → generated_questions ┐
    subfields that lack questions → distilled_questions ┼→ question_pool (~210k)
    clean_bank_questions ───────────────────────────┘
    → question_clusters → distinct_questions → screened_questions → reviewed_questions

(~90k in the paper.) Every node that asks a model has three beats: rows to requests,
``complete``, outcomes to rows and rejections.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from psyche_kedro.llm.chat_model import Asking, ChatModel, ChatRequest, Outcome
from psyche_kedro.pipelines.synthesis.parameters import (
    Ask,
    ChunkParameters,
    DeduplicationParameters,
    DistillationParameters,
    QuestionParameters,
    TopicParameters,
)
from psyche_kedro.pipelines.synthesis.provenance import made_by
from psyche_kedro.pipelines.synthesis.questions import identity, ranking, screening
from psyche_kedro.pipelines.synthesis.questions.chunks import (
    Document,
    Dropped,
    Passage,
    join_pages,
    split_document,
)
from psyche_kedro.pipelines.synthesis.questions.coverage import (
    DistillationAsk,
    count_by_subfield,
    missing_questions,
)
from psyche_kedro.pipelines.synthesis.questions.near_duplicates import (
    near_duplicate_clusters,
)
from psyche_kedro.pipelines.synthesis.questions.slots import Slot, read_slots
from psyche_kedro.pipelines.synthesis.questions.topics import (
    OFF_TOPIC,
    is_dropped,
    topic_rows,
)
from psyche_kedro.prompts import Prompt, Words
from psyche_kedro.questions import key_fault, question_id
from psyche_kedro.tables import (
    BookTopics,
    Chunks,
    DuplicateQuestions,
    GeneratedQuestions,
    Growing,
    QuestionClusters,
    QuestionPool,
    Rejections,
    Row,
    content_id,
    frame,
    rejection,
)
from psyche_kedro.text.tokens import read_tokenizer

_LOG = logging.getLogger(__name__)
Tables = tuple[pl.DataFrame, pl.DataFrame]

_READ = ("ok", "fallback")


# ---- chunks ----------------------------------------------------------------------


def measure_topics(
    clean_documents: pl.DataFrame,
    distillation: DistillationParameters,
    params: TopicParameters,
) -> pl.DataFrame:
    """Return how dense the field's words stand in each book and chapter.

    Args:
        clean_documents: ``Documents``, pages.
        distillation: ``synthesis.distillation``, whose taxonomy has the words.
        params: ``synthesis.topics``.

    Returns:
        ``BookTopics``, one row per book and per chapter that is long enough.
    """
    rows = topic_rows(_documents(clean_documents), distillation.taxonomy, params)
    topics = frame(BookTopics, rows)
    off_topic = topics.filter(verdict=OFF_TOPIC).height
    if off_topic:
        _LOG.warning(
            "%d of %d books and chapters hardly speak of psychology; see book_topics.",
            off_topic,
            topics.height,
        )
    return topics


def split_chunks(
    clean_documents: pl.DataFrame, book_topics: pl.DataFrame, params: ChunkParameters
) -> Tables:
    """Return the passages of all books, and everything that stands in none.

    Args:
        clean_documents: ``Documents``, pages.
        book_topics: ``BookTopics``; a chapter that it drops has no passages.
        params: ``synthesis.chunks``.

    Returns:
        ``Chunks`` and the ledger (``Rejections`` whose ``detail`` is the dropped text):
        white space aside, characters in = characters in chunks + in the ledger.
    """
    _, _, tokenizer = params.measure.partition("tokenizer:")
    measure = read_tokenizer(Path(tokenizer)) if tokenizer else len
    topics = book_topics.select("document_id", "chapter", "is_dropped").iter_rows()
    decided = {(document, chapter): dropped for document, chapter, dropped in topics}
    chunks, ledger = Growing(Chunks), Growing(Rejections)
    for document in _documents(clean_documents):
        passages, dropped = split_document(document.text, params, measure)
        ledger.extend(_dropped(document, span) for span in dropped)
        for passage in passages:
            chunk = _chunk(document, passage)
            if is_dropped(document.document_id, passage.chapter, decided):
                ledger.append(_without_use(chunk, "off_topic"))
            elif measure(chunk["text"]) < params.floor_length:
                ledger.append(_without_use(chunk, "thin_chunk"))
            else:
                chunks.append(chunk)
    return chunks.table(), ledger.table()


def _documents(pages: pl.DataFrame) -> Iterator[Document]:
    read = pages.filter(pl.col("status").is_in(_READ)).sort("document_id", "page")
    for (document_id, source), group in read.group_by(
        ["document_id", "source"], maintain_order=True
    ):
        texts = group.select("page_id", "text").iter_rows()
        yield join_pages(str(document_id), str(source), texts)


def _chunk(document: Document, passage: Passage) -> Row:
    text = passage.read(document.text)
    start, end = passage.spans[0].start, passage.spans[-1].end
    return {
        "chunk_id": content_id(document.document_id, str(start), text),
        "document_id": document.document_id,
        "source": document.source,
        "heading_path": [heading.title for heading in passage.path],
        "page_ids": document.pages_of(start, end),
        "text": text,
        "n_chars": len(text),
    }


def _dropped(document: Document, span: Dropped) -> Row:
    return rejection(
        document.pages_of(span.start, span.end)[0],
        "split_chunks",
        span.reason,
        source=document.source,
        detail=document.text[span.start : span.end],
    )


def _without_use(chunk: Row, reason: str) -> Row:
    return rejection(
        chunk["chunk_id"],
        "split_chunks",
        reason,
        source=chunk["source"],
        detail=chunk["text"],
    )


# ---- generation and distillation -------------------------------------------------


def generate_questions(
    chunks: pl.DataFrame,
    *,
    prompt: Prompt,
    teacher: ChatModel,
    params: QuestionParameters,
) -> Tables:
    """Ask the teacher for questions on every chunk (Type I).

    Args:
        chunks: ``Chunks``.
        prompt: ``question``.
        teacher: Model that writes the questions.
        params: ``synthesis.questions``.

    Returns:
        ``GeneratedQuestions`` and ``Rejections``; asked for = kept + rejected, but for
        rejections with the reason ``surplus``.
    """
    asks = [(c, a) for c in chunks.iter_rows(named=True) for a in params.asks]
    outcomes = teacher.complete(
        Asking(asks, lambda asked: _question_request(*asked, prompt))
    )
    rows: list[Row] = []
    rejections: list[Row] = []
    for (chunk, ask), outcome in zip(asks, outcomes, strict=True):
        parent = {"chunk_id": chunk["chunk_id"], "subfield": None}
        kept, lost = _filled(
            read_slots(outcome, ask, prompt.words), outcome, prompt, parent
        )
        rows += kept
        rejections += [
            rejection(
                chunk["chunk_id"], "generate_questions", why, source=chunk["source"]
            )
            for why in lost
        ]
    return frame(GeneratedQuestions, rows), frame(Rejections, rejections)


def distil_questions(
    generated_questions: pl.DataFrame,
    clean_bank_questions: pl.DataFrame,
    *,
    prompt: Prompt,
    teacher: ChatModel,
    params: DistillationParameters,
) -> Tables:
    """Ask the teacher for what subfields lack, without a text (Type III).

    Args:
        generated_questions: ``GeneratedQuestions``, Type I.
        clean_bank_questions: ``BankQuestions``, Type II.
        prompt: ``distillation``.
        teacher: Model that writes the questions.
        params: ``synthesis.distillation``.

    Returns:
        ``GeneratedQuestions`` and ``Rejections``, as ``generate_questions``.
    """
    counts = covered(generated_questions, clean_bank_questions, params=params)
    asks = list(missing_questions(counts, params))
    outcomes = teacher.complete(
        Asking(asks, lambda ask: _distillation_request(ask, prompt))
    )
    rows: list[Row] = []
    rejections: list[Row] = []
    for part, outcome in zip(asks, outcomes, strict=True):
        parent = {"chunk_id": None, "subfield": part.subfield}
        kept, lost = _filled(
            read_slots(outcome, part.ask, prompt.words), outcome, prompt, parent
        )
        rows += kept
        row_id = content_id("subfield", part.subfield)
        rejections += [
            rejection(row_id, "distil_questions", why, source=part.subfield)
            for why in lost
        ]
    return frame(GeneratedQuestions, rows), frame(Rejections, rejections)


def covered(*questions: pl.DataFrame, params: DistillationParameters) -> dict[str, int]:
    """Return how many of all the questions each subfield has."""
    return count_by_subfield(
        pl.concat(map(_subject_matter, questions)), params.taxonomy
    )


def _question_request(chunk: Row, ask: Ask, prompt: Prompt) -> ChatRequest:
    messages = prompt.render(
        passage=chunk["text"],
        heading=" > ".join(chunk["heading_path"]),
        n_questions=ask.count,
        type_instruction=prompt.words.types[ask.type],
    )
    return ChatRequest(messages, task="generate_questions")


def _distillation_request(part: DistillationAsk, prompt: Prompt) -> ChatRequest:
    messages = prompt.render(
        subfield=part.subfield,
        n_questions=part.ask.count,
        type_instruction=prompt.words.types[part.ask.type],
    )
    return ChatRequest(messages, task="distil_questions", sample=part.sample)


def _filled(
    slots: list[Slot], outcome: Outcome, prompt: Prompt, parent: Row
) -> tuple[list[Row], list[str]]:
    """Return the slots that hold a question as rows, and why the others hold none."""
    kept = [
        slot | parent | {"question_id": question_id(slot)} | made_by(outcome, prompt)
        for slot in slots
        if isinstance(slot, dict)
    ]
    return kept, [slot for slot in slots if isinstance(slot, str)]


def _subject_matter(questions: pl.DataFrame) -> pl.Series:
    """Return what says which subfield a question belongs to."""
    parts = ["subject", "case_text", "stem"]
    text = pl.concat_str(parts, separator=" ", ignore_nulls=True)
    return questions.select(text.alias("text")).to_series()


# ---- pool and near-duplicates ----------------------------------------------------


def pool_questions(
    generated_questions: pl.DataFrame,
    distilled_questions: pl.DataFrame,
    clean_bank_questions: pl.DataFrame,
    chunks: pl.DataFrame,
) -> Tables:
    """Return Types I, II and III as one table, and what cannot be in it.

    A question whose answer is no option is left out: nothing could verify a rationale
    against it.

    Args:
        generated_questions: ``GeneratedQuestions``, Type I.
        distilled_questions: ``GeneratedQuestions``, Type III.
        clean_bank_questions: ``BankQuestions``, Type II.
        chunks: ``Chunks``, for the sources.

    Returns:
        ``QuestionPool`` and ``Rejections``: rows in = kept + rejected.
    """
    sources = chunks.select("chunk_id", "source")
    parts = [
        _as_pool(clean_bank_questions, "bank", parent="question_id"),
        _as_pool(
            generated_questions.join(sources, on="chunk_id", how="left"),
            "textbook",
            parent="chunk_id",
        ),
        _as_pool(
            distilled_questions.with_columns(source="model", subject="subfield"),
            "distilled",
            parent="question_id",
        ),
    ]
    return _without_copies(pl.concat(parts))


def _without_copies(questions: pl.DataFrame) -> Tables:
    kept: set[str] = set()
    sound: list[bool] = []
    rejections = Growing(Rejections)
    for row in questions.iter_rows(named=True):
        content = question_id(row)
        reason = key_fault(row) or ("exact_duplicate" if content in kept else None)
        if reason:
            rejections.append(_out_of_pool(row, reason))
        else:
            kept.add(content)
        sound.append(reason is None)
    return questions.filter(pl.Series(sound, dtype=pl.Boolean)), rejections.table()


def _as_pool(questions: pl.DataFrame, origin: str, *, parent: str) -> pl.DataFrame:
    columns = list(QuestionPool.to_schema().columns)
    lacking = [c for c in ("model", "reply_key", "prompt_digest") if c not in questions]
    return questions.with_columns(
        pl.col(parent).alias("parent_id"),
        pl.lit(origin).alias("origin"),
        *(pl.lit(None, dtype=pl.String).alias(column) for column in lacking),
    ).select(columns)


def _out_of_pool(row: Row, reason: str) -> Row:
    return rejection(row["question_id"], "pool_questions", reason, source=row["source"])


def cluster_questions(
    question_pool: pl.DataFrame, params: DeduplicationParameters
) -> pl.DataFrame:
    """Return which questions ask the same (§2.2, MinHash LSH).

    Args:
        question_pool: ``QuestionPool``.
        params: ``synthesis.deduplication``.

    Returns:
        ``QuestionClusters``, one row per question.
    """
    compared = pl.DataFrame(
        [_compared(row) for row in question_pool.iter_rows(named=True)],
        schema={
            "question_id": pl.String,
            "priority": pl.Int64,
            "text": pl.String,
            "gold": pl.String,
            "polarity": pl.String,
            "numbers": pl.String,
        },
    )
    clusters = near_duplicate_clusters(
        compared,
        id_col="question_id",
        text_col="text",
        priority="priority",
        block_on=identity.NEVER_DIFFER,
        params=params,
    )
    return frame(QuestionClusters, clusters.iter_rows(named=True))


def _compared(row: Row) -> Row:
    return {
        "question_id": row["question_id"],
        "priority": ranking.priority(row),
        **identity.comparison(row),
    }


def pick_representatives(
    question_pool: pl.DataFrame,
    question_clusters: pl.DataFrame,
    *,
    prompt: Prompt,
    judge: ChatModel,
) -> Tables:
    """Ask the judge which question of each cluster stays.

    Args:
        question_pool: ``QuestionPool``.
        question_clusters: ``QuestionClusters``.
        prompt: ``ranking``.
        judge: Model that compares.

    Returns:
        ``QuestionPool``, one row per cluster in the order of the pool, and
        ``DuplicateQuestions``: pool = kept + duplicates.
    """
    clusters = ranking.competing_clusters(question_pool, question_clusters)
    outcomes = judge.complete(
        Asking(clusters, lambda cluster: ranking.ranking_request(cluster, prompt))
    )
    duplicates = [
        duplicate
        for cluster, outcome in zip(clusters, outcomes, strict=True)
        for duplicate in _duplicates(cluster, ranking.read_winner(cluster, outcome))
    ]
    lost = frame(DuplicateQuestions, duplicates)
    return question_pool.join(lost, on="question_id", how="anti"), lost


def _duplicates(cluster: ranking.Cluster, winner: ranking.Winner) -> Iterator[Row]:
    for row in (*cluster.shown, *cluster.others):
        if row["question_id"] != winner.question_id:
            yield {
                "question_id": row["question_id"],
                "kept_id": winner.question_id,
                "cluster_id": cluster.cluster_id,
                "reason": winner.reason,
            }


# ---- screening -------------------------------------------------------------------


def screen_questions(
    distinct_questions: pl.DataFrame,
    *,
    prompt: Prompt,
    examples: list[dict[str, str]],
    judge: ChatModel,
) -> Tables:
    """Return the questions that stand without their source (Appendix D).

    Args:
        distinct_questions: ``QuestionPool``.
        prompt: ``screening``.
        examples: Few-shot examples: ``question``, ``verdict``, ``reason``.
        judge: Model that screens.

    Returns:
        ``QuestionPool`` and ``Rejections``: rows in = kept + rejected.
    """
    words = prompt.words
    shown = screening.render_examples(examples, words)
    rows = list(distinct_questions.iter_rows(named=True))
    outcomes = judge.complete(
        Asking(rows, lambda row: screening.screening_request(row, prompt, shown))
    )
    verdicts = [screening.read_verdict(outcome, words) for outcome in outcomes]
    passed = pl.Series(
        [v.verdict == screening.REASONABLE for v in verdicts], dtype=pl.Boolean
    )
    rejections = [
        _screened_out(row, verdict, words)
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict.verdict != screening.REASONABLE
    ]
    return distinct_questions.filter(passed), frame(Rejections, rejections)


def _screened_out(row: Row, verdict: screening.Verdict, words: Words) -> Row:
    if verdict.verdict is None:
        reason, detail = verdict.reason, None
    else:
        reason, detail = screening.kind_of(verdict.reason, words), verdict.reason
    return rejection(
        row["question_id"],
        "screen_questions",
        reason,
        source=row["source"],
        detail=detail,
    )
