"""What the report shows of the models, one function per section.

Rows of ours stand first, the paper's beside them. Cells are texts: ``56.26 (66.21)`` is
standard and elastic accuracy in percent, ``–`` is nothing to show.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.pipelines.evaluation.figures import Chart
from psyche_kedro.pipelines.evaluation.published import Published
from psyche_kedro.pipelines.selection.parameters import DifficultyParameters

OFFLINE = "offline-"
"""How the name of every stand-in begins."""
ABSENT = "–"

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
DIMENSIONS = ("EmoE", "CogE", "Con", "Sta")


class Row(NamedTuple):
    """A row of a table.

    ``kind`` is ``paper``, ``ours``, ``toy`` (a stand-in or a toy model) or ``plain``.
    """

    kind: str
    cells: Sequence[str]


class Table(NamedTuple):
    """A table of texts; ``n_names`` columns name the row, the others are figures."""

    columns: Sequence[str]
    rows: Sequence[Row]
    n_names: int = 2
    folded: str = ""
    """Name of the run's table that holds these rows, where a reader has to open it."""
    bars: Sequence[float] = ()
    """A share of 1 per row, drawn as a bar; none where empty."""


class Section(NamedTuple):
    """A heading, what to know before reading, and what there is to see."""

    title: str
    text: str
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()


class Corpus(NamedTuple):
    """Tables of the chapters before, by name; rows are counted, no text is shown."""

    review_summary: pl.DataFrame
    round_summary: pl.DataFrame
    cost_estimate: pl.DataFrame
    model_calls: pl.DataFrame
    reasoning_samples: pl.DataFrame
    student_agreement: pl.DataFrame
    answer_key_audit: pl.DataFrame
    difficulty_summary: pl.DataFrame
    challenging: pl.DataFrame
    held_out_questions: pl.DataFrame
    contamination_hits: pl.DataFrame
    sft_set: pl.DataFrame
    grpo_set: pl.DataFrame
    rejected_examples: pl.DataFrame
    length_account: pl.DataFrame
    withheld_examples: pl.DataFrame
    trained_models: pl.DataFrame


class Findings(NamedTuple):
    """What a report is written from."""

    scores: pl.DataFrame
    funnel: pl.DataFrame
    rejections: pl.DataFrame
    writers: pl.DataFrame
    corpus: Corpus
    difficulty: DifficultyParameters
    exams: pl.DataFrame
    """Items of every split, as ``count_exams`` returns them."""
    exemplars: pl.DataFrame
    deid_levels: Sequence[str]
    toys: Sequence[str]
    """Roles whose model is a toy."""
    charts: Sequence[Chart]
    published: Published


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


def training(findings: Findings) -> Section:
    """Return what was trained, for how long, and the training curves."""
    rows = [
        plain(
            model["role"],
            model["weights"][:12],
            _made_from(model),
            *(
                ABSENT if model[n] is None else count(model[n])
                for n in ("parameters", "steps")
            ),
            duration(model["seconds"]),
        )
        for model in findings.corpus.trained_models.iter_rows(named=True)
    ]
    columns = ["Model", "Weights", "Made from", "Parameters", "Steps", "Trained for"]
    return Section(
        "Training",
        "Loss of supervised fine-tuning; reward, accuracy and format of GRPO, by step.",
        [Table(columns, rows, n_names=3)],
        charts=findings.charts,
    )


def _made_from(model: Mapping[str, Any]) -> str:
    start = str(model["made_from"] or "made by this run")
    return start if model["role"] == "base" else start[:12]


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
    rows = _our_rows(findings, "pceb", ours)
    rows += _commonest_key(findings, "pceb", [*asked, *[None] * 2])
    for row in findings.published.pceb:
        cells = [_pair(row.standard[c], row.elastic.get(c)) for c in PCEB_CELLS]
        average = _pair(row.average, row.elastic_average)
        rows.append(_paper_row(1, row.model, [*cells, average, ABSENT, ABSENT]))
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
    rows = _our_rows(findings, "cpsyexam", ours)
    rows += _commonest_key(findings, "cpsyexam", [*averaged, None])
    for row in findings.published.cpsyexam:
        given = {"zero_shot": row.zero_shot, "five_shot": row.five_shot}
        cells = [given[protocol][cell] for protocol, cell in asked]
        printed = [*map(number, [*cells, row.average]), ABSENT]
        rows.append(_paper_row(2, row.model, printed))
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

    rows = _our_rows(findings, "pceb", ours)
    for row in findings.published.pceb:
        printed = [row.open[metric] for metric in ("bleu_4", "rouge_1", "rouge_l")]
        rows.append(_paper_row(1, row.model, [*[ABSENT] * 4, *map(number, printed)]))
    columns = [*OVERLAPS.values(), "R-1 as printed", "R-L as printed"]
    return Section(
        "PCEB: open case questions",
        "F-scores × 100 on jieba words. The paper does not say which ROUGE it used, "
        "and the two packages in use differ by several points of R-L: both are given.",
        [Table(["Model", "Source", *columns], rows)],
    )


def counselling(findings: Findings) -> Section:
    """Return Table 5."""

    def ours(marks: Marks) -> list[str]:
        return [marks.value("counselling", "counselling", name) for name in DIMENSIONS]

    rows = _our_rows(findings, "counselling", ours)
    for row in findings.published.counselling:
        cells = [number(getattr(row, name)) for name in DIMENSIONS]
        rows.append(_paper_row(5, row.model, cells))
    return Section(
        "Counselling",
        "Mean scores of a judge, 0 to 3. Judge, conversations and wording differ from "
        "the paper's: only rows of one source can be compared. A verdict that could "
        "not be read is missing, not 0.",
        [Table(["Model", "Source", *DIMENSIONS], rows)],
    )


def every_score(findings: Findings) -> Section:
    """Return all scores with their intervals."""
    names = ("role", "benchmark", "split", "cell", "protocol", "metric")
    rows = [
        Row(
            _kind(score["model"], score["role"] in findings.toys),
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


def provenance(findings: Findings) -> Section:
    """Return which model wrote what."""
    rows = [
        Row(
            _kind(w["model"], is_toy=False),
            [w["table"], w["model"], w["prompt_digest"] or ABSENT, count(w["rows"])],
        )
        for w in findings.writers.iter_rows(named=True)
    ]
    return Section(
        "Who wrote what",
        "Every row that a model wrote names the model and the wording it was asked in.",
        [Table(["Table", "Model", "Prompt", "Rows"], rows, n_names=3)],
    )


# ---- texts -----------------------------------------------------------------------


def number(value: float | None) -> str:
    """Return two decimals, as the paper prints them."""
    return ABSENT if value is None else f"{value:.2f}"


def count(value: int) -> str:
    """Return a count with thousands apart."""
    return f"{value:,}"


def money(amount: float | None, currency: str | None) -> str:
    """Return an amount to three figures, small ones too."""
    if amount is None:
        return ABSENT
    return f"{amount:,.{max(2, 2 - _magnitude(amount))}f} {currency or ''}".rstrip()


def _magnitude(amount: float) -> int:
    return math.floor(math.log10(amount)) if amount > 0 else 0


def duration(seconds: float | None) -> str:
    """Return a time in the largest unit of which it has two."""
    if seconds is None:
        return ABSENT
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def percent(share: float | None) -> str:
    """Return a share of 1 in percent, with one decimal."""
    return ABSENT if share is None else f"{100 * share:.1f} %"


def plain(*cells: str) -> Row:
    """Return a row of no model's."""
    return Row("plain", cells)


def part_of(part: int, whole: int) -> str:
    """Return a part and its whole as counts."""
    return f"{count(part)} of {count(whole)}"


def counted(table: pl.DataFrame, column: str) -> str:
    """Return every value with its count, the most frequent first."""
    counts = table.drop_nulls(column).group_by(column).len()
    ranked = counts.sort("len", column, descending=[True, False])
    return ", ".join(f"{value}: {count(n)}" for value, n in ranked.iter_rows())


def said_split(name: str, split: str) -> str:
    """Return a name that says which split it is about, where that is not the test."""
    return name if split == "test" else f"{name} ({split})"


def _pair(standard: float, elastic: float | None) -> str:
    return number(standard) + (f" ({number(elastic)})" if elastic is not None else "")


def _interval(score: Mapping[str, Any]) -> str:
    if score["low"] is None:
        return ABSENT
    return f"{number(score['low'])} to {number(score['high'])}"


def _kind(model: str, is_toy: bool) -> str:
    return "toy" if is_toy or model.startswith(OFFLINE) else "ours"


def _paper_row(table: int, model: str, cells: Any) -> Row:
    return Row("paper", [model, f"paper, Table {table}", *cells])


def _our_rows(
    findings: Findings, benchmark: str, cells: Callable[[Marks], list[str]]
) -> list[Row]:
    """Return a row per role and split of ``benchmark``, in the order of the scores."""
    sat = findings.scores.filter(pl.col("benchmark") == benchmark)
    sitters = sat.rows_by_key(["role", "split", "model"], named=True)
    return [
        Row(
            _kind(model, role in findings.toys),
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


def _shown(findings: Findings) -> str:
    counts = findings.exemplars.group_by("cell", maintain_order=True).len()
    named = [
        f"{n} for {CPSYEXAM_CELLS.get(cell, cell)}" for cell, n in counts.iter_rows()
    ]
    return ", ".join(named) or "none"
