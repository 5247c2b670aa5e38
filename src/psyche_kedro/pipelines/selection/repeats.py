"""Which candidates give way to a twin, so that nothing is learned or asked twice.

One file may be question bank, public set and community at once, and D_p and D_cp are
each deduplicated alone: with CPsyExam's train set as both, 1,397 questions stood twice
in the GRPO set, 2,483 in SFT with their gold and in GRPO again, 357 of all across train
and validation (ours; the paper is silent).

**Questions** are twins if case, bare stem and unordered options are the same, as in
decontamination, whatever their gold (two golds are keys that contradict each other), or
if they are near-duplicates, as in synthesis. **Conversations** are twins if nearly all
that is said is the same; if the client says the same and they are of two parts; or if
the client begins with the same and they are of two splits, for a post may have several
replies. For D_em the client's words are those of the post, before a teacher retold it.

Of twins D_pc stands before D_pr before D_cp, D_em before D_ps; within a part the one
that trains before the one that validates, then the smaller id. (Were training first of
all, a public set that repeats a bank would leave that bank's questions no validation.)
So no twins straddle the split.

Example row::

    {"row_id": "3f2a…", "part": "D_cp", "kind": "near_duplicate", "twin_id": "9b1c…",
     "twin_part": "D_pc"}
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from psyche_kedro.pipelines.selection.contamination import question_texts
from psyche_kedro.pipelines.selection.examples import (
    Messages,
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
"""Of twins, the first of these stands."""

_MIN_CHARACTERS = 12  # ours: "总是失眠怎么办" is said by many

_COLUMNS = (
    "row_id",
    "part",
    "split",
    "text",
    "exact",
    "words",
    "opening",
    *NEVER_DIFFER,
)


def compared_questions(
    questions: pl.DataFrame, part: str, validation_share: float
) -> pl.DataFrame:
    """Return what of each sound question is compared.

    Args:
        questions: Of one part.
        part: Its name.
        validation_share: Of ``selection.sets``.

    Returns:
        ``row_id``, ``part``, ``split``; ``exact``: equal for the same question;
        ``text`` and the columns ``NEVER_DIFFER``: what near-duplicates share.
    """
    exact = question_texts(questions, "question_id")["text"]
    return _compared(
        {
            "exact": same,
            "row_id": question["question_id"],
            "part": part,
            "split": split_of(question_group(question), validation_share),
            **comparison(question),
        }
        for question, same in zip(questions.iter_rows(named=True), exact, strict=True)
        if question_fault(question) is None
    )


def compared_dialogues(
    dialogues: pl.DataFrame, posts: pl.DataFrame, validation_share: float
) -> pl.DataFrame:
    """Return what of each sound dialogue of D_em is compared.

    Args:
        dialogues: ``EmpatheticDialogues``.
        posts: ``UsefulPosts``, which the dialogues retell.
        validation_share: Of ``selection.sets``.

    Returns:
        ``row_id``, ``part``, ``split``; ``text``: all that is said; ``words``: what the
        client says; ``opening``: what of it comes first.
    """
    told = dict(posts.select("post_id", "messages").iter_rows())
    return _compared(
        _conversation(row["dialogue_id"], row["messages"], told[row["post_id"]])
        | {"part": "D_em", "split": split_of(row["thread_id"], validation_share)}
        for row in dialogues.iter_rows(named=True)
        if dialogue_fault(spoken_turns(row["messages"])) is None
    )


def compared_samples(samples: pl.DataFrame, validation_share: float) -> pl.DataFrame:
    """Return what of each sound sample of D_ps is compared, as of D_em's dialogues.

    Args:
        samples: ``PublicSamples``.
        validation_share: Of ``selection.sets``.
    """
    return _compared(
        _conversation(row["sample_id"], row["messages"], row["messages"])
        | {"part": "D_ps", "split": split_of(row["sample_id"], validation_share)}
        for row in samples.iter_rows(named=True)
        if dialogue_fault(spoken_turns(row["messages"])) is None
    )


def _conversation(row_id: str, messages: Messages, told: Messages) -> dict[str, str]:
    said = [turn["content"] for turn in spoken_turns(messages)]
    words = [message["content"] for message in told if message["role"] == "user"]
    return {
        "row_id": row_id,
        "text": "\n".join(said),
        "words": "\n".join(words),
        "opening": words[0],
    }


def _compared(rows: Iterator[dict[str, Any]]) -> pl.DataFrame:
    schema = dict.fromkeys(_COLUMNS, pl.String)
    table = pl.DataFrame(list(rows), schema=schema, orient="row")
    return table.unique("row_id", keep="first", maintain_order=True)


def repeated_questions(
    rows: pl.DataFrame, params: DeduplicationParameters
) -> pl.DataFrame:
    """Return the questions that give way, each with the twin that stands.

    Args:
        rows: ``[n]`` as ``compared_questions`` returns them, of all parts.
        params: ``synthesis.deduplication``.

    Returns:
        ``row_id``, ``part``, ``kind``, ``twin_id``, ``twin_part``.
    """
    return _named(_linked(rows, params))


def repeated_conversations(
    rows: pl.DataFrame, params: DeduplicationParameters
) -> pl.DataFrame:
    """Return the conversations that give way; see ``repeated_questions``.

    Args:
        rows: ``[n]`` as ``compared_dialogues`` and ``compared_samples`` return them.
        params: ``synthesis.deduplication``.
    """
    repeated = _named(_linked(_comparing(rows, "text"), params))
    for column, apart in (("words", "part"), ("opening", "split")):
        standing = rows.join(repeated, on=["part", "row_id"], how="anti")
        compared = _comparing(standing, column).filter(
            pl.col("exact").str.len_chars() >= _MIN_CHARACTERS
        )
        linked = _linked(compared, params)
        away = linked.filter(pl.col(apart) != pl.col(f"twin_{apart}"))
        repeated = pl.concat([repeated, _named(away)])
    return repeated


def _comparing(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    return rows.with_columns(text=pl.col(column), exact=normalised(rows[column]))


def _named(linked: pl.DataFrame) -> pl.DataFrame:
    return linked.select("row_id", "part", "kind", "twin_id", "twin_part")


def _linked(rows: pl.DataFrame, params: DeduplicationParameters) -> pl.DataFrame:
    """Return every row that gives way to a twin, with that twin."""
    ranked = _by_precedence(rows)
    clusters = near_duplicate_clusters(
        ranked.filter(pl.col("at") == pl.col("first")),
        id_col="at",
        text_col="text",
        priority="precedence",
        block_on=NEVER_DIFFER,
        params=params,
    ).select(first="at", twin_at="cluster_id")
    twins = ranked.select(
        twin_at="at",
        twin_id="row_id",
        twin_part="part",
        twin_split="split",
        twin_exact="exact",
    )
    kind = (
        pl.when(pl.col("exact") == pl.col("twin_exact"))
        .then(pl.lit("duplicate"))
        .otherwise(pl.lit("near_duplicate"))
    )
    return (
        ranked.join(clusters, on="first", maintain_order="left")
        .filter(pl.col("at") != pl.col("twin_at"))
        .join(twins, on="twin_at", maintain_order="left")
        .with_columns(kind=kind)
    )


def _by_precedence(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows, each before all twins that give way to it.

    ``at`` numbers them, ``first`` is the first row that is exactly the same, and
    ``precedence`` falls.
    """
    split = pl.col("split").cast(pl.Enum(["train", "validation"]))
    part = pl.col("part").cast(pl.Enum(PRECEDENCE))
    return (
        rows.sort(part, split, "row_id")
        .with_row_index("at")
        .with_columns(
            first=pl.col("at").min().over("exact"),
            precedence=-pl.col("at").cast(pl.Int64),
        )
    )
