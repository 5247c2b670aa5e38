"""What became of every row: the funnel, the rejections, the models that wrote.

The paper gives its corpus as a few round numbers (§2.2-2.4): 210k pooled questions, 90k
after review, 75k with a verified rationale, 19k of them challenging, 73k dialogues. The
funnel counts every stage of ours beside them, so that a filter that drops too much is
seen before a model is trained on the rest.

Example row of ``funnel``: ``{"stage": "reviewed_questions", "rows": 84, "rejected": 6,
"paper": "~90k"}``.
"""

from collections.abc import Iterator, Mapping

import polars as pl

STAGES: dict[str, tuple[str, ...]] = {
    "documents": (),
    "clean_documents": ("rejected_pages",),
    "chunks": ("dropped_text",),
    "generated_questions": ("rejected_generated_questions",),
    "distilled_questions": ("rejected_distilled_questions",),
    "bank_questions": (),
    "clean_bank_questions": ("rejected_bank_questions",),
    "question_pool": ("rejected_pool_questions",),
    "distinct_questions": ("duplicate_questions",),
    "screened_questions": ("rejected_questions",),
    "reviewed_questions": ("rejected_by_review",),
    "reasoning_samples": ("unsolved_questions",),
    "non_challenging": (),
    "challenging": ("held_out_questions",),
    "posts": (),
    "clean_posts": ("rejected_posts",),
    "useful_posts": ("rejected_replies",),
    "refined_posts": ("rejected_refined_posts",),
    "empathetic_dialogues": ("rejected_dialogues",),
    "public_samples": (),
    "clean_public_samples": ("rejected_public_samples",),
    "public_questions": (),
    "clean_public_questions": ("rejected_public_questions",),
    "exam_questions": ("rejected_exam_questions",),
    "sft_set": ("rejected_examples",),
    "grpo_set": ("rejected_examples",),
    "sft_examples": ("long_sft_examples",),
    "grpo_examples": ("long_grpo_examples",),
}
"""Every stage of the corpus in reading order, and where its rejected rows stand."""

PARTS = {"sft_set": ("D_pr", "D_em", "D_ps"), "grpo_set": ("D_pc", "D_cp")}
"""The parts of each set (§2.4): a rejected example's ``detail`` begins with one."""

REJECTING = tuple(
    dict.fromkeys(
        ["unreadable_sources", *(t for tables in STAGES.values() for t in tables)]
    )
)
"""Every table of rejected rows."""

WRITTEN = (
    "useful_posts",
    "generated_questions",
    "distilled_questions",
    "rationales",
    "rationale_rounds",
    "refined_posts",
    "empathetic_dialogues",
    "student_answers",
    "predictions",
    "judgements",
)
"""Every table whose rows say which model wrote them."""

_UNSAID = {
    "unreadable_sources": {"stage": pl.lit("read_sources")},
    "duplicate_questions": {"stage": pl.lit("pick_representatives")},
    "held_out_questions": {"stage": pl.lit("split_by_difficulty")},
    "unsolved_questions": {
        "stage": pl.lit("write_rationales"),
        "reason": pl.lit("no_verified_rationale"),
    },
}
"""What a table of rejected rows does not say, because all its rows share it."""


def funnel_rows(
    tables: Mapping[str, pl.DataFrame], paper: Mapping[str, str]
) -> Iterator[dict[str, str | int | None]]:
    """Yield one row per stage.

    Args:
        tables: Every table of ``STAGES``, by name.
        paper: The paper's counts by stage.
    """
    for stage, rejecting in STAGES.items():
        yield {
            "stage": stage,
            "rows": tables[stage].height,
            "rejected": sum(_n_rejected(tables[name], stage) for name in rejecting),
            "paper": paper.get(stage),
        }


def _n_rejected(table: pl.DataFrame, stage: str) -> int:
    if stage not in PARTS:
        return table.height
    part = pl.col("detail").str.split(" ").list.first()
    return table.filter(part.is_in(PARTS[stage])).height


def rejection_counts(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return how many rows each stage dropped for each reason, the most first.

    Args:
        tables: Every table of ``REJECTING``, by name.
    """
    reasons = [
        table.with_columns(**_UNSAID.get(name, {})).select("stage", "reason")
        for name, table in tables.items()
    ]
    return (
        pl.concat(reasons)
        .group_by("stage", "reason")
        .agg(rows=pl.len().cast(pl.Int64))
        .sort("stage", "rows", "reason", descending=[False, True, False])
    )


def writer_counts(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return how many rows of each table each model wrote with each prompt.

    Args:
        tables: Every table of ``WRITTEN``, by name.
    """
    written = [
        table.select(
            pl.lit(name).alias("table"), pl.col("model"), pl.col("prompt_digest")
        )
        for name, table in tables.items()
    ]
    return (
        pl.concat(written)
        .drop_nulls("model")
        .group_by("table", "model", "prompt_digest", maintain_order=True)
        .agg(rows=pl.len().cast(pl.Int64))
    )
