"""Where every training example comes from, and who had a hand in it."""

from collections.abc import Iterator, Mapping

import polars as pl

from psyche_kedro.tables import Row

Origins = Mapping[str, Mapping[str, Row]]
"""By part, then by parent id: one question may stand in a bank and a public set."""


def question_origins(
    samples: pl.DataFrame, rationale_rounds: pl.DataFrame
) -> dict[str, Row]:
    """Return provenance by question id.

    Args:
        samples: ``ReasoningSamples``.
        rationale_rounds: Where the chosen rationale's prompt stands.
    """
    prompts = {
        (row["question_id"], row["round"]): row["prompt_digest"]
        for row in rationale_rounds.iter_rows(named=True)
    }
    return {
        row["question_id"]: {
            "source": row["source"],
            "origin": row["origin"],
            "chunk_id": row["parent_id"] if row["origin"] == "textbook" else None,
            "round": row["round"],
            "models": _distinct(row["model"], row["rationale_model"]),
            "prompt_digests": _distinct(
                row["prompt_digest"], prompts.get((row["question_id"], row["round"]))
            ),
            "deid_level": None,
        }
        for row in samples.iter_rows(named=True)
    }


def dialogue_origins(
    dialogues: pl.DataFrame, useful_posts: pl.DataFrame
) -> dict[str, Row]:
    """Return provenance by dialogue id; the source is the post's file."""
    sources = dict(useful_posts.select("post_id", "source").iter_rows())
    return {
        row["dialogue_id"]: {
            "source": sources.get(row["post_id"], "unknown"),
            "origin": "community",
            "models": _distinct(row["model"]),
            "prompt_digests": _distinct(row["prompt_digest"]),
            "deid_level": row["deid_level"],
        }
        for row in dialogues.iter_rows(named=True)
    }


def public_sample_origins(samples: pl.DataFrame) -> dict[str, Row]:
    """Return provenance by sample id.

    Public conversations are de-identified without a chat model here; a knowledge
    question is no person's words.
    """
    return {
        row["sample_id"]: _public(row["source"], row["deid_level"])
        for row in samples.iter_rows(named=True)
    }


def public_question_origins(questions: pl.DataFrame) -> dict[str, Row]:
    """Return provenance by question id."""
    return {
        row["question_id"]: _public(row["source"], None)
        for row in questions.iter_rows(named=True)
    }


def _public(source: str, deid_level: str | None) -> Row:
    return {
        "source": source,
        "origin": "public",
        "models": [],
        "prompt_digests": [],
        "deid_level": deid_level,
    }


def provenance_rows(examples: pl.DataFrame, origins: Origins) -> Iterator[Row]:
    """Yield one row of ``ExampleProvenance`` per example of a set."""
    for row in examples.select("example_id", "parent_id", "part").iter_rows(named=True):
        yield origins[row["part"]][row["parent_id"]] | {
            "example_id": row["example_id"],
            "part": row["part"],
        }


def _distinct(*values: str | None) -> list[str]:
    return sorted({value for value in values if value})
