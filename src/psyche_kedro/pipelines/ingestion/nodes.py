"""Raw files to the tables that everything else starts from (§2.1).

The paper names four sources: textbooks (Type I), question banks (Type II), what a model
distils (Type III) and counselling posts (Type IV); three of them are files. A file that
cannot be read is a row of ``unreadable_sources``, never a crash and never a silence.

Example row of ``documents``::

    {"source": "普通心理学.pdf", "page": 12, "status": "ok", "engine": "text_layer",
     "text": "工作记忆是…", "confidence": None, …}
"""

from functools import partial
from typing import NamedTuple

import polars as pl

from psyche_kedro import tables
from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.llm.chat_model import ChatModel
from psyche_kedro.partitions.engines import MapEngine
from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.ingestion import posts, public_sets
from psyche_kedro.pipelines.ingestion.banks import question_banks
from psyche_kedro.pipelines.ingestion.benchmarks import (
    is_key,
    read_benchmark_file,
    read_key_file,
    with_draw,
    with_key,
)
from psyche_kedro.pipelines.ingestion.files.sources import Row, read_each
from psyche_kedro.pipelines.ingestion.parameters import (
    UNLIMITED,
    FileLimits,
    TextbookParameters,
)
from psyche_kedro.pipelines.ingestion.textbooks import reading
from psyche_kedro.pipelines.ingestion.textbooks.pictures import read_pictures


class ReadTable(NamedTuple):
    """A table of what was read, and one of what could not be."""

    rows: pl.DataFrame
    unreadable: pl.DataFrame


class ReadPublicSets(NamedTuple):
    """The public sets' two tables, and what could not be read."""

    samples: pl.DataFrame
    questions: pl.DataFrame
    unreadable: pl.DataFrame


class ReadTextbooks(NamedTuple):
    """Pages, unreadable files, and what every file is."""

    pages: pl.DataFrame
    unreadable: pl.DataFrame
    inventory: pl.DataFrame


def read_textbooks(
    textbook_files: list[SourceFile],
    ocr_model: ChatModel | None,
    params: TextbookParameters,
    map_engine: MapEngine | None = None,
    limits: FileLimits = UNLIMITED,
) -> ReadTextbooks:
    """Return one row per page of every readable book, and what every file is.

    A book that came twice is read once; its copy is listed as ``duplicate_file``.

    Args:
        textbook_files: PDFs, scans, images, DOCX, EPUB, HTML, Markdown, TXT.
        ocr_model: olmOCR's endpoint, or None to read scans on this machine.
        params: Thresholds and engines.
        map_engine: Where OCR engines read, so that a page is read once; None reads in
            this process and keeps nothing.
        limits: What reading one file, or one page, may take.
    """
    opened = reading.open_books(textbook_files, params, limits)
    read = read_pictures(opened.books, ocr_model, params, map_engine, limits)
    pages = [row for b in opened.books for row in reading.page_rows(b, read)]
    return ReadTextbooks(
        tables.frame(tables.Documents, pages),
        _unreadable(opened.unreadable),
        tables.frame(tables.TextbookInventory, opened.inventory),
    )


def read_question_banks(
    question_bank_files: list[SourceFile], limits: FileLimits = UNLIMITED
) -> ReadTable:
    """Return one row per question of every bank, parsed or not (Type II)."""
    reader = question_banks.read_bank
    read = read_each(question_bank_files, "question_banks", reader, limits)
    return _tables(tables.BankQuestions, read.rows, read.unreadable)


def read_posts(
    post_files: list[SourceFile], limits: FileLimits = UNLIMITED
) -> ReadTable:
    """Return one row per candidate conversation (Type IV)."""
    read = read_each(post_files, "posts", posts.read_post_file, limits)
    return _tables(tables.Posts, read.rows, read.unreadable)


def read_public_sets(
    public_files: list[SourceFile], limits: FileLimits = UNLIMITED
) -> ReadPublicSets:
    """Return the public dialogues and knowledge QA (D_ps) and exam questions (D_cp)."""
    exams = [f for f in public_files if public_sets.folder_of(f) == "exam_questions"]
    others = [f for f in public_files if f not in exams]
    samples = read_each(others, "public", public_sets.read_sample_file, limits)
    questions = read_each(exams, "public", question_banks.read_bank, limits)
    return ReadPublicSets(
        tables.frame(tables.PublicSamples, samples.rows),
        tables.frame(tables.BankQuestions, questions.rows),
        _unreadable(samples.unreadable + questions.unreadable),
    )


def read_benchmarks(
    benchmark_files: list[SourceFile],
    benchmarks: Benchmarks,
    limits: FileLimits = UNLIMITED,
) -> ReadTable:
    """Return one row per benchmark item, flagged where something is wrong with it.

    Args:
        benchmark_files: Files whose first folder is the name of a benchmark.
        benchmarks: The cards: how each is laid out.
        limits: What reading one file may take.
    """
    keys = [file for file in benchmark_files if is_key(file, benchmarks)]
    exams = [file for file in benchmark_files if file not in keys]
    reader = partial(read_benchmark_file, benchmarks=benchmarks)
    read = read_each(exams, "benchmarks", reader, limits)
    key = read_each(keys, "benchmarks", read_key_file, limits)
    items = with_draw(with_key(read.rows, key.rows), benchmarks)
    unreadable = read.unreadable + key.unreadable
    return _tables(tables.BenchmarkItems, list(items), unreadable)


def list_unreadable_sources(
    unreadable_textbooks: pl.DataFrame,
    unreadable_question_banks: pl.DataFrame,
    unreadable_posts: pl.DataFrame,
    unreadable_public_sets: pl.DataFrame,
    unreadable_benchmarks: pl.DataFrame,
) -> pl.DataFrame:
    """Return all that could not be read, in one table."""
    return pl.concat(
        [
            unreadable_textbooks,
            unreadable_question_banks,
            unreadable_posts,
            unreadable_public_sets,
            unreadable_benchmarks,
        ]
    )


def _tables(
    model: type[tables.Table], rows: list[Row], unreadable: list[Row]
) -> ReadTable:
    return ReadTable(tables.frame(model, rows), _unreadable(unreadable))


def _unreadable(rows: list[Row]) -> pl.DataFrame:
    return tables.frame(tables.UnreadableSources, rows)
