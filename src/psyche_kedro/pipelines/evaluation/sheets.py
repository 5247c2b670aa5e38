"""The marks of all models in one exam: what scores and comparisons are made of.

A sheet holds, for each cell, a matrix of items by columns, of which each is one metric
of one model. An item that a model has no mark of, because its call failed or nobody
asked, is NaN there: it is no zero.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import combinations
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from psyche_kedro.pipelines.benchmarks import AVERAGES, ChoiceExam, Exam
from psyche_kedro.pipelines.evaluation.parameters import ScoringParameters
from psyche_kedro.statistics import (
    DIFFERENCES,
    SHARES,
    Bounds,
    Cell,
    Estimate,
    Resampled,
    estimate_cell,
    estimate_macro,
    pool,
    resample,
    wilson_interval,
)
from psyche_kedro.tables import grouped

MICRO, MACRO = AVERAGES


class Mark(NamedTuple):
    """What one model got of one item under one metric."""

    item_id: str
    cluster_id: str
    cell: str
    metric: str
    role: str
    value: float


class Sheet(NamedTuple):
    """One exam's marks; ``bounds`` are what a mark may be, where that is known."""

    columns: Sequence[tuple[str, ...]]
    """``[n_columns]`` metric and role; in a comparison metric and two roles."""
    cells: dict[str, Cell]
    items: dict[str, list[str]]
    """Ids of the rows of each cell."""
    averaged: tuple[str, ...] | None
    """Cells of the macro average; None where nothing is averaged."""
    bounds: Bounds | None


def write_sheet(
    marks: Iterable[Mark], exam: Exam | None, *, bounds: Bounds | None
) -> Sheet:
    """Return the sheet of one exam; of several marks of one item it takes the mean.

    Args:
        marks: Of every model, in any order of cells.
        exam: What is averaged; None where nothing is.
        bounds: What a mark may be; None where that is not known.
    """
    by_cell = grouped(marks, attrgetter("cell"))
    named = ((m.metric, m.role) for marks in by_cell.values() for m in marks)
    columns = tuple(dict.fromkeys(named))
    items = {
        # In the order of their ids: the draws hang on no file's order.
        name: dict(sorted({(mark.item_id, mark.cluster_id) for mark in found}))
        for name, found in by_cell.items()
    }
    return Sheet(
        columns=columns,
        cells={
            name: _cell(name, found, columns, clusters=items[name])
            for name, found in by_cell.items()
        },
        items={name: list(clusters) for name, clusters in items.items()},
        averaged=tuple(exam.cells) if isinstance(exam, ChoiceExam) else None,
        bounds=bounds,
    )


def _cell(
    name: str,
    marks: Sequence[Mark],
    columns: Sequence[tuple[str, str]],
    *,
    clusters: Mapping[str, str],
) -> Cell:
    row_of = {item: n for n, item in enumerate(clusters)}
    column_of = {column: n for n, column in enumerate(columns)}
    place = (
        np.array([row_of[mark.item_id] for mark in marks]),
        np.array([column_of[mark.metric, mark.role] for mark in marks]),
    )
    sums, counts = np.zeros((2, len(row_of), len(columns)))
    np.add.at(sums, place, [mark.value for mark in marks])
    np.add.at(counts, place, 1)
    with np.errstate(invalid="ignore"):
        values = sums / counts
    _, numbers = np.unique(list(clusters.values()), return_inverse=True)
    return Cell(name, values, numbers)


def differences(sheet: Sheet) -> Sheet:
    """Return the sheet of every two models' differences, item by item.

    An item counts where both have a mark. What is called by the metric and two roles is
    the first less the second, in the order of the sheet.
    """
    pairs = [
        (one, other)
        for one, other in combinations(range(len(sheet.columns)), 2)
        if sheet.columns[one][0] == sheet.columns[other][0]
    ]
    ours, theirs = np.array(pairs, np.int64).reshape(-1, 2).T
    return sheet._replace(
        columns=[(*sheet.columns[a], sheet.columns[b][1]) for a, b in pairs],
        cells={
            name: cell._replace(values=cell.values[:, ours] - cell.values[:, theirs])
            for name, cell in sheet.cells.items()
        },
        bounds=DIFFERENCES if sheet.bounds else None,
    )


def without(sheet: Sheet, gone: Container[str]) -> Sheet:
    """Return the sheet without the items of ``gone``, and without cells of them alone.

    Args:
        sheet: Marks.
        gone: Ids of items.
    """
    kept = {
        name: [n for n, item in enumerate(items) if item not in gone]
        for name, items in sheet.items.items()
    }
    return sheet._replace(
        cells={
            name: Cell(name, cell.values[kept[name]], cell.clusters[kept[name]])
            for name, cell in sheet.cells.items()
            if kept[name]
        },
        items={
            name: [sheet.items[name][n] for n in rows] for name, rows in kept.items()
        },
    )


# ---- estimates -------------------------------------------------------------------

Estimates = dict[tuple[str, ...], Estimate]
"""By cell or average, then what the sheet's column is called."""


def estimate(sheet: Sheet, params: ScoringParameters) -> Estimates:
    """Return the mean of every column, in every cell and average that it has.

    Args:
        sheet: Marks, or differences of marks.
        params: ``evaluation.scores``.
    """
    cells = {
        name: resample(cell, n_resamples=params.n_resamples, seed=params.seed)
        for name, cell in sheet.cells.items()
    }
    found = {
        (name, *column): _of_cell(cell, number, column[0], sheet.bounds)
        for number, column in enumerate(sheet.columns)
        for name, cell in cells.items()
        if cell.n[number]
    }
    if sheet.averaged and cells.keys() & {*sheet.averaged}:
        found |= _averages(sheet, cells, sheet.averaged)
    return found


def _of_cell(
    cell: Resampled, number: int, metric: str, bounds: Bounds | None
) -> Estimate:
    found = estimate_cell(cell, number, bounds=bounds)
    n = int(cell.n[number])
    is_of_independent_items = n == cell.n_clusters[number]
    if metric != "standard_accuracy" or bounds != SHARES or not is_of_independent_items:
        return found
    return found._replace(interval=wilson_interval(found.value * n, n))


def _averages(
    sheet: Sheet, cells: Mapping[str, Resampled], averaged: Sequence[str]
) -> Estimates:
    pooled = pool(list(cells.values()))
    whole = [cells[name] for name in averaged] if {*averaged} <= cells.keys() else []
    found = {}
    for number, column in enumerate(sheet.columns):
        if pooled.n[number]:
            mean = estimate_cell(pooled, number, bounds=sheet.bounds)
            found[MICRO, *column] = mean
        if whole and all(cell.n[number] for cell in whole):
            mean = estimate_macro(whole, number, bounds=sheet.bounds)
            found[MACRO, *column] = mean
    return found
