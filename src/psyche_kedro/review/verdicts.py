"""§2.2: people look at every question that passed the screen.

"We invite 10 undergraduate and graduate students to manually review the questions."
A batch goes out as a workbook and as Label Studio tasks; people keep, fix or reject;
what they give back (XLSX, CSV, Label Studio JSON) lies under ``raw/reviews`` at the
next run. A share of the batch goes to every reviewer, so that their agreement can be
measured. Without a review the chain goes on with everything that passed, marked
``not_reviewed``.
"""

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from itertools import cycle
from operator import itemgetter
from typing import NamedTuple

import polars as pl
from fastexcel import FastExcelError

from psyche_kedro.answers import read_choice
from psyche_kedro.datasets import SourceFile
from psyche_kedro.errors import ReviewError, UnreadableSource
from psyche_kedro.prompts import Words
from psyche_kedro.questions import option_texts, read_options
from psyche_kedro.review import form
from psyche_kedro.review.krippendorff import krippendorff_alpha
from psyche_kedro.review.parameters import ReviewParameters
from psyche_kedro.tables import (
    Rejections,
    ReviewedQuestions,
    ReviewSummary,
    ReviewVerdicts,
    Row,
    content_id,
    frame,
    grouped,
    rejection,
)
from psyche_kedro.text.encodings import decode
from psyche_kedro.workers.tasks import ONE_WORKBOOK, Lost
from psyche_kedro.workers.worker import alone

_STRICTEST = ("reject", "fix", "keep")
_SECONDS_PER_HOUR = 3_600


class ReviewBatch(NamedTuple):
    """One batch in its two forms."""

    sheet: pl.DataFrame
    """One row per (question, reviewer)."""
    tasks: list[Row]
    """Label Studio tasks, one per question."""
    config: str
    """Label Studio's labelling configuration."""


# ---- out -------------------------------------------------------------------------


def export_review_batch(
    screened_questions: pl.DataFrame, params: ReviewParameters, words: Words
) -> ReviewBatch:
    """Return the questions that people shall look at, dealt out to the reviewers.

    Args:
        screened_questions: ``QuestionPool``.
        params: ``synthesis.review``. A sample takes the same share of every (origin,
            type), drawn by the digest of the id.
        words: What the prompts call the parts of a question.
    """
    batch = _sample(screened_questions, params.sample_size)
    shared = round(params.shared_share * len(batch))
    turns = cycle(params.reviewers)
    dealt = [
        (question, params.reviewers if n < shared else (next(turns),))
        for n, question in enumerate(batch)
    ]
    rows = [form.sheet_row(q, name, words) for q, names in dealt for name in names]
    rows.sort(key=lambda row: params.reviewers.index(row["审题人"]))
    return ReviewBatch(
        pl.DataFrame(rows, schema=dict.fromkeys(form.SHEET, pl.String)),
        [form.task(question, names, words) for question, names in dealt],
        form.labelling_config(),
    )


def _sample(questions: pl.DataFrame, size: int | None) -> list[Row]:
    """Return the questions in the order of their digests, stratified if only some."""
    rows = sorted(
        questions.iter_rows(named=True),
        key=lambda row: content_id("review", row["question_id"]),
    )
    if size is None or size >= len(rows):
        return rows
    strata = grouped(rows, itemgetter("origin", "type"))
    # A row's rank as a share of its stratum: the lowest shares are the sample.
    shares = {
        row["question_id"]: (rank + 0.5) / len(stratum)
        for stratum in strata.values()
        for rank, row in enumerate(stratum)
    }
    return sorted(rows, key=lambda row: shares[row["question_id"]])[:size]


_FIRST_ROW = 2
"""Of a sheet, below its headings."""

# ---- in --------------------------------------------------------------------------


def read_review_verdicts(review_files: list[SourceFile]) -> pl.DataFrame:
    """Return people's verdicts out of XLSX, CSV and Label Studio JSON files.

    An empty verdict is none.

    Args:
        review_files: What people gave back.

    Raises:
        ReviewError: If a file is no review, or says what no verdict is: people's work
            is not dropped silently.
    """
    rows = [
        _verdict(file.name, place, said)
        for file in review_files
        for place, said in _said(file)
        if said["verdict"]
    ]
    return frame(ReviewVerdicts, rows)


def _said(file: SourceFile) -> Iterator[tuple[str, Row]]:
    """Yield what people said, each with where it stands in the file."""
    if file.name.lower().endswith(".json"):
        for number, said in enumerate(form.read_export(file), 1):
            yield f"annotation {number}", said
        return
    for number, row in enumerate(_sheet(file).iter_rows(named=True), _FIRST_ROW):
        yield f"row {number}", form.read_sheet_row(row)


def _sheet(file: SourceFile) -> pl.DataFrame:
    table = read_sheet(file)
    found = {form.SHEET.get(column, column) for column in table.columns}
    if missing := {"question_id", "verdict"} - found:
        raise ReviewError(
            f"{file.name} is no review: it lacks the column {sorted(missing)}, it has "
            f"{table.columns}; give back the sheet of review_batch."
        )
    return table


def read_sheet(file: SourceFile) -> pl.DataFrame:
    """Return the cells of a sheet that people gave back, each as text.

    A workbook may end the process that reads it: that is another one.

    Raises:
        ReviewError: If it is neither a workbook nor CSV.
    """
    try:
        read = alone(_cells, (file.name.lower(), file.read()), ONE_WORKBOOK)
    except OSError as error:
        read = error.strerror or type(error).__name__
    if isinstance(read, pl.DataFrame):
        return read
    said = read.detail if isinstance(read, Lost) else read
    raise ReviewError(
        f"{file.name} cannot be read as a sheet ({said}): save it as .xlsx, or as CSV"
        " in UTF-8 or GB18030."
    )


def _cells(named: tuple[str, bytes]) -> pl.DataFrame | str:
    """Return the cells of a file by name and bytes, or why there are none."""
    try:
        return _sheet_of(*named)
    except UnreadableSource as error:
        return error.detail
    except (FastExcelError, OSError, pl.exceptions.PolarsError) as error:
        return str(error).splitlines()[0]


def _sheet_of(name: str, data: bytes) -> pl.DataFrame:
    """Return a workbook's first sheet, or a CSV as any Excel saves it."""
    if name.endswith((".xlsx", ".xls")):
        return pl.read_excel(BytesIO(data), infer_schema_length=0)
    text = decode(data)
    separator = max(",\t;", key=text.partition("\n")[0].count)
    return pl.read_csv(text.encode(), infer_schema=False, separator=separator)


def _verdict(name: str, place: str, said: Row) -> Row:
    word = said["verdict"]
    verdicts = form.VERDICTS | {v: v for v in form.VERDICTS.values()}
    if word not in verdicts:
        raise ReviewError(
            f"{name}, {place}, says {word[:40]!r} of question"
            f" {str(said['question_id'])[:40]!r}: a verdict is one of"
            f" {', '.join(sorted(verdicts))}, or empty: mend the cell."
        )
    options = read_options(said["options"]) if said["options"] else None
    reason, words = form.read_reason(said["reason"])
    return {
        "question_id": said["question_id"],
        "reviewer": form.read_reviewer(said["reviewer"] or name),
        "verdict": verdicts[word],
        "reason": reason,
        "words": words,
        "stem": said["stem"],
        "options": options,
        "gold": list(said["gold"]) if said["gold"] else None,
        "seconds": said["seconds"],
        "source": name,
    }


# ---- applied ---------------------------------------------------------------------


def apply_review(
    screened_questions: pl.DataFrame, review_verdicts: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the questions with people's verdicts applied, and those they rejected.

    What most of a question's reviewers say counts; between equals the strictest does.
    A fix that makes no question (an answer that is no option) is a rejection.

    Args:
        screened_questions: ``QuestionPool``.
        review_verdicts: ``ReviewVerdicts``.

    Returns:
        ``ReviewedQuestions`` and ``Rejections``: rows in = kept + rejected.
    """
    verdicts = review_verdicts.iter_rows(named=True)
    said = grouped(verdicts, itemgetter("question_id"))
    kept: list[Row] = []
    rejections: list[Row] = []
    for row in screened_questions.iter_rows(named=True):
        reviewed = _reviewed(row, said.get(row["question_id"], []))
        (rejections if "row_id" in reviewed else kept).append(reviewed)
    return frame(ReviewedQuestions, kept), frame(Rejections, rejections)


def _reviewed(question: Row, verdicts: list[Row]) -> Row:
    """Return a row of ``ReviewedQuestions``, or of ``Rejections``."""
    if not verdicts:
        return question | {"review": "not_reviewed"}
    counts = Counter(verdict["verdict"] for verdict in verdicts)
    most = max(_STRICTEST, key=lambda v: (counts[v], -_STRICTEST.index(v)))
    decisive = next(verdict for verdict in verdicts if verdict["verdict"] == most)
    if most == "keep":
        return question | {"review": "kept"}
    if most == "fix":
        return _fixed(question, decisive)
    reason = f"people_{decisive['reason'] or 'gave_no_reason'}"
    return _rejected(question, reason, decisive)


def _fixed(question: Row, verdict: Row) -> Row:
    changes = {key: verdict[key] for key in ("stem", "options", "gold") if verdict[key]}
    fixed = question | changes
    gold = read_choice("".join(fixed["gold"]), list(option_texts(fixed))).labels
    if not gold:
        return _rejected(question, "invalid_fix", verdict)
    originals = {
        f"original_{key}": question[key] for key in ("stem", "options", "gold")
    }
    return fixed | originals | {"gold": sorted(gold), "review": "fixed"}


def _rejected(question: Row, reason: str, verdict: Row) -> Row:
    return rejection(
        question["question_id"],
        "apply_review",
        reason,
        source=question["source"],
        detail=verdict["source"],
    )


# ---- measured --------------------------------------------------------------------


def summarise_review(
    screened_questions: pl.DataFrame, review_verdicts: pl.DataFrame
) -> pl.DataFrame:
    """Return agreement, throughput, and which automatic verdicts people overturned.

    Args:
        screened_questions: ``QuestionPool``: what the screen let pass.
        review_verdicts: ``ReviewVerdicts``.

    Returns:
        ``ReviewSummary``; empty where no one looked.
    """
    rows = list(review_verdicts.iter_rows(named=True))
    summary = [*_agreement(rows), *_throughput(rows), *_overturned(rows)]
    share = len({r["question_id"] for r in rows}) / max(1, screened_questions.height)
    if rows:
        summary.append(_measured("verdicts", "share_of_screened", share, len(rows)))
    return frame(ReviewSummary, summary)


def _agreement(rows: list[Row]) -> Iterator[Row]:
    """Yield alpha of the verdicts, and of each reason given or not."""
    by_question = grouped(rows, itemgetter("question_id"))
    shared = [group for group in by_question.values() if len(group) > 1]
    if not shared:
        return
    alpha = krippendorff_alpha([row["verdict"] for row in group] for group in shared)
    yield _measured("agreement", "verdict", alpha, len(shared))
    for reason in sorted({row["reason"] for row in rows if row["reason"]}):
        given = ([row["reason"] == reason for row in group] for group in shared)
        yield _measured("agreement", reason, krippendorff_alpha(given), len(shared))


def _throughput(rows: list[Row]) -> Iterator[Row]:
    for reviewer in sorted({row["reviewer"] for row in rows}):
        own = [row for row in rows if row["reviewer"] == reviewer]
        seconds = sum(row["seconds"] or 0 for row in own)
        speed = len(own) / seconds * _SECONDS_PER_HOUR if seconds else None
        yield _measured("throughput", reviewer, speed, len(own))


def _overturned(rows: list[Row]) -> Iterator[Row]:
    """Yield, per reason, the share of passed questions that people did not keep."""
    changed = [row for row in rows if row["verdict"] != "keep"]
    counts = Counter(row["reason"] or "no_reason" for row in changed)
    for reason, count in counts.most_common():
        yield _measured("overturned", reason, count / len(rows), count)


def _measured(measure: str, group: str, value: float | None, n: int) -> Row:
    return {"measure": measure, "group": group, "value": value, "n": n}
