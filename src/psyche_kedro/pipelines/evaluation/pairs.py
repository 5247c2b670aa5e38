"""Every two models beside each other, on the items that both answered.

A difference is called one only where Holm's correction over the exam's table leaves its
p below .05 and its interval, drawn by clusters, holds no zero; else it is within noise,
and no model of the two is the better. Of items that are right or wrong the p is
McNemar's exact one, of other marks that of the signs of the cases' differences.

Example row of ``score_differences``: ``{"role": "grpo", "other": "base", "cell":
"case_single", "metric": "standard_accuracy", "difference": 4.1, "low": 0.9, "high":
7.4, "only_role": 61, "only_other": 30, "p": 0.0016, "p_holm": 0.021, …}``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from psyche_kedro.pipelines.evaluation.parameters import ScoringParameters
from psyche_kedro.pipelines.evaluation.scoring import Sitting
from psyche_kedro.pipelines.evaluation.sheets import (
    MACRO,
    MICRO,
    Sheet,
    differences,
    estimate,
)
from psyche_kedro.statistics import (
    Discordant,
    Estimate,
    holm,
    least_difference,
    mcnemar_p,
    sign_flip_p,
)

_RIGHT_OR_WRONG = {"standard_accuracy", "official_accuracy"}
_OF_NO_ITEM = {"commonest_key", "commonest_answer"}
"""What is told of a model's habits is no mark to compare."""
_SIGNIFICANT = 0.05

Place = tuple[str, ...]


class _Told(NamedTuple):
    """How many items a comparison rests on, and which of them set the two apart."""

    n: int
    apart: Discordant


def compare(
    sheets: Mapping[Sitting, Sheet], params: ScoringParameters
) -> Iterator[dict[str, Any]]:
    """Yield a row of ``score_differences`` for every two models, cell and metric.

    Args:
        sheets: The marks of each exam.
        params: ``evaluation.scores``.
    """
    for sitting, sheet in sheets.items():
        apart = differences(_comparable(sheet))
        found, told = estimate(apart, params), _told(apart)
        rows = {place: _row(place, found[place], told[place]) for place in found}
        scale = 100 if sheet.bounds else 1
        for place, row in _corrected(rows).items():
            yield sitting._asdict() | _scaled(row, found[place], scale)


def _comparable(sheet: Sheet) -> Sheet:
    kept = [n for n, column in enumerate(sheet.columns) if column[0] not in _OF_NO_ITEM]
    return sheet._replace(
        columns=[sheet.columns[n] for n in kept],
        cells={
            name: cell._replace(values=cell.values[:, kept])
            for name, cell in sheet.cells.items()
        },
    )


def _told(apart: Sheet) -> dict[Place, _Told]:
    cells = {
        name: np.array(
            [
                (~np.isnan(cell.values)).sum(axis=0),
                (cell.values == 1).sum(axis=0),
                (cell.values == -1).sum(axis=0),
            ]
        )
        for name, cell in apart.cells.items()
    }
    zero = np.zeros((3, len(apart.columns)), np.int64)
    cells[MICRO] = sum(cells.values(), zero)
    averaged = [cells[name] for name in apart.averaged or () if name in cells]
    cells[MACRO] = sum(averaged, zero)
    return {
        (name, *column): _Told(int(n), Discordant(int(ours), int(theirs)))
        for name, counts in cells.items()
        for column, (n, ours, theirs) in zip(apart.columns, counts.T, strict=True)
    }


def _row(place: Place, found: Estimate, told: _Told) -> dict[str, Any]:
    cell, metric, role, other = place
    row = {"cell": cell, "metric": metric, "role": role, "other": other, "n": told.n}
    if metric not in _RIGHT_OR_WRONG or cell == MACRO:
        return row | {"p": sign_flip_p(found.parts)}
    return row | {
        "only_role": told.apart.ours,
        "only_other": told.apart.theirs,
        "least": least_difference(told.apart.n, told.n),
        "p": mcnemar_p(told.apart),
    }


def _corrected(rows: dict[Place, dict[str, Any]]) -> dict[Place, dict[str, Any]]:
    """Return the rows with Holm's p over all of one metric: a table of the report."""
    adjusted: dict[Place, float] = {}
    for metric in dict.fromkeys(place[1] for place in rows):
        tests = {place: row["p"] for place, row in rows.items() if place[1] == metric}
        adjusted |= holm(tests)
    return {place: row | {"p_holm": adjusted[place]} for place, row in rows.items()}


def _scaled(row: dict[str, Any], found: Estimate, scale: float) -> dict[str, Any]:
    is_shown = row["p_holm"] < _SIGNIFICANT and not found.interval.has_zero
    low, high = found.interval
    least = row.get("least")
    return row | {
        "difference": scale * found.value,
        "low": None if low is None else scale * low,
        "high": None if high is None else scale * high,
        "least": None if least is None else scale * least,
        "better": (row["role"] if found.value > 0 else row["other"])
        if is_shown
        else None,
    }
