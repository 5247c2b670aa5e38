"""Models beside what is printed of them, and beside each other.

A difference stands with its interval and what that rests on: how many items of how
many, unread, cut off, and how many stand in the training data. Where the interval
holds no difference the table says so and names no better one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.pipelines.benchmarks import ChoiceExam, Exam, Published
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
from psyche_kedro.statistics import (
    NO_INTERVAL,
    Interval,
    difference_interval,
    wilson_interval,
)

NOISE = "within noise"
_MOST_ROWS = 30
"""A longer table is folded."""


class Beside(NamedTuple):
    """A score of ours beside one that is printed."""

    exam: str
    source: str
    printed_as: str
    cell: str
    printed: float
    score: Mapping[str, Any]
    """The row of ``scores``."""
    interval: Interval
    """Of ours less the printed one."""

    @property
    def difference(self) -> float | None:
        """Ours less the printed one; null where ours has no value."""
        value = self.score["value"]
        return None if value is None else float(value) - self.printed


def beside_the_paper(findings: Findings) -> Section:
    """Return every score of a model that is printed, beside the printed one."""
    rows = [_beside_row(one, findings.toys) for one in list_beside(findings)]
    columns = ["Model", "Printed as", "Exam", "Cell", "Printed", "Ours", "Difference"]
    ends = ["95 %", "n", "Unread", "Cut off", "Contaminated", "Without them"]
    return Section(
        "Beside the paper",
        "A row of ours stands beside the model of the paper that "
        "`reporting.printed_as` or its own name says it is. The interval is of the "
        "difference, and reckons with the doubt of both where the number of printed "
        "items is known. Contaminated items match something in the training data; the "
        "last column is the score without them. A score of a part of an exam says of "
        "how many items it is, and is no result.",
        [_folded(Table([*columns, *ends], rows, 4), "scores")],
    )


def _beside_row(one: Beside, toys: Sequence[str]) -> Row:
    score = one.score
    return Row(
        kind_of(score["model"], score["role"] in toys),
        [
            said_split(score["role"], score["split"]),
            one.printed_as,
            one.exam,
            one.cell,
            number(one.printed),
            number(score["value"]),
            _signed(one.difference),
            said_interval(*one.interval),
            _asked(score),
            *(count(score[f"n_{n}"]) for n in ("missing", "truncated", "contaminated")),
            number(score["value_uncontaminated"]),
        ],
    )


def list_beside(findings: Findings) -> Iterator[Beside]:
    """Yield every score of a model that is printed, in the order of the exams."""
    for name, exam in findings.benchmarks.exams():
        if exam.published:
            yield from _of_exam(findings, name, exam, exam.published)


def _of_exam(
    findings: Findings, benchmark: str, exam: Exam, published: Published
) -> Iterator[Beside]:
    rows = {one_name(row.model): row for row in published.rows}
    asked_so = pl.col("protocol").is_in(list(exam.protocols))
    for score in findings.scores.filter(asked_so, benchmark=benchmark).to_dicts():
        name = findings.printed_as.get(score["role"], score["role"])
        row = rows.get(one_name(name))
        scores = row.scores.get(score["protocol"], {}) if row else {}
        printed = scores.get(score["metric"], {}).get(score["cell"])
        if row and printed is not None:
            yield Beside(
                exam=exam.title,
                source=f"{published.paper}, Table {published.table}",
                printed_as=row.model,
                cell=_cell(exam, score),
                printed=printed,
                score=score,
                interval=_interval(score, printed, published),
            )


def one_name(model: str) -> str:
    """Return a model's name as it is compared: by its letters and digits.

    The paper spells some in two ways, and a name in the catalog has no dots.

    >>> one_name("Qwen2.5-7B-Instruct") == one_name("qwen2_5_7b")
    True
    """
    letters = "".join(filter(str.isalnum, model.casefold()))
    return letters.removesuffix("instruct")


def _cell(exam: Exam, score: Mapping[str, Any]) -> str:
    asked, metric = exam.protocols[score["protocol"]], score["metric"]
    cell = exam.cells.get(score["cell"], score["cell"].replace("_", " "))
    shown = "" if metric == "standard_accuracy" else metric.replace("_", " ")
    return " ".join(part for part in (asked, cell, shown) if part)


def _interval(
    score: Mapping[str, Any], printed: float, published: Published
) -> Interval:
    """Return the interval of the difference; of a printed share its own is Wilson's."""
    value, own = score["value"], Interval(score["low"], score["high"])
    n = published.items.get(score["cell"])
    if value is None or own.low is None or own.high is None:
        return NO_INTERVAL
    if n is None or score["metric"] != "standard_accuracy":
        return Interval(own.low - printed, own.high - printed)
    shares = Interval(own.low / 100, own.high / 100)
    theirs = wilson_interval(printed / 100 * n, n)
    found = difference_interval(shares, theirs, values=(value / 100, printed / 100))
    return Interval(*(None if x is None else 100 * x for x in found))


def as_csv(findings: Findings) -> str:
    """Return every score of ours, with the printed one where there is one."""
    places = ("role", "benchmark", "split", "protocol", "cell", "metric")
    printed = pl.DataFrame(
        [
            {
                **{name: one.score[name] for name in places},
                "source": one.source,
                "printed_as": one.printed_as,
                "printed": one.printed,
                "difference": one.difference,
                "difference_low": one.interval.low,
                "difference_high": one.interval.high,
            }
            for one in list_beside(findings)
        ],
        schema={
            **dict.fromkeys((*places, "source", "printed_as"), pl.String),
            **dict.fromkeys(("printed", "difference"), pl.Float64),
            **dict.fromkeys(("difference_low", "difference_high"), pl.Float64),
        },
    )
    joined = findings.scores.join(printed, on=places, how="left", maintain_order="left")
    return joined.write_csv()


# ---- models beside each other ----------------------------------------------------


def every_pair(findings: Findings) -> Section:
    """Return every two models of every exam, and which is the better if any is."""
    tables = [
        table
        for name, exam in findings.benchmarks.exams()
        for table in (*_rankings(findings, name, exam), *_pairs(findings, name, exam))
    ]
    return Section(
        "Models beside each other",
        "On the items that both answered: the difference, its interval by a bootstrap "
        "that draws cases, the items that one of the two alone has right, McNemar's "
        "exact p (of other marks that of the signs of the cases' differences) and the "
        "p after Holm's correction over all pairs and cells of the exam. Where that is "
        f".05 or more, or the interval holds 0, it is {NOISE}. 'Could show' is the "
        "least difference that the test could tell from noise with so many items that "
        "set the two apart. A ranking comes first where an exam has an average: a "
        "place in it means no more than the models that it is better than.",
        tables,
    )


def _rankings(findings: Findings, benchmark: str, exam: Exam) -> Iterator[Table]:
    """Yield the models by their average, each with those it is told apart from."""
    if not isinstance(exam, ChoiceExam):
        return
    of_average = {
        "benchmark": benchmark,
        "cell": f"{exam.average}_average",
        "protocol": next(iter(exam.protocols)),
        "metric": "standard_accuracy",
    }
    scores = findings.scores.filter(pl.col("value").is_not_null(), **of_average)
    pairs = findings.differences.filter(**of_average).to_dicts()
    if pairs:
        rows = [
            plain(
                said_split(score["role"], score["split"]),
                number(score["value"]),
                said_interval(score["low"], score["high"]),
                *_told_apart(score["role"], pairs),
            )
            for score in scores.sort("value", descending=True).to_dicts()
        ]
        columns = [exam.title, "Avg.", "95 %", "Better than", NOISE.capitalize()]
        yield Table([*columns, "Worse than"], rows, 1)


def _told_apart(role: str, pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how many models one is better than, near to, and worse than."""
    own = [pair["better"] for pair in pairs if role in {pair["role"], pair["other"]}]
    better, noise = own.count(role), own.count(None)
    return [count(n) for n in (better, noise, len(own) - better - noise)]


def _pairs(findings: Findings, benchmark: str, exam: Exam) -> Iterator[Table]:
    found = findings.differences.filter(benchmark=benchmark)
    columns = ["Model", "Other", "Cell", "Difference", "95 %", "Better", "n"]
    ends = ["Only the one", "Only the other", "Could show", "p", "Holm"]
    rows = [
        plain(
            said_split(pair["role"], pair["split"]),
            pair["other"],
            f"{benchmark}: {_cell(exam, pair)}",
            _signed(pair["difference"]),
            said_interval(pair["low"], pair["high"]),
            pair["better"] or NOISE,
            count(pair["n"]),
            *(count(pair[name]) for name in ("only_role", "only_other")),
            number(pair["least"]),
            *(_p(pair[name]) for name in ("p", "p_holm")),
        )
        for pair in found.to_dicts()
        if pair["protocol"] in exam.protocols
    ]
    if rows:
        yield _folded(Table([*columns, *ends], rows, 3), "score_differences")


def _folded(table: Table, name: str) -> Table:
    return table._replace(folded=name) if len(table.rows) > _MOST_ROWS else table


# ---- texts -----------------------------------------------------------------------


def _asked(score: Mapping[str, Any]) -> str:
    left_out = score["n_left_out"]
    return part_of(score["n"], score["n"] + left_out) if left_out else count(score["n"])


def _signed(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.2f}"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"  # noqa: PLR2004 - three digits
