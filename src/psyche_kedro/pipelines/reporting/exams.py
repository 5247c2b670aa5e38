"""What the report shows of the exams: a table beside the paper's for each, every score.

Which exams there are, with their columns and what is printed of them, stands on the
cards of their benchmarks.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.pipelines.benchmarks import AVERAGES, ChoiceExam, Exam, Published
from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    Findings,
    Row,
    Section,
    Table,
    count,
    kind_of,
    number,
    part_of,
    plain,
    said_interval,
    said_split,
)

_SAME = "One answer"
_ONE_ANSWER = (
    f"'{_SAME}' is the share of items to which a model gives its commonest answer, in "
    "percent: near 100, its accuracy is that of a letter and not of a model; the row "
    "below the models says what the commonest key scores."
)
UNREAD = "unread"


class Column(NamedTuple):
    """Which score stands in a column, and which in brackets beside it."""

    title: str
    protocol: str
    cell: str
    metric: str
    in_brackets: str | None = None


Marks = Mapping[tuple[str, str, str], str]
"""What a row has to show, by protocol, cell and metric."""


def exams(findings: Findings) -> Section:
    """Return how many items every exam has, and which of them are scored."""
    rows = [
        plain(
            exam["benchmark"],
            exam["form"],
            exam["split"],
            count(exam["n"]),
            count(exam["n_keyed"]),
            _use(exam),
        )
        for exam in findings.exams.iter_rows(named=True)
    ]
    return Section(
        "Exams",
        "An item without a key is not asked unless a setting says so. Where no test "
        "item has a key, dev stands in for test: its rows say dev in every table, and "
        "are not to be laid beside a published score of the test set.",
        [Table(["Benchmark", "Form", "Split", "Items", "Keyed", "Use"], rows, 3)],
    )


def _use(exam: Mapping[str, Any]) -> str:
    if exam["split"] == "exemplar":
        return "five-shot exemplars are drawn from it"
    if not exam["is_exam"]:
        return "none: test has keys"
    if not exam["n_keyed"]:
        return "none: no key"
    return "scored in the place of test" if exam["split"] == "dev" else "scored"


def shown(findings: Findings) -> list[partial[Section]]:
    """Return what makes the section of each exam that has scores or printed ones."""
    return [
        partial(exam_section, benchmark=name, exam=exam)
        for name, exam in findings.benchmarks.exams()
        if exam.is_of_the_paper or not _scores_of(findings, name, exam).is_empty()
    ]


def exam_section(findings: Findings, *, benchmark: str, exam: Exam) -> Section:
    """Return what every model scored in an exam, beside what is printed of it."""
    scores = _scores_of(findings, benchmark, exam)
    protocols = _shown_protocols(exam, scores)
    columns = [column for column in _columns(exam) if column.protocol in protocols]
    rows = [*_our_rows(findings, scores, columns), *_commonest_key(scores, columns)]
    if exam.published:
        rows += _printed_rows(exam.published, columns)
    titles = ["Model", "Source", *(column.title for column in columns)]
    return Section(exam.title, _told(findings, benchmark, exam), [Table(titles, rows)])


def _shown_protocols(exam: Exam, scores: pl.DataFrame) -> set[str]:
    """Return the first of an exam's, and which were asked or are printed."""
    printed = exam.published.rows if exam.published else ()
    asked = {*scores["protocol"], *(name for row in printed for name in row.scores)}
    return {next(iter(exam.protocols)), *asked}


def by_difficulty(findings: Findings) -> Section:
    """Return Figure 4: what every model scored on hard and on other items."""
    tables = [
        table
        for name, exam in findings.benchmarks.exams()
        if isinstance(exam, ChoiceExam)
        for table in _by_subset(findings, name, exam)
    ]
    return Section(
        "Hard and other items: Figure 4",
        "An item is challenging where the students of `evaluation.split.students` all "
        "answer it wrong (the rule of `selection.difficulty`), as §2.2 selects "
        "questions. Standard accuracy in percent, elastic accuracy in brackets. A "
        "student of the split scores 0 on the challenging items by its making.",
        tables or [Table(["Subset", "Model"], [])],
    )


def _by_subset(findings: Findings, benchmark: str, exam: ChoiceExam) -> list[Table]:
    first = next(iter(exam.protocols))  # the only one that is split
    columns = [column for column in _accuracies(exam) if column.protocol == first]
    scores = findings.by_difficulty.filter(benchmark=benchmark)
    names = ["subset", "role", "split", "model"]
    rows = [
        Row(
            kind_of(model, role in findings.toys),
            [
                f"{exam.title}: {subset.replace('_', '-')}",
                said_split(role, split),
                _size(found),
                *_cells(columns, _marks(found)),
            ],
        )
        for (subset, role, split, model), found in scores.rows_by_key(
            names, named=True
        ).items()
    ]
    titles = ["Subset", "Model", "Items", *(column.title for column in columns)]
    return [Table(titles, rows)] if rows else []


def _size(scores: Iterable[Mapping[str, Any]]) -> str:
    """Return how many items the average of one model and subset is of."""
    return next((count(s["n"]) for s in scores if s["cell"] == AVERAGES[0]), ABSENT)


def _told(findings: Findings, benchmark: str, exam: Exam) -> str:
    if not isinstance(exam, ChoiceExam):
        return exam.note
    told = [exam.note]
    if "five_shot" in exam.protocols:
        drawn = _exemplars(findings, benchmark, exam) or ["none"]
        told.append(f"Exemplars in the five-shot protocol: {', '.join(drawn)}.")
    return " ".join([*told, _ONE_ANSWER])


def _exemplars(findings: Findings, benchmark: str, exam: Exam) -> list[str]:
    drawn = {
        cell: n
        for group, n in findings.counts("exemplars").items()
        for name, _, cell in [group.partition("/")]
        if name == benchmark
    }
    return [f"{n} for {exam.cells.get(cell, cell)}" for cell, n in drawn.items()]


def _scores_of(findings: Findings, benchmark: str, exam: Exam) -> pl.DataFrame:
    is_asked_so = pl.col("protocol").is_in(list(exam.protocols))
    return findings.scores.filter(is_asked_so, benchmark=benchmark)


# ---- columns ---------------------------------------------------------------------


def _columns(exam: Exam) -> list[Column]:
    if isinstance(exam, ChoiceExam):
        return [*_accuracies(exam), *_beside(exam)]
    printed = exam.published.metrics if exam.published else {}
    titles = {str(metric): title for metric, title in exam.metrics.items()} | printed
    return [
        Column(_joined(asked, cell_title, title), protocol, cell, metric)
        for protocol, asked in exam.protocols.items()
        for cell, cell_title in exam.cells.items()
        for metric, title in titles.items()
    ]


def _accuracies(exam: ChoiceExam) -> list[Column]:
    return [
        Column(
            _joined(asked, title),
            protocol,
            cell,
            "standard_accuracy",
            # With one gold the elastic accuracy is the standard one.
            None if cell.endswith("_single") else exam.in_brackets,
        )
        for protocol, asked in exam.protocols.items()
        for cell, title in exam.cells.items()
    ]


def _beside(exam: ChoiceExam) -> list[Column]:
    """Return what stands behind the cells, each of the first protocol."""
    first, average = next(iter(exam.protocols)), f"{exam.average}_average"
    columns = [Column("Avg.", first, average, "standard_accuracy", exam.in_brackets)]
    if "commonest_answer" in exam.metrics:
        columns.append(Column(_SAME, first, "micro_average", "commonest_answer"))
    if exam.unread:
        columns.append(Column("Unread", first, "micro_average", UNREAD))
    return columns


def _joined(*titles: str) -> str:
    return " ".join(title for title in titles if title)


def _cells(columns: Sequence[Column], marks: Marks) -> list[str]:
    return [_cell(column, marks) for column in columns]


def _cell(column: Column, marks: Marks) -> str:
    place = column.protocol, column.cell
    mark = marks.get((*place, column.metric), ABSENT)
    beside = marks.get((*place, column.in_brackets or ""))
    return f"{mark} ({beside})" if beside and mark != ABSENT else mark


def replies(findings: Findings) -> Section:
    """Return how the replies of every model ended, and what other readers read."""
    names = ("role", "benchmark", "protocol")
    ended = ("n", "n_read", "n_unread", "n_refused", "n_truncated", "n_truncated_read")
    rows = [
        Row(
            kind_of(answer["model"], answer["role"] in findings.toys),
            [
                *(answer[name] for name in names),
                *(count(answer[name]) for name in (*ended, "n_failed", "n_absent")),
                ", ".join(answer["reasons"]) or ABSENT,
            ],
        )
        for answer in findings.answers.iter_rows(named=True)
    ]
    columns = ["Read", "Unread", "Refused", "Cut off", "of them read", "Failed"]
    return Section(
        "How the replies ended",
        "Unread and refused answers count as wrong; of a reply that the token limit "
        "cut off what it had declared by then counts; a failed call has no score. Of a "
        "model whose replies were stored before, what was not stored is left out.",
        [
            Table(
                [*map(str.title, names), "Replies", *columns, "Not stored", "Why"],
                rows,
                n_names=3,
            ),
            *_readers(findings),
        ],
    )


def memorised(findings: Findings) -> Section:
    """Return how many of the texts that may be shown repeat a training dialogue."""
    answers = findings.shown_answers.filter(pl.col("outcome") != "failed")
    completions = findings.completions.select(
        pl.lit("grpo").alias("role"),
        pl.lit("while it was trained").alias("protocol"),
        "is_memorised",
    )
    texts = pl.concat([answers.select(completions.columns), completions])
    counts = texts.group_by("role", "protocol", maintain_order=True).agg(
        pl.len().alias("n"), pl.col("is_memorised").sum().alias("found")
    )
    rows = [
        plain(role, protocol, count(n), part_of(found, n))
        for role, protocol, n, found in counts.iter_rows()
    ]
    return Section(
        "What models have by heart",
        "A text that repeats so many words in a row of a training dialogue "
        "(`training.memorised`) is counted here and not shown. What models that were "
        "not trained on the dialogues say alike is chance: compare with it.",
        [Table(["Model", "Asked", "Texts", "Repeat a dialogue"], rows, n_names=2)],
    )


def judges(findings: Findings) -> Section:
    """Return what became of the verdicts of every judge."""
    counts = ("n", "n_read", "n_no_score", "n_out_of_range", "n_several_scores")
    rows = [
        plain(
            judge["model"],
            judge["dimension"],
            *(count(judge[name]) for name in (*counts, "n_failed")),
            number(judge["commonest_score"]),
            part_of(judge["n_commonest"], judge["n_read"]),
        )
        for judge in findings.judges.iter_rows(named=True)
    ]
    columns = ["Judge", "Dimension", "Verdicts", "Read", "No score", "Out of range"]
    ends = ["Several scores", "Failed", "Commonest score", "Given"]
    return Section(
        "Judges of counselling",
        "A verdict that is not read is missing, not 0. A judge that gives nearly all "
        "the same score says nothing of a model.",
        [Table([*columns, *ends], rows, n_names=2), *_agreement(findings)],
    )


def _agreement(findings: Findings) -> list[Table]:
    rows = [
        plain(
            row["group"],
            row["dimension"],
            _named(row),
            number(row["value"]),
            count(row["n"]),
        )
        for row in findings.summaries.judge_agreement.iter_rows(named=True)
    ]
    columns = ["Who", "Dimension", "Measure", "Value", "Replies or pairs"]
    return [Table(columns, rows, n_names=3)] if rows else []


_NEARLY_ALWAYS = 0.9


def _named(row: Mapping[str, Any]) -> str:
    """Return a measure; that of a judge who goes by the order says so."""
    is_first = row["measure"] == "takes the first"
    if is_first and (row["value"] or 0) >= _NEARLY_ALWAYS:
        return "takes the first: goes by the order, not by the reply"
    return str(row["measure"])


def _readers(findings: Findings) -> list[Table]:
    names = ("role", "benchmark", "protocol", "reader")
    counts = ("n", "n_same", "n_other", "n_only_scored", "n_only_reader")
    rows = [
        plain(*(row[name] for name in names), *(count(row[name]) for name in counts))
        for row in findings.readers.iter_rows(named=True)
    ]
    columns = ["Items", "Same", "Another answer", "Read here alone", "Read there alone"]
    table = Table([*map(str.title, names), *columns], rows, 4, folded="answers")
    return [table] if rows else []


def every_score(findings: Findings) -> Section:
    """Return all scores with their intervals."""
    names = ("role", "benchmark", "split", "cell", "protocol", "metric")
    counts = ("n", "n_missing", "n_truncated", "n_failed", "n_left_out")
    rows = [
        Row(
            kind_of(score["model"], score["role"] in findings.toys),
            [
                *(score[name] for name in names),
                number(score["value"]),
                said_interval(score["low"], score["high"]),
                *(count(score[name]) for name in counts),
            ],
        )
        for score in findings.scores.iter_rows(named=True)
    ]
    columns = [*map(str.title, names), "Value", "95 %", "Items", "Missing", "Cut off"]
    return Section(
        "Every score with its interval",
        "Wilson intervals for the standard accuracy of a cell of independent items, "
        "for all else a seeded bootstrap that draws cases within cells, and where all "
        "marks are the same, Wilson's interval of none that differs.",
        [Table([*columns, "Failed", "Left out"], rows, n_names=6, folded="scores")],
    )


# ---- rows ------------------------------------------------------------------------


def _our_rows(
    findings: Findings, scores: pl.DataFrame, columns: Sequence[Column]
) -> list[Row]:
    """Return a row per role and split, in the order of the scores."""
    sitters = scores.rows_by_key(["role", "split", "model"], named=True)
    return [
        Row(
            kind_of(model, role in findings.toys),
            [
                _limited(said_split(role, split), found),
                model,
                *_cells(columns, _marks(found)),
            ],
        )
        for (role, split, model), found in sitters.items()
    ]


def _marks(scores: Iterable[Mapping[str, Any]]) -> Marks:
    """Return the scores of one role; unread answers stand beside the accuracies."""
    marks = {}
    for score in scores:
        place = score["protocol"], score["cell"]
        marks[*place, score["metric"]] = number(score["value"])
        if score["metric"] == "standard_accuracy":
            marks[*place, UNREAD] = part_of(score["n_missing"], score["n"])
    return marks


def _commonest_key(scores: pl.DataFrame, columns: Sequence[Column]) -> list[Row]:
    """Return what the commonest key scores, a row per split."""
    keys = scores.filter(metric="commonest_key").with_columns(
        metric=pl.lit("standard_accuracy")
    )
    accuracies = [column._replace(in_brackets=None) for column in columns]
    return [
        plain(
            said_split("always the commonest key", split),
            "of the items asked",
            *(_cell(c, marks) if c.metric != UNREAD else ABSENT for c in accuracies),
        )
        for split, found in keys.rows_by_key("split", named=True).items()
        for marks in [_marks(found)]
    ]


def _printed_rows(published: Published, columns: Sequence[Column]) -> list[Row]:
    return [
        Row(
            "paper",
            [row.model, published.place, *_cells(columns, _printed(row.scores))],
        )
        for row in published.rows
    ]


def _printed(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Marks:
    return {
        (protocol, cell, metric): number(value)
        for protocol, metrics in scores.items()
        for metric, cells in metrics.items()
        for cell, value in cells.items()
    }


def _limited(role: str, scores: Sequence[Mapping[str, Any]]) -> str:
    """Return a model's role, with what was left out of its cells, or which were."""
    cells = [score for score in scores if score["cell"] not in AVERAGES]
    limited = [score["n"] for score in cells if score["n_left_out"]]
    if limited:
        role = f"{role} (limited to {count(max(limited))} a cell)"
    elif any(score["n_left_out"] for score in scores):
        role = f"{role} (without some cells)"
    failed = any(score["n_failed"] for score in cells)
    return f"{role} (calls failed: no average)" if failed else role
