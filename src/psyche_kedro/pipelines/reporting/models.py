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
    printed = _printed(exam)
    sat = findings.scores.unique("role", maintain_order=True).to_dicts()
    by_name = {one_name(findings.printed_as.get(s["role"], s["role"])): s for s in sat}
    own = _averages(findings, exam)
    rows = []
    for model in read_published().models:
        ours = by_name.get(one_name(model.name))
        rows.append(
            Row(
                kind_of(ours["model"], ours["role"] in findings.toys)
                if ours
                else "paper",
                [
                    model.name,
                    model.version,
                    ours["model"] if ours else ABSENT,
                    model.size or ABSENT,
                    number(printed.get(model.name)),
                    number(own.get(ours["role"])) if ours else ABSENT,
                ],
            )
        )
    columns = ["Model", "As the paper has it", "In this run", "Size", "Printed", "Ours"]
    return Section(
        "Models of the paper: Table 7 and Figure 1",
        "Average standard accuracy on the exam of Table 1 against the number of "
        "parameters, as printed and as scored here; the paper's own axis is not in "
        "numbers. Models whose size nobody knows have no place in it.",
        [Table(columns, rows, 3)],
        scatters=[_figure(findings, exam, own)],
    )


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
        name = findings.printed_as.get(role, role)
        said = printed.get(one_name(name))
        parameters: Any = sizes.get(role) or (said and _BILLION * float(said[:-1]))
        if parameters:
            yield Placed(role, parameters / _BILLION, average, is_ours=True)
