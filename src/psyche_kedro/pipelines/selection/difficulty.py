"""Which questions are hard: rules over what the students answered.

§2.2: "Questions that receive incorrect responses from all three models are
aggregated into a challenging subset with 19k instances". A reply that cannot be read is
no correct response; a call that failed is no response at all, so a question with one is
shown to be neither hard nor easy: it waits for the student (ours).

``random`` is the paper's baseline (RS, Figure 3): as many questions as ``all_wrong``
would give to GRPO, drawn by digest from those that may enter it.
"""

from collections.abc import Callable

import polars as pl

from psyche_kedro.pipelines.selection.parameters import (
    AuditParameters,
    DifficultyParameters,
)
from psyche_kedro.tables import lot

_COUNTS = ("n_students", "n_right", "n_unread", "n_failed", "n_answers")


def judge(questions: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return ``questions`` with what the students made of them.

    Args:
        questions: ``ReasoningSamples``.
        answers: ``StudentAnswers`` of all students.

    Returns:
        The questions, with ``n_students``; ``n_right`` (students with a right answer);
        ``n_unread`` (students none of whose answers could be read); ``n_failed``;
        ``n_answers``; ``pass_rate`` (right answers of all answers); ``awaiting``
        (whether a call failed, or a student was not asked).
    """
    outcome = pl.col("outcome")
    students = answers.group_by("question_id", "student").agg(
        right=(outcome == "right").any(),
        unread=(outcome == "unread").all(),
        failed=(outcome == "failed").any(),
        n_answers=pl.len(),
        n_right_answers=(outcome == "right").sum(),
    )
    tally = students.group_by("question_id").agg(
        n_students=pl.len().cast(pl.Int64),
        n_right=pl.col("right").sum().cast(pl.Int64),
        n_unread=pl.col("unread").sum().cast(pl.Int64),
        n_failed=pl.col("failed").sum().cast(pl.Int64),
        n_answers=pl.col("n_answers").sum().cast(pl.Int64),
        pass_rate=pl.col("n_right_answers").sum() / pl.col("n_answers").sum(),
    )
    joined = questions.join(tally, on="question_id", how="left", maintain_order="left")
    counted = joined.with_columns(
        pl.col(*_COUNTS).fill_null(0), pl.col("pass_rate").fill_null(0.0)
    )
    asked = max(answers["student"].n_unique(), 1)
    awaiting = (pl.col("n_failed") > 0) | (pl.col("n_students") < asked)
    return counted.with_columns(awaiting=awaiting)


def _all_wrong(_: DifficultyParameters) -> pl.Expr:
    return pl.col("n_right") == 0


def _majority_wrong(_: DifficultyParameters) -> pl.Expr:
    return 2 * pl.col("n_right") < pl.col("n_students")


def _pass_rate_below(params: DifficultyParameters) -> pl.Expr:
    return pl.col("pass_rate") < params.pass_rate


RULES: dict[str, Callable[[DifficultyParameters], pl.Expr]] = {
    "all_wrong": _all_wrong,
    "majority_wrong": _majority_wrong,
    "pass_rate_below": _pass_rate_below,
}


def challenging(
    judged: pl.DataFrame, eligible: pl.Series, params: DifficultyParameters
) -> pl.Series:
    """Return ``[n]`` whether each question is challenging.

    Args:
        judged: ``[n]`` questions, as ``judge`` returns them; none awaits a student.
        eligible: ``[n]`` whether a question may enter GRPO at all.
        params: ``selection.difficulty``.
    """
    if params.rule != "random":
        return judged.select(RULES[params.rule](params)).to_series()
    hard = judged.select(_all_wrong(params)).to_series()
    size = int((hard & eligible).sum())
    order = [lot(params.seed, q) for q in judged["question_id"]]
    ranked = judged.select("question_id", order=pl.Series(order, dtype=pl.String))
    drawn = ranked.filter(eligible).sort("order").head(size)["question_id"]
    return judged["question_id"].is_in(drawn.implode())


def zero_variance(group_size: int) -> pl.Expr:
    """Return how likely a GRPO group of a question is all right or all wrong.

    Such a group has no advantage and teaches nothing. The students stand in for the
    policy: after r right answers of n, and none known before, its chance p of being
    right has the distribution Beta(r + 1, n - r + 1); E[p^G] + E[(1 - p)^G] is
    returned. Three students all wrong and G = 5 give 0.45, not 1: three answers prove
    little.
    """
    right = pl.col("pass_rate") * pl.col("n_answers") + 1
    wrong = (1 - pl.col("pass_rate")) * pl.col("n_answers") + 1
    return _rising(right, right + wrong, group_size) + _rising(
        wrong, right + wrong, group_size
    )


def _rising(part: pl.Expr, whole: pl.Expr, count: int) -> pl.Expr:
    """Return the product of (part + i) / (whole + i) for i below ``count``."""
    product = pl.lit(1.0)
    for i in range(count):
        product = product * (part + i) / (whole + i)
    return product


def summary(judged: pl.DataFrame, group_size: int) -> pl.DataFrame:
    """Return difficulty overall and by set, type, subject and source.

    Args:
        judged: Questions with ``challenging`` (bool).
        group_size: Completions per prompt.
    """
    dimensions = {
        "all": pl.lit("all"),
        "set": pl.when("challenging")
        .then(pl.lit("challenging"))
        .otherwise(pl.lit("non_challenging")),
        "type": pl.col("type"),
        "subject": pl.col("subject").fill_null("not given"),
        "source": pl.col("source"),
    }
    tables = [
        judged.group_by(value=value)
        .agg(
            n=pl.len().cast(pl.Int64),
            n_challenging=pl.col("challenging").sum().cast(pl.Int64),
            pass_rate=pl.col("pass_rate").mean(),
            zero_variance=zero_variance(group_size).mean(),
        )
        .filter(pl.col("n") > 0)  # of no question at all polars makes one group
        .sort("n", "value", descending=[True, False])
        .select(pl.lit(name).alias("dimension"), pl.all())
        for name, value in dimensions.items()
    ]
    return pl.concat(tables)


def agreement(answers: pl.DataFrame) -> pl.DataFrame:
    """Return how often each two students give the same readable answer.

    Args:
        answers: ``StudentAnswers`` of all students; their first samples are compared,
            where neither call failed.
    """
    given = (pl.col("sample") == 0) & (pl.col("outcome") != "failed")
    first = answers.filter(given).select(
        "question_id", "student", "outcome", said=pl.col("prediction").list.join("")
    )
    pairs = first.join(first, on="question_id", suffix="_other").filter(
        pl.col("student") < pl.col("student_other")
    )
    same = (pl.col("said") == pl.col("said_other")) & (pl.col("said") != "")
    wrong = (pl.col("outcome") == "wrong") & (pl.col("outcome_other") == "wrong")
    return (
        pairs.group_by("student", "student_other")
        .agg(
            n=pl.len().cast(pl.Int64),
            agreement=same.mean(),
            n_both_wrong=wrong.sum().cast(pl.Int64),
            agreement_when_wrong=same.filter(wrong).mean(),
        )
        .sort("student", "student_other")
    )


def audit_answer_keys(
    reasoning_samples: pl.DataFrame,
    student_answers: pl.DataFrame,
    params: AuditParameters,
) -> pl.DataFrame:
    """Return the questions where students agree with each other against the gold.

    A question that all students fail because its gold is wrong would go straight into
    GRPO; the paper does not look (ours). One that awaits a student is left to the run
    that has its answer.

    Args:
        reasoning_samples: ``[n]`` questions.
        student_answers: ``StudentAnswers`` of all students.
        params: ``selection.audit``.

    Returns:
        ``AnswerKeyAudit``, most agreed first, for people to review.
    """
    said = student_answers.filter(pl.col("prediction").list.len() > 0)
    votes = said.group_by("question_id", agreed="prediction").agg(
        n_agreeing=pl.col("student").n_unique().cast(pl.Int64), n_answers=pl.len()
    )
    first = votes.sort(
        "n_agreeing", "n_answers", "question_id", descending=[True, True, False]
    ).unique("question_id", keep="first", maintain_order=True)
    judged = judge(reasoning_samples, student_answers)
    answered = judged.filter(~pl.col("awaiting"))
    listed = (
        first.filter(pl.col("n_agreeing") >= params.min_agreeing)
        .join(answered, on="question_id", maintain_order="left")
        .filter(pl.col("agreed") != pl.col("gold"))
    )
    return listed.sort(
        pl.col("n_agreeing") / pl.col("n_students"),
        "n_agreeing",
        "question_id",
        descending=[True, True, False],
    ).select(
        "question_id", "source", "stem", "gold", "agreed", "n_agreeing", "n_students"
    )
