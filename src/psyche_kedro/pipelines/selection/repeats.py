"""Which candidates give way to a twin, so that nothing is learned or asked twice.

One file may be question bank, public set and community at once, and D_p and D_cp are
each deduplicated alone: with CPsyExam's train set as both, 1,396 questions stood twice
in the GRPO set, 372 of all across train and validation (ours; the paper is silent).

Two questions are one if bare stem, case and unordered options are (their gold may not
be: then the keys contradict each other), or if they are near-duplicates, exactly as in
synthesis. Of twins the one that trains stands before the one that validates, then D_pc
before D_pr before D_cp, D_em before D_ps, then the smaller id. What stands has no twin,
so that none straddles the split.

Example row::

    {"row_id": "3f2a…", "part": "D_cp", "kind": "near_duplicate", "twin_id": "9b1c…",
     "twin_part": "D_pc"}
"""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from psyche_kedro.pipelines.selection.examples import (
    dialogue_fault,
    question_fault,
    question_group,
    split_of,
    spoken_turns,
)
from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from psyche_kedro.pipelines.synthesis.questions.identity import (
    NEVER_DIFFER,
    comparison,
)
from psyche_kedro.pipelines.synthesis.questions.minhash import normalised
from psyche_kedro.pipelines.synthesis.questions.near_duplicates import (
    near_duplicate_clusters,
)

PRECEDENCE = ("D_pc", "D_pr", "D_cp", "D_em", "D_ps")
"""Of twins in one split, the first of these stands."""

_COLUMNS = ("row_id", "part", "split", "text", *NEVER_DIFFER)


def compared_questions(
    questions: pl.DataFrame, part: str, validation_share: float
) -> pl.DataFrame:
    """Return what of each sound question is compared.

    Args:
        questions: Of one part.
        part: Its name.
        validation_share: Of ``selection.sets``.

    Returns:
        ``row_id``, ``part``, ``split``, ``text``, ``gold``, ``polarity``, ``numbers``.
    """
    return _compared(
        {
            "row_id": question["question_id"],
            "part": part,
            "split": split_of(question_group(question), validation_share),
            **comparison(question),
        }
        for question in questions.iter_rows(named=True)
        if question_fault(question) is None
    )


def compared_conversations(
    conversations: pl.DataFrame, part: str, ids: Sequence[str], validation_share: float
) -> pl.DataFrame:
    """Return what of each sound conversation is compared; see ``compared_questions``.

    Args:
        conversations: Of one part.
        part: Its name.
        ids: Columns of its id and of its group's.
        validation_share: Of ``selection.sets``.
    """
    spoken = (
        (*own, spoken_turns(messages))
        for *own, messages in conversations.select(*ids, "messages").iter_rows()
    )
    return _compared(
        {
            "row_id": row_id,
            "part": part,
            "split": split_of(group_id, validation_share),
            "text": "\n".join(turn["content"] for turn in turns),
        }
        for row_id, group_id, turns in spoken
        if dialogue_fault(turns) is None
    )


def _compared(rows: Iterator[dict[str, Any]]) -> pl.DataFrame:
    schema = dict.fromkeys(_COLUMNS, pl.String)
    table = pl.DataFrame(list(rows), schema=schema, orient="row")
    return table.unique("row_id", keep="first", maintain_order=True)


def find_repeats(rows: pl.DataFrame, params: DeduplicationParameters) -> pl.DataFrame:
    """Return the rows that give way, each with the twin that stands.

    Args:
        rows: ``[n]`` of all parts that may be twins, as ``compared_…`` returns them.
        params: ``synthesis.deduplication``.

    Returns:
        ``row_id``, ``part``, ``kind``, ``twin_id``, ``twin_part``.
    """
    ranked = _by_precedence(rows)
    distinct = ranked.filter(pl.col("at") == pl.col("first"))
    clusters = near_duplicate_clusters(
        distinct,
        id_col="at",
        text_col="text",
        priority="precedence",
        block_on=NEVER_DIFFER,
        params=params,
    ).select(first="at", twin_at="cluster_id")
    twins = ranked.select(
        twin_at="at", twin_id="row_id", twin_part="part", twin_text="text"
    )
    kind = (
        pl.when(pl.col("text") == pl.col("twin_text"))
        .then(pl.lit("duplicate"))
        .otherwise(pl.lit("near_duplicate"))
    )
    return (
        ranked.join(clusters, on="first", maintain_order="left")
        .filter(pl.col("at") != pl.col("twin_at"))
        .join(twins, on="twin_at", maintain_order="left")
        .select("row_id", "part", "twin_id", "twin_part", kind=kind)
    )


def _by_precedence(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows, each before all twins that give way to it.

    ``at`` numbers them, ``first`` is the first row of the same text whatever its gold,
    ``precedence`` falls.
    """
    split = pl.col("split").cast(pl.Enum(["train", "validation"]))
    part = pl.col("part").cast(pl.Enum(PRECEDENCE))
    return (
        rows.with_columns(text=normalised(rows["text"]))
        .sort(split, part, "row_id")
        .with_row_index("at")
        .with_columns(
            first=pl.col("at").min().over("text"),
            precedence=-pl.col("at").cast(pl.Int64),
        )
    )
