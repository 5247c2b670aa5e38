"""The domain's words, harvested from the books themselves, and how dense they stand."""

import re
from collections.abc import Iterable, Iterator

import polars as pl

from psyche_kedro.pipelines.synthesis.questions.blocks import (
    Block,
    bare_title,
    read_blocks,
)

TERM = re.compile(r"[\u4e00-\u9fffA-Za-z][\u4e00-\u9fffA-Za-z\d·-]{1,11}")
_BOLD = re.compile(r"\*\*([^*\n]{2,20})\*\*")
_GLOSSED = re.compile(
    r"(?:^|[^\u4e00-\u9fff]|[是为即叫称作和与及的])([\u4e00-\u9fff]{2,8})"
    r"[（(][A-Za-z][A-Za-z ,.'-]{2,40}[）)]",
    re.MULTILINE,
)
_INDEX_ENTRY = re.compile(r"([\u4e00-\u9fff·]{2,12})[\s.…·]*\d", re.MULTILINE)
_JOINT = re.compile(r"[与和及、:：，,\s]+")


def harvest_terms(texts: Iterable[str]) -> list[str]:
    """Return the terms of the books, sorted.

    Headings, bold words, words with an English gloss in brackets, index entries.
    """
    terms = {term.strip() for text in texts for term in _candidates(text)}
    return sorted(term for term in terms if TERM.fullmatch(term))


def term_density(texts: pl.Series, terms: list[str]) -> pl.Series:
    """Return distinct terms per 100 characters for each text.

    Args:
        texts: ``[n]`` passages.
        terms: What ``harvest_terms`` gave.

    Returns:
        ``[n]`` floats; 0 for an empty text.
    """
    if not terms or not len(texts):
        return pl.Series([0.0] * len(texts), dtype=pl.Float64)
    hits = texts.str.extract_many(terms, overlapping=True).list.n_unique()
    return (100 * hits / texts.str.len_chars().clip(lower_bound=1)).cast(pl.Float64)


def _candidates(text: str) -> Iterator[str]:
    yield from _BOLD.findall(text)
    yield from _GLOSSED.findall(text)
    for block in read_blocks(text):
        if block.kind == "heading":
            yield from _JOINT.split(bare_title(block.section.path[-1].title))
        elif block.section.drop == "index":
            yield from _entries(text, block)


def _entries(text: str, block: Block) -> Iterator[str]:
    yield from _INDEX_ENTRY.findall(text[block.start : block.end])
