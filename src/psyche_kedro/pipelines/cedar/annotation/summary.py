"""How the annotation went: what waits, how far people agree, who decided what."""

import logging
from collections.abc import Iterator

import polars as pl

from psyche_kedro.pipelines.cedar.annotation.golds import said
from psyche_kedro.pipelines.cedar.tables import AnnotationSummary
from psyche_kedro.review.krippendorff import krippendorff_alpha
from psyche_kedro.tables import Row, frame

_LOG = logging.getLogger(__name__)


def summarise_annotation(
    annotation_tasks: pl.DataFrame,
    annotations: pl.DataFrame,
    annotators: pl.DataFrame,
    ground_truth: pl.DataFrame,
) -> pl.DataFrame:
    """Return tasks and answers, agreement, and how golds were decided, by culture.

    Args:
        annotation_tasks: ``AnnotationTasks``.
        annotations: ``Annotations``.
        annotators: ``Annotators``.
        ground_truth: ``GroundTruth``.

    Returns:
        ``AnnotationSummary``.
    """
    _say_what_waits(annotation_tasks, annotations)
    rows: list[Row] = []
    for culture in annotation_tasks["culture"].unique(maintain_order=True):
        tasks, answers, people, truth = (
            table.filter(culture=culture)
            for table in (annotation_tasks, annotations, annotators, ground_truth)
        )
        answered = answers.filter(pl.col("kind") != "adjudication").height
        rows += [
            _row("waiting", culture, tasks.height - answered, tasks.height),
            _row("median_seconds", culture, _seconds(people), tasks.height),
            _row("alpha", culture, _alpha(answers, people), truth.height),
            _row(
                "left_out",
                culture,
                people.filter(~pl.col("counted")).height,
                people.height,
            ),
            *_decisions(culture, truth),
            *_compared(culture, truth),
        ]
    return frame(AnnotationSummary, rows)


def _say_what_waits(tasks: pl.DataFrame, answers: pl.DataFrame) -> None:
    key = ["scenario_id", "culture", "seat"]
    if waiting := tasks.join(answers, on=key, how="anti").height:
        _LOG.warning(
            "%d of %d annotation tasks wait for an answer: annotation_batch has them.",
            waiting,
            tasks.height,
        )


def _seconds(people: pl.DataFrame) -> float | None:
    """Return what an answer takes the median person; None where nobody was timed."""
    return pl.Series(people["median_seconds"].drop_nulls(), dtype=pl.Float64).median()  # type: ignore[return-value]


def _alpha(answers: pl.DataFrame, people: pl.DataFrame) -> float | None:
    """Return Krippendorff's alpha of those who count."""
    counted = people.filter("counted").select("seat")
    own = said(answers, "item").join(counted, on="seat")
    return krippendorff_alpha(
        own.group_by("scenario_id").agg("label")["label"].to_list()
    )


def _decisions(culture: str, truth: pl.DataFrame) -> Iterator[Row]:
    for how, n in truth.group_by("decided_by").len().sort("decided_by").iter_rows():
        yield _row(f"decided_by:{how}", culture, n / truth.height, n)


def _compared(culture: str, truth: pl.DataFrame) -> Iterator[Row]:
    """Yield how often a simpler and a larger model decide as the gold stands."""
    decided = truth.drop_nulls("gold")
    for other in ("plain_majority", "dawid_skene"):
        same = decided.filter(pl.col(other) == pl.col("gold")).height
        share = same / decided.height if decided.height else None
        yield _row(f"same_as:{other}", culture, share, decided.height)


def _row(measure: str, group: str, value: float | None, n: int) -> Row:
    return {"measure": measure, "group": group, "value": value, "n": n}
