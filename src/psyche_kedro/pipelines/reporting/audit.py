"""What the paper prints, checked against itself: every number that follows from others.

A rule takes what is printed (the cards' tables and ``published.yml``) and yields a
check for each number that it can derive. Nothing of a run is read, and nothing here is
corrected: a report shows every number as printed.

The rules know only arithmetic. That a share is no fraction of its items says that some
items were left out of it, or that it was averaged over several runs; the paper does not
say which.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from psyche_kedro.pipelines.benchmarks import (
    Benchmarks,
    ChoiceExam,
    PublishedRow,
)
from psyche_kedro.pipelines.reporting.published import Claim, Published

_HALF = 0.005
"""Of the last digit that the paper prints."""
_EPSILON = 1e-9
_STANDARD = "standard_accuracy"


class Check(NamedTuple):
    """One printed number, and what others say it is."""

    rule: str
    place: str
    printed: str
    derived: str
    agrees: bool


class Printed(NamedTuple):
    """An exam of choice questions, and what is printed of it."""

    exam: ChoiceExam
    rows: tuple[PublishedRow, ...]
    items: Mapping[str, int]
    table: str


class Paper(NamedTuple):
    """All that is printed."""

    benchmarks: Benchmarks
    published: Published

    def exams(self) -> Iterator[Printed]:
        """Yield every exam of choice questions that the paper prints."""
        for _, exam in self.benchmarks.exams():
            printed = exam.published
            if isinstance(exam, ChoiceExam) and printed and printed.paper == "paper":
                table = f"Table {printed.table}"
                yield Printed(exam, printed.rows, printed.items, table)


def audit(paper: Paper) -> list[Check]:
    """Return a check for every number that a rule can derive, rule by rule.

    Args:
        paper: What is printed.
    """
    return [check for rule in RULES for check in rule(paper)]


# ---- tables of exams -------------------------------------------------------------


def check_averages(paper: Paper) -> Iterator[Check]:
    """Yield each average beside what its cells come to."""
    for printed in paper.exams():
        exam = printed.exam
        weights = printed.items if exam.average == "micro" else {}
        for row, protocol, metric, cells in _scores(printed):
            average = cells.get(f"{exam.average}_average")
            if average is None:
                continue
            # Of a single gold the elastic accuracy is the standard one.
            whole = {**row.scores[protocol][_STANDARD], **cells}
            mean = _mean({cell: whole[cell] for cell in exam.cells}, weights)
            place = _at(printed.table, row.model, protocol, metric, "average")
            yield _average(place, average, mean)


def check_shares(paper: Paper) -> Iterator[Check]:
    """Yield each accuracy beside the nearest share of its items."""
    for printed in paper.exams():
        for row, protocol, metric, cells in _scores(printed):
            for cell, n in printed.items.items():
                if metric == _STANDARD and cell in cells:
                    place = _at(printed.table, row.model, protocol, cell)
                    yield _share(place, cells[cell], n)


def check_elastic(paper: Paper) -> Iterator[Check]:
    """Yield each elastic accuracy beside the standard one, which it holds."""
    for printed in paper.exams():
        for row, protocol, metric, cells in _scores(printed):
            standard = row.scores[protocol][_STANDARD]
            for cell, value in cells.items():
                if metric == "elastic_accuracy":
                    place = _at(printed.table, row.model, cell)
                    yield _at_most("elastic accuracy", place, (standard[cell], value))


def check_rouge(paper: Paper) -> Iterator[Check]:
    """Yield each ROUGE-L beside the ROUGE-1 of the same replies, which bounds it."""
    for _, exam in paper.benchmarks.exams():
        for row in exam.published.rows if exam.published else ():
            for metrics in row.scores.values():
                for cell, longest in metrics.get("rouge_l", {}).items():
                    pair = longest, metrics["rouge_1"][cell]
                    yield _at_most("ROUGE-1", f"Table 1, {row.model}, {cell}", pair)


def _scores(
    printed: Printed,
) -> Iterator[tuple[PublishedRow, str, str, Mapping[str, float]]]:
    for row in printed.rows:
        for protocol, metrics in row.scores.items():
            for metric, cells in metrics.items():
                yield row, protocol, metric, cells


# ---- ablations -------------------------------------------------------------------


def check_ablation(paper: Paper) -> Iterator[Check]:
    """Yield Table 3 beside the cells of Table 1, and its Δ beside its own base."""
    first = next(paper.exams())
    base = paper.published.ablation[0].scores
    for row in paper.published.ablation:
        for part, value in row.scores.items():
            place = f"Table 3, {row.setting}, {part}"
            cells = {c: n for c, n in first.items.items() if c.startswith(part)}
            yield _share(place, value, sum(cells.values()))
            if row.same_as:
                scores = _printed(first, row.same_as)
                values = {cell: scores[cell] for cell in cells}
                # The paper prints no N of a cell: one item may stand in the other.
                moved = (max(values.values()) - min(values.values())) / sum(
                    cells.values()
                )
                slack = 2 * _HALF + moved
                yield _again(place, value, _mean(values, cells), slack=slack)
            if part in row.change:
                yield _change(f"{place}, Δ", row.change[part], (base[part], value))


def check_compositions(paper: Paper) -> Iterator[Check]:
    """Yield Table 4 beside its own cells, and those of Table 1 for the same models."""
    first = next(paper.exams())
    for row in paper.published.compositions:
        cells = {cell: row.scores[cell] for cell in first.items}
        place = f"Table 4, {row.setting}"
        yield _average(f"{place}, average", row.scores["average"], _mean(cells, {}))
        for cell, value in cells.items():
            named = _at(place, cell)
            yield _share(named, value, first.items[cell])
            if row.same_as:
                yield _again(named, value, _printed(first, row.same_as)[cell], slack=0)


def _printed(printed: Printed, model: str) -> Mapping[str, float]:
    (row,) = (row for row in printed.rows if row.model == model)
    return next(iter(row.scores.values()))[_STANDARD]


# ---- counts and claims -----------------------------------------------------------


def check_models(paper: Paper) -> Iterator[Check]:
    """Yield the size of every model in Table 1 beside Table 7."""
    sizes = {model.name: model.size for model in paper.published.models}
    for row in next(paper.exams()).rows:
        if row.model in sizes:
            here, there = row.size or "unknown", sizes[row.model] or "unknown"
            place = f"Table 1, {row.model}"
            yield Check("a size is that of Table 7", place, here, there, here == there)


def check_claims(paper: Paper) -> Iterator[Check]:
    """Yield what the text says of the tables beside them."""
    tables = {printed.table: printed for printed in paper.exams()}
    for claim in paper.published.claims:
        said = claim.numbers or _claimed(claim, tables[f"Table {claim.table}"])
        derived, agrees = _CLAIMS[claim.says](claim, said)
        rule = "the text agrees with the tables"
        yield Check(rule, claim.place, claim.text, derived, agrees)


def _claimed(claim: Claim, printed: Printed) -> dict[str, float]:
    return {
        f"{protocol} {cell}": cells[cell]
        for row, protocol, metric, cells in _scores(printed)
        for cell in claim.cells
        if row.model == claim.model and metric == _STANDARD
    }


Derived = tuple[str, bool]
"""What others say a claim's number is, and whether it is."""


def _sum(claim: Claim, numbers: Mapping[str, float]) -> Derived:
    total = sum(numbers.values())
    told = " + ".join(f"{n:,.0f} {name}" for name, n in numbers.items())
    return f"{told} = {total:,.0f}", claim.printed == total


def _at_least(claim: Claim, numbers: Mapping[str, float]) -> Derived:
    ((name, n),) = numbers.items()
    return f"{name}: {n:,.0f}", claim.printed is not None and n >= claim.printed


def _relative_change(claim: Claim, scores: Mapping[str, float]) -> Derived:
    old, new = scores.values()
    change = 100 * (new / old - 1)
    agrees = claim.printed is not None and abs(change - claim.printed) <= _slack(old)
    return f"{old:.2f} → {new:.2f} is {change:+.2f} %", agrees


def _falls(claim: Claim, scores: Mapping[str, float]) -> Derived:
    values = list(scores.values())
    pairs = list(
        zip(values[: len(claim.cells)], values[len(claim.cells) :], strict=True)
    )
    fallen = sum(new < old for old, new in pairs)
    told = ", ".join(f"{old:.2f} → {new:.2f}" for old, new in pairs)
    return f"{fallen} of {len(pairs)} fall: {told}", fallen > len(pairs) / 2


_CLAIMS: dict[str, Callable[[Claim, Mapping[str, float]], Derived]] = {
    "sum": _sum,
    "at_least": _at_least,
    "relative_change": _relative_change,
    "falls": _falls,
}


RULES: tuple[Callable[[Paper], Iterator[Check]], ...] = (
    check_averages,
    check_elastic,
    check_rouge,
    check_ablation,
    check_compositions,
    check_models,
    check_claims,
    check_shares,
)


# ---- arithmetic ------------------------------------------------------------------


def is_share(value: float, n: int) -> bool:
    """Return whether a printed percentage is some k of ``n``, rounded or cut off.

    >>> is_share(79.62, 158), is_share(79.62, 157)
    (False, True)
    """
    return _nearest_share(value, n)[1]


def _nearest_share(value: float, n: int) -> tuple[int, bool]:
    near = {math.floor(value * n / 100), math.ceil(value * n / 100)}
    shares = {k: 100 * k / n for k in near}
    nearest = min(shares, key=lambda k: abs(shares[k] - value))
    is_one = any(
        abs(share - value) <= _HALF + _EPSILON
        or math.floor(100 * share + _EPSILON) == round(100 * value)
        for share in shares.values()
    )
    return nearest, is_one


def _share(place: str, value: float, n: int) -> Check:
    k, is_one = _nearest_share(value, n)
    return Check(
        "an accuracy is k of its N items",
        place,
        f"{value:.2f}",
        f"{k}/{n} is {100 * k / n:.2f}",
        is_one,
    )


def _average(place: str, printed: float, mean: float) -> Check:
    agrees = abs(printed - mean) <= 2 * _HALF + _EPSILON
    rule = "an average is that of its cells"
    return Check(rule, place, f"{printed:.2f}", f"{mean:.2f}", agrees)


def _again(place: str, printed: float, first: float, *, slack: float) -> Check:
    agrees = abs(printed - first) <= slack + _EPSILON
    rule = "a model has one score in Table 1 and elsewhere"
    return Check(rule, place, f"{printed:.2f}", f"{first:.2f}", agrees)


def _at_most(bound: str, place: str, numbers: tuple[float, float]) -> Check:
    value, most = numbers
    rule = f"a score is not above its {bound}"
    return Check(rule, place, f"{value:.2f}", f"at most {most:.2f}", value <= most)


def _change(place: str, printed: float, values: tuple[float, float]) -> Check:
    base, value = values
    change = 100 * (value / base - 1)
    agrees = abs(change - printed) <= _slack(base)
    derived = f"{base:.2f} → {value:.2f} is {change:+.2f} %"
    rule = "Δ is relative to the base"
    return Check(rule, place, f"{printed:+.2f} %", derived, agrees)


def _slack(base: float) -> float:
    """Return how far rounding of both scores and of the change may set it apart."""
    return _HALF + 100 * 3 * _HALF / base


def _mean(values: Mapping[str, float], weights: Mapping[str, int]) -> float:
    parts = [(value, weights.get(name, 1)) for name, value in values.items()]
    return sum(v * weight for v, weight in parts) / sum(weight for _, weight in parts)


def _at(table: str, *names: str) -> str:
    shown = (name for name in names if name not in {_STANDARD, "reasoned"})
    return ", ".join([table, *(name.replace("_", " ") for name in shown)])
