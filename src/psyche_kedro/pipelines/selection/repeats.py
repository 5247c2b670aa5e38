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

A question that is held out stays out by every name: its twins give way to it. Of other
twins D_pc stands before D_pr before D_cp, D_em before D_ps; within a part the one
that trains before the one that validates, then the smaller id. (Were training first of
all, a public set that repeats a bank would leave that bank's questions no validation.)
Last, what validates gives way to what trains and is nearly the same: a question that
differs in a number, in 不 or in its gold, a conversation that begins alike.

Example row::

    {"row_id": "3f2a…", "part": "D_cp", "kind": "near_duplicate", "twin_id": "9b1c…",
     "twin_part": "D_pc"}
"""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from psyche_kedro.pipelines.selection.barred import HELD_OUT
from psyche_kedro.pipelines.selection.contamination import question_texts
from psyche_kedro.pipelines.selection.sets import (
    Messages,
    dialogue_fault,
    question_groups,
    split_of,
    spoken_turns,
)
from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from psyche_kedro.pipelines.synthesis.questions.identity import (
    NEVER_DIFFER,
    comparison,
)
from psyche_kedro.pipelines.synthesis.questions.near_duplicates import (
    near_duplicate_clusters,
)
from psyche_kedro.questions import key_fault
from psyche_kedro.text.bare import bare_texts

_PRECEDENCE = (HELD_OUT, "D_pc", "D_pr", "D_cp", "D_em", "D_ps")
"""Of twins, the first of these stands."""

_MIN_CHARACTERS = 12  # ours: "总是失眠怎么办" is said by many

_COLUMNS = ("row_id", "part", "split", "exact", "text", "words", "opening")
_SCHEMA = dict.fromkeys((*_COLUMNS, *NEVER_DIFFER), pl.String)


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
    asked = zip(
        questions.iter_rows(named=True),
        question_texts(questions, "question_id")["text"],
        question_groups(questions),
        strict=True,
    )
    return _compared(
        {
            "exact": exact,
            "row_id": question["question_id"],
            "part": part,
            "split": split_of(group, validation_share),
            **comparison(question),
        }
        for question, exact, group in asked
        if key_fault(question) is None
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
    table = pl.DataFrame(list(rows), schema=_SCHEMA, orient="row")
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
    same = _named(_linked(rows, params))
    alike = rows.with_columns(pl.lit(None, pl.String).alias(c) for c in NEVER_DIFFER)
    return _leaving_training(same, alike, params)


def repeated_conversations(
    rows: pl.DataFrame, params: DeduplicationParameters
) -> pl.DataFrame:
    """Return the conversations that give way; see ``repeated_questions``.

    Args:
        rows: ``[n]`` as ``compared_dialogues`` and ``compared_samples`` return them.
        params: ``synthesis.deduplication``.
    """
    whole = _named(_linked(_comparing(rows, "text"), params))
    told = _linked(_comparing(_standing(rows, whole), "words"), params)
    other_part = told.filter(pl.col("part") != pl.col("twin_part"))
    repeated = pl.concat([whole, _named(other_part)])
    return _leaving_training(repeated, _comparing(rows, "opening"), params)


def _leaving_training(
    repeated: pl.DataFrame, rows: pl.DataFrame, params: DeduplicationParameters
) -> pl.DataFrame:
    """Return ``repeated``, and what validates beside a like row that trains."""
    standing = _standing(rows, repeated)
    linked = _linked(standing, params, order=("split", "part"))
    straddling = linked.filter(pl.col("split") != pl.col("twin_split"))
    return pl.concat([repeated, _named(straddling)])


def _standing(rows: pl.DataFrame, repeated: pl.DataFrame) -> pl.DataFrame:
    return rows.join(repeated, on=["part", "row_id"], how="anti", maintain_order="left")


def _comparing(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return the rows, to be compared by ``column``; without those too short for it."""
    compared = rows.with_columns(text=pl.col(column), exact=bare_texts(rows[column]))
    return compared.filter(pl.col("exact").str.len_chars() >= _MIN_CHARACTERS)


def _named(linked: pl.DataFrame) -> pl.DataFrame:
    candidates = linked.filter(pl.col("part") != HELD_OUT)
    return candidates.select("row_id", "part", "kind", "twin_id", "twin_part")


def _linked(
    rows: pl.DataFrame,
    params: DeduplicationParameters,
    order: Sequence[str] = ("part", "split"),
) -> pl.DataFrame:
    """Return every row that has a twin before it in ``order``, with that twin."""
    ranked = _ranked(rows, order)
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


def _ranked(rows: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Return the rows in order, as what stands does before what gives way.

    ``at`` numbers them, ``first`` is the first row that is exactly the same, and
    ``precedence`` falls.
    """
    part = pl.col("part").cast(pl.Enum(_PRECEDENCE))
    split = pl.col("split").cast(pl.Enum(["train", "validation"]))
    return (
        rows.sort(*({"part": part, "split": split}[name] for name in order), "row_id")
        .with_row_index("at")
        .with_columns(
            first=pl.col("at").min().over("exact"),
            precedence=-pl.col("at").cast(pl.Int64),
        )
    )
