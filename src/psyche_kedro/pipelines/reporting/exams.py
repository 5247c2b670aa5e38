"""What the report shows of the exams: Tables 1 and 2, and every score."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    Findings,
    Row,
    Section,
    Table,
    count,
    kind_of,
    number,
    plain,
    said_split,
)

PCEB_CELLS = {
    "case_single": "Case SMCQ",
    "case_multiple": "Case MMCQ",
    "moral_single": "Moral SMCQ",
    "moral_multiple": "Moral MMCQ",
    "theory_single": "Theory SMCQ",
    "theory_multiple": "Theory MMCQ",
}
CPSYEXAM_CELLS = {
    "knowledge_single": "Know. SMCQ",
    "knowledge_multiple": "Know. MMCQ",
    "case_single": "Case SMCQ",
    "case_multiple": "Case MMCQ",
}
AVERAGES = ("micro_average", "macro_average")
SAME = "One answer"
ONE_ANSWER = (
    f"'{SAME}' is the share of items to which a model gives its commonest answer, in "
    "percent: near 100, its accuracy is that of a letter and not of a model; the row "
    "below the models says what the commonest key scores."
)
SHOTS = {"zero_shot": "0-shot", "five_shot": "5-shot"}
OVERLAPS = {
    "rouge_1_pltrdy": "R-1 rouge",
    "rouge_l_pltrdy": "R-L rouge",
    "rouge_1_zh": "R-1 rouge-chinese",
    "rouge_l_zh": "R-L rouge-chinese",
    "bleu_4": "B-4",
}


class Marks:
    """The scores of one role on one benchmark, as texts."""

    def __init__(self, scores: Iterable[Mapping[str, Any]]) -> None:
        self._scores = {(s["protocol"], s["cell"], s["metric"]): s for s in scores}

    def value(self, protocol: str, cell: str, metric: str) -> str:
        """Return one score, ``–`` where there is none."""
        score = self._scores.get((protocol, cell, metric))
        return number(score["value"] if score else None)

    def missing(self, protocol: str) -> str:
        """Return how many items of an exam have no readable answer."""
        score = self._scores.get((protocol, "micro_average", "standard_accuracy"))
        return (
            f"{count(score['n_missing'])} of {count(score['n'])}" if score else ABSENT
        )

    def same(self, protocol: str) -> str:
        """Return which percentage of an exam has the model's commonest answer."""
        return self.value(protocol, "micro_average", "commonest_answer")

    def accuracy(self, protocol: str, cell: str) -> str:
        """Return the standard accuracy, with the elastic one if it says more."""
        standard = self.value(protocol, cell, "standard_accuracy")
        if cell.endswith("_single") or standard == ABSENT:
            return standard
        return f"{standard} ({self.value(protocol, cell, 'elastic_accuracy')})"


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


def pceb(findings: Findings) -> Section:
    """Return Table 1's accuracies."""

    def ours(marks: Marks) -> list[str]:
        cells = [*PCEB_CELLS, "macro_average"]
        accuracies = [marks.accuracy("reasoned", cell) for cell in cells]
        return [*accuracies, marks.same("reasoned"), marks.missing("reasoned")]

    asked = [("reasoned", cell) for cell in (*PCEB_CELLS, "macro_average")]
    rows = our_rows(findings, "pceb", ours)
    rows += _commonest_key(findings, "pceb", [*asked, *[None] * 2])
    for row in findings.published.pceb:
        cells = [_pair(row.standard[c], row.elastic.get(c)) for c in PCEB_CELLS]
        average = _pair(row.average, row.elastic_average)
        rows.append(paper_row(1, row.model, [*cells, average, ABSENT, ABSENT]))
    return Section(
        "PCEB: the counsellor examination",
        "Standard accuracy in percent, elastic accuracy in brackets. The average is "
        "the unweighted mean of the six cells. Unread answers count as wrong here; "
        f"several of the paper's cells fit only a denominator that leaves them out. "
        f"{ONE_ANSWER}",
        [
            Table(
                ["Model", "Source", *PCEB_CELLS.values(), "Avg.", SAME, "Unread"], rows
            )
        ],
    )


def cpsyexam(findings: Findings) -> Section:
    """Return Table 2."""
    asked = [(protocol, cell) for protocol in SHOTS for cell in CPSYEXAM_CELLS]

    def ours(marks: Marks) -> list[str]:
        scores = [marks.value(*cell, "standard_accuracy") for cell in averaged]
        return [*scores, marks.same("zero_shot")]

    averaged = [*asked, ("zero_shot", "micro_average")]
    rows = our_rows(findings, "cpsyexam", ours)
    rows += _commonest_key(findings, "cpsyexam", [*averaged, None])
    for row in findings.published.cpsyexam:
        given = {"zero_shot": row.zero_shot, "five_shot": row.five_shot}
        cells = [given[protocol][cell] for protocol, cell in asked]
        printed = [*map(number, [*cells, row.average]), ABSENT]
        rows.append(paper_row(2, row.model, printed))
    columns = [f"{SHOTS[protocol]} {CPSYEXAM_CELLS[cell]}" for protocol, cell in asked]
    return Section(
        "CPsyExam",
        "Standard accuracy in percent; the average is over all zero-shot items. The "
        "answers of the public test set are withheld: without them a row is of the "
        "dev split, and says so. Exemplars in the five-shot protocol: "
        f"{_shown(findings)}. {ONE_ANSWER}",
        [Table(["Model", "Source", *columns, "Avg.", SAME], rows)],
    )


def open_questions(findings: Findings) -> Section:
    """Return Table 1's text overlaps, in both variants of ROUGE."""

    def ours(marks: Marks) -> list[str]:
        scores = [marks.value("essay", "case_essay", metric) for metric in OVERLAPS]
        return [*scores, ABSENT, ABSENT]

    rows = our_rows(findings, "pceb", ours)
    for row in findings.published.pceb:
        printed = [row.open[metric] for metric in ("bleu_4", "rouge_1", "rouge_l")]
        rows.append(paper_row(1, row.model, [*[ABSENT] * 4, *map(number, printed)]))
    columns = [*OVERLAPS.values(), "R-1 as printed", "R-L as printed"]
    return Section(
        "PCEB: open case questions",
        "F-scores × 100 on jieba words. The paper does not say which ROUGE it used, "
        "and the two packages in use differ by several points of R-L: both are given.",
        [Table(["Model", "Source", *columns], rows)],
    )


def every_score(findings: Findings) -> Section:
    """Return all scores with their intervals."""
    names = ("role", "benchmark", "split", "cell", "protocol", "metric")
    rows = [
        Row(
            kind_of(score["model"], score["role"] in findings.toys),
            [
                *(score[name] for name in names),
                number(score["value"]),
                _interval(score),
                count(score["n"]),
                count(score["n_missing"]),
                count(score["n_left_out"]),
            ],
        )
        for score in findings.scores.iter_rows(named=True)
    ]
    columns = [*map(str.title, names), "Value", "95 %", "Items", "Missing", "Left out"]
    return Section(
        "Every score with its interval",
        "Wilson intervals for the standard accuracy of a set of items, seeded "
        "bootstrap for all else.",
        [Table(columns, rows, n_names=6, folded="scores")],
    )


# ---- rows ------------------------------------------------------------------------


def paper_row(table: int, model: str, cells: Iterable[str]) -> Row:
    """Return a row as the paper prints it, in which table."""
    return Row("paper", [model, f"paper, Table {table}", *cells])


def our_rows(
    findings: Findings, benchmark: str, cells: Callable[[Marks], list[str]]
) -> list[Row]:
    """Return a row per role and split of ``benchmark``, in the order of the scores."""
    sat = findings.scores.filter(pl.col("benchmark") == benchmark)
    sitters = sat.rows_by_key(["role", "split", "model"], named=True)
    return [
        Row(
            kind_of(model, role in findings.toys),
            [_limited(said_split(role, split), found), model, *cells(Marks(found))],
        )
        for (role, split, model), found in sitters.items()
    ]


def _commonest_key(
    findings: Findings, benchmark: str, asked: Sequence[tuple[str, str] | None]
) -> list[Row]:
    """Return what the commonest key scores on each of ``asked``, a row per split."""
    sat = findings.scores.filter(benchmark=benchmark, metric="commonest_key")
    return [
        plain(
            said_split("always the commonest key", split),
            "of the items asked",
            *(
                Marks(found).value(*cell, "commonest_key") if cell else ABSENT
                for cell in asked
            ),
        )
        for split, found in sat.rows_by_key("split", named=True).items()
    ]


def _limited(role: str, scores: Iterable[Mapping[str, Any]]) -> str:
    """Return a model's role, with the size of its cells where items were left out."""
    cells = [
        score["n"]
        for score in scores
        if score["n_left_out"] and score["cell"] not in AVERAGES
    ]
    return f"{role} (limited to {count(max(cells))} a cell)" if cells else role


def _pair(standard: float, elastic: float | None) -> str:
    return number(standard) + (f" ({number(elastic)})" if elastic is not None else "")


def _interval(score: Mapping[str, Any]) -> str:
    if score["low"] is None:
        return ABSENT
    return f"{number(score['low'])} to {number(score['high'])}"


def _shown(findings: Findings) -> str:
    counts = findings.counts("exemplars")
    named = [f"{n} for {CPSYEXAM_CELLS.get(cell, cell)}" for cell, n in counts.items()]
    return ", ".join(named) or "none"
