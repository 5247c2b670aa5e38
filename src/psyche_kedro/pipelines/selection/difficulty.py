"""Which questions are hard: rules over what the students answered.

Section 2.2: "Questions that receive incorrect responses from all three models are
aggregated into a challenging subset with 19k instances". A reply that cannot be read is
no correct response; a call that failed is no response at all, so a question with one is
not shown to be hard and stays with the others (ours).
"""

import polars as pl


def tally(answers: pl.DataFrame) -> pl.DataFrame:
    """Return one row per question: how many students answered, and how.

    Args:
        answers: ``StudentAnswers`` of all students.

    Returns:
        ``question_id``, ``n_students``, ``n_right`` (students with a right answer),
        ``n_unread`` (students none of whose answers could be read), ``n_failed``.
    """
    outcome = pl.col("outcome")
    students = answers.group_by("question_id", "student").agg(
        right=(outcome == "right").any(),
        unread=(outcome == "unread").all(),
        failed=(outcome == "failed").any(),
    )
    return students.group_by("question_id").agg(
        n_students=pl.len().cast(pl.Int64),
        n_right=pl.col("right").sum().cast(pl.Int64),
        n_unread=pl.col("unread").sum().cast(pl.Int64),
        n_failed=pl.col("failed").sum().cast(pl.Int64),
    )


def is_all_wrong() -> pl.Expr:
    """Return whether every student answered and none was right."""
    return (pl.col("n_right") == 0) & (pl.col("n_failed") == 0)
