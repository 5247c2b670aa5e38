"""Section 2.2: people look at every question that passed the screen.

The paper had ten students read everything. Here a batch goes out, people fill in a
verdict, and the file comes back under ``raw/reviews``. Without a review the chain goes
on with everything that passed, marked ``not_reviewed``.
"""

from io import BytesIO
from typing import Any

import polars as pl

from psyche_kedro.datasets import SourceFile
from psyche_kedro.pipelines.synthesis.parameters import ReviewParameters
from psyche_kedro.pipelines.synthesis.provenance import rejection
from psyche_kedro.prompts import render_question
from psyche_kedro.tables import (
    Rejections,
    ReviewedQuestions,
    ReviewVerdicts,
    content_id,
    frame,
)

Row = dict[str, Any]

_BATCH = ["question_id", "question", "gold", "verdict", "reason"]
_VERDICTS = {"keep": "keep", "保留": "keep", "reject": "reject", "删除": "reject"}


def export_review_batch(
    screened_questions: pl.DataFrame, params: ReviewParameters
) -> pl.DataFrame:
    """Return the questions people shall look at, with empty cells for their verdict.

    Args:
        screened_questions: ``QuestionPool``.
        params: ``synthesis.review``; a sample is drawn by the digest of the id.
    """
    rows = [_batch_row(row) for row in screened_questions.iter_rows(named=True)]
    rows.sort(key=lambda row: content_id("review", row["question_id"]))
    return pl.DataFrame(
        rows[: params.sample_size], schema=dict.fromkeys(_BATCH, pl.String)
    )


def _batch_row(row: Row) -> Row:
    return {
        "question_id": row["question_id"],
        "question": render_question(row),
        "gold": "".join(row["gold"]),
        "verdict": "",
        "reason": "",
    }


def read_review_verdicts(review_files: list[SourceFile]) -> pl.DataFrame:
    """Return people's verdicts out of CSV and XLSX files; empty verdicts are none.

    Args:
        review_files: Files with the columns of the batch.

    Raises:
        ValueError: If a file lacks a column or holds a verdict that is none.
    """
    rows = [row for file in review_files for row in _verdicts(file)]
    return frame(ReviewVerdicts, rows)


def _verdicts(file: SourceFile) -> list[Row]:
    table = _sheet(file)
    if missing := {"question_id", "verdict"} - set(table.columns):
        raise ValueError(
            f"{file.name} is no review: it lacks the column {sorted(missing)}, it has "
            f"{table.columns}; give back the sheet of review_batch."
        )
    return [
        _verdict(file.name, row)
        for row in table.iter_rows(named=True)
        if str(row["verdict"] or "").strip()
    ]


def _sheet(file: SourceFile) -> pl.DataFrame:
    data = BytesIO(file.read())
    if file.name.endswith(".xlsx"):
        return pl.read_excel(data, infer_schema_length=0)
    return pl.read_csv(data, infer_schema=False)


def _verdict(name: str, row: Row) -> Row:
    said = str(row["verdict"]).strip()
    if said not in _VERDICTS:
        raise ValueError(
            f"{name} says {said!r} of question {row['question_id']}: a verdict is one "
            f"of {sorted(_VERDICTS)}, or empty."
        )
    return {
        "question_id": row["question_id"],
        "verdict": _VERDICTS[said],
        "reason": row.get("reason"),
    }


def apply_review(
    screened_questions: pl.DataFrame, review_verdicts: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the questions that people kept or did not see, and those they rejected.

    Args:
        screened_questions: ``QuestionPool``.
        review_verdicts: ``ReviewVerdicts``; one "reject" is enough.

    Returns:
        ``ReviewedQuestions`` and ``Rejections``: rows in = kept + rejected.
    """
    verdicts: dict[str, Row] = {}
    for said in review_verdicts.iter_rows(named=True):
        if verdicts.get(said["question_id"], {}).get("verdict") != "reject":
            verdicts[said["question_id"]] = said
    kept: list[Row] = []
    rejections: list[Row] = []
    for row in screened_questions.iter_rows(named=True):
        verdict = verdicts.get(row["question_id"])
        if verdict and verdict["verdict"] == "reject":
            rejections.append(_by_review(row, verdict))
        else:
            kept.append(row | {"review": "kept" if verdict else "not_reviewed"})
    return frame(ReviewedQuestions, kept), frame(Rejections, rejections)


def _by_review(row: Row, verdict: Row) -> Row:
    return rejection(
        row["question_id"],
        "apply_review",
        "rejected_by_people",
        source=row["source"],
        detail=verdict["reason"],
    )
