"""Whether a book is about psychology at all, by how dense the field's words stand.

The paper takes its textbooks for psychology; a folder of scans may hold anything. The
words are those of the taxonomy (``synthesis.distillation``). A book is judged as a
whole, and each chapter that is long enough on its own; below ``min_density`` it is
listed as ``off_topic?``, and dropped only where the parameters say so.

Example row of ``book_topics``::

    {"source": "经济学.pdf", "chapter": null, "n_chars": 5357, "n_terms": 2,
     "density": 0.04, "verdict": "off_topic?", "is_dropped": false, …}
"""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from psyche_kedro.pipelines.synthesis.parameters import Subfield, TopicParameters
from psyche_kedro.pipelines.synthesis.questions.chunks import Document, chapter_texts
from psyche_kedro.tables import Row

Part = tuple[str, str | None]
"""Id of a document and name of its chapter, None for the whole."""
OFF_TOPIC = "off_topic?"


def term_density(texts: pl.Series, taxonomy: Iterable[Subfield]) -> pl.DataFrame:
    """Return how often the taxonomy's words stand in each text.

    Args:
        texts: ``[n]`` texts.
        taxonomy: Subfields and their words.

    Returns:
        ``[n]`` rows: ``n_chars``, ``n_terms`` and ``density``, which is terms per 100
        characters; 0 for an empty text.
    """
    terms = sorted({word for subfield in taxonomy for word in subfield.words})
    found = texts.str.extract_many(terms, leftmost=True).list.len()
    counts = pl.DataFrame({"n_chars": texts.str.len_chars(), "n_terms": found})
    length = pl.col("n_chars").clip(lower_bound=1)
    return counts.with_columns(density=100 * pl.col("n_terms") / length)


def topic_rows(
    documents: Iterable[Document],
    taxonomy: Iterable[Subfield],
    params: TopicParameters,
) -> Iterator[Row]:
    """Yield the ``BookTopics`` rows: one per book, one per chapter that is long enough.

    Args:
        documents: Books.
        taxonomy: Subfields and their words.
        params: ``synthesis.topics``.
    """
    parts = [part for document in documents for part in _parts(document, params)]
    texts = pl.Series([text for _, text in parts], dtype=pl.String)
    figures = term_density(texts, taxonomy).iter_rows(named=True)
    for (row, _), figure in zip(parts, figures, strict=True):
        is_off = figure["density"] < params.min_density
        yield {
            **row,
            **figure,
            "verdict": OFF_TOPIC if is_off else "on_topic",
            "is_dropped": is_off and params.off_topic == "drop",
        }


def _parts(document: Document, params: TopicParameters) -> Iterator[tuple[Row, str]]:
    chapters = chapter_texts(document.text)
    place = {"document_id": document.document_id, "source": document.source}
    yield {**place, "chapter": None}, "\n\n".join(chapters.values())
    for chapter, text in chapters.items():
        if len(text) >= params.min_characters and len(chapters) > 1:
            yield {**place, "chapter": chapter}, text


def is_dropped(document_id: str, chapter: str, decided: Mapping[Part, bool]) -> bool:
    """Return whether a chapter is dropped; one without a row goes with its book."""
    book = decided.get((document_id, None), False)
    return decided.get((document_id, chapter), book)
