"""Table 7 and Figure 1: the paper's models, and accuracy against size."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.pipelines.benchmarks import ChoiceExam, Published
from psyche_kedro.pipelines.reporting.comparisons import one_name
from psyche_kedro.pipelines.reporting.figures import Scatter, scatter
from psyche_kedro.pipelines.reporting.published import read_published
from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    Findings,
    Row,
    Section,
    Table,
    kind_of,
    number,
)

_BILLION = 1e9


class Placed(NamedTuple):
    """A model of Figure 1."""

    name: str
    billions: float
    average: float
    is_ours: bool


def paper_models(findings: Findings) -> Section:
    """Return the models of Table 7, which of them this run has, and Figure 1."""
    exam = _first(findings)
    printed, own = _printed(exam), _averages(findings, exam)
    ran = _ran(findings, own)
    rows = [
        Row(kind, [m.name, m.version, name, m.size or ABSENT, average, ours])
        for m in read_published().models
        for average in [number(printed.get(m.name))]
        for kind, name, ours in [ran.get(one_name(m.name), _NOT_RUN)]
    ]
    columns = ["Model", "As the paper has it", "In this run", "Size", "Printed", "Ours"]
    return Section(
        "Models of the paper: Table 7 and Figure 1",
        "Average standard accuracy on the exam of Table 1 against the number of "
        "parameters, as printed and as scored here; the paper's own axis is not in "
        "numbers. Models whose size nobody knows have no place in it.",
        [Table(columns, rows, 3)],
        scatters=[_figure(findings, exam, own)],
    )


class Ran(NamedTuple):
    """A model of the paper as this run has it."""

    kind: str
    """Of its row."""
    model: str
    average: str


_NOT_RUN = Ran("paper", ABSENT, ABSENT)


def _ran(findings: Findings, own: Mapping[str, float]) -> dict[str, Ran]:
    """Return the models of this run by the names that the paper has for them."""
    sat = findings.scores.unique("role", maintain_order=True)
    return {
        one_name(findings.printed_as.get(role, role)): Ran(
            kind_of(model, role in findings.toys), model, number(own.get(role))
        )
        for role, model in sat.select("role", "model").iter_rows()
    }


def _first(findings: Findings) -> ChoiceExam:
    """Return the exam of Table 1."""
    exams = (exam for _, exam in findings.benchmarks.exams())
    return next(exam for exam in exams if isinstance(exam, ChoiceExam))


def _printed(exam: ChoiceExam) -> dict[str, float]:
    protocol, average = next(iter(exam.protocols)), f"{exam.average}_average"
    published: Published | None = exam.published
    return {
        row.model: row.scores[protocol]["standard_accuracy"][average]
        for row in (published.rows if published else ())
    }


def _averages(findings: Findings, exam: ChoiceExam) -> dict[str, float]:
    """Return our averages by role: of whole exams only."""
    names = {name for name, other in findings.benchmarks.exams() if other is exam}
    found = findings.scores.filter(
        pl.col("benchmark").is_in(names),
        pl.col("value").is_not_null(),
        cell=f"{exam.average}_average",
        protocol=next(iter(exam.protocols)),
        metric="standard_accuracy",
        n_left_out=0,
    )
    return dict(found.select("role", "value").iter_rows())


def _figure(findings: Findings, exam: ChoiceExam, own: Mapping[str, float]) -> Scatter:
    placed = [*_printed_places(exam), *_own_places(findings, own)]
    return scatter(
        "Average accuracy against size (billions); in amber, models of this run",
        [(math.log10(p.billions), p.average) for p in placed],
        names=[p.name for p in placed],
        marked=[p.is_ours for p in placed],
        label=lambda power: f"{10**power:.3g}",
    )


def _printed_places(exam: ChoiceExam) -> Iterator[Placed]:
    averages = _printed(exam)
    for row in exam.published.rows if exam.published else ():
        if row.size:
            billions = float(row.size.removesuffix("B"))
            yield Placed(row.model, billions, averages[row.model], is_ours=False)


def _own_places(findings: Findings, own: Mapping[str, float]) -> Iterator[Placed]:
    sizes = dict(findings.trained_models.select("role", "parameters").iter_rows())
    printed = {one_name(m.name): m.size for m in read_published().models}
    for role, average in own.items():
        if role in findings.toys:
            continue  # ten thousand times smaller, they would press the others together
        name = findings.printed_as.get(role, role)
        said = printed.get(one_name(name))
        parameters: Any = sizes.get(role) or (said and _BILLION * float(said[:-1]))
        if parameters:
            yield Placed(role, parameters / _BILLION, average, is_ours=True)
