"""What a section of the report is made of, and how its figures are written.

Rows of ours stand first, the paper's beside them. Cells are texts: ``56.26 (66.21)`` is
standard and elastic accuracy in percent, ``–`` is nothing to show.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.reporting.figures import Chart, Scatter
from psyche_kedro.pipelines.reporting.parameters import RunFacts
from psyche_kedro.pipelines.selection.parameters import DifficultyParameters

OFFLINE = "offline-"
"""How the name of every stand-in begins."""
ABSENT = "–"


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
    scatters: Sequence[Scatter] = ()


class Summaries(NamedTuple):
    """What the chapters before say of themselves in tables of their own."""

    review_summary: pl.DataFrame
    round_summary: pl.DataFrame
    cost_estimate: pl.DataFrame
    model_calls: pl.DataFrame
    student_agreement: pl.DataFrame
    difficulty_summary: pl.DataFrame
    contamination_summary: pl.DataFrame
    set_summary: pl.DataFrame
    length_account: pl.DataFrame
    judge_agreement: pl.DataFrame
    """How far judges agree with each other and with people, and in either order."""


class Findings(NamedTuple):
    """What a report is written from."""

    accounts: pl.DataFrame
    missing: Sequence[str]
    """Chapters that have not run."""
    funnel: pl.DataFrame
    rejections: pl.DataFrame
    writers: pl.DataFrame
    scores: pl.DataFrame
    differences: pl.DataFrame
    """Every two models on the items that both answered."""
    exams: pl.DataFrame
    """Items of every split, and which of them are an exam."""
    answers: pl.DataFrame
    """How the replies of every model ended."""
    judges: pl.DataFrame
    """What became of the verdicts of every judge."""
    readers: pl.DataFrame
    """What other readers make of them."""
    by_difficulty: pl.DataFrame
    """Scores of hard and of other items."""
    shown_items: pl.DataFrame
    shown_answers: pl.DataFrame
    """Exam items, and what every model made of them."""
    summaries: Summaries
    trained_models: pl.DataFrame
    training_plan: pl.DataFrame
    """What both stages were reckoned to take."""
    completions: pl.DataFrame
    """What GRPO's policy wrote on the way, as far as it may be shown."""
    ablation: Mapping[str, pl.DataFrame]
    """What the arms of the ablations are, and scored beside the chain's models."""
    difficulty: DifficultyParameters
    toys: Sequence[str]
    """Roles whose model is a toy."""
    charts: Sequence[Chart]
    examples: pl.DataFrame
    """Rows of the chapters' tables, a column each."""
    prompts: Mapping[str, Any]
    """By name; words and examples stand beside them."""
    benchmarks: Benchmarks
    """The cards: the tables of exams, and what is printed of them."""
    printed_as: Mapping[str, str]
    """The paper's name of a model of ours."""
    run: RunFacts = RunFacts()

    def counts(self, stage: str, **wanted: str) -> dict[str, int]:
        """Return the rows of a stage by group, in the order of its account.

        Args:
            stage: A stage of an account.
            **wanted: What else a row of the account must say, e.g. ``kind``.
        """
        rows = self.accounts.filter(stage=stage, **wanted).drop_nulls("group")
        counted = rows.group_by("group", maintain_order=True).agg(pl.col("rows").sum())
        return dict(counted.iter_rows())


def training(findings: Findings) -> Section:
    """Return what was trained, for how long, and the training curves."""
    rows = [
        plain(
            model["role"],
            model["weights"][:12],
            _made_from(model),
            *(count(model[n]) for n in ("parameters", "steps")),
            duration(model["seconds"]),
            model["alarms"] or ABSENT,
        )
        for model in findings.trained_models.iter_rows(named=True)
    ]
    columns = ["Model", "Weights", "Made from", "Parameters", "Steps", "Trained for"]
    return Section(
        "Training",
        "Loss of supervised fine-tuning; reward, accuracy and format of GRPO, by step. "
        "An alarm is a sign that a training did not go where it should.",
        [
            Table([*columns, "Alarms"], rows, n_names=3),
            _plan(findings),
            _completions(findings),
        ],
        charts=findings.charts,
    )


def _plan(findings: Findings) -> Table:
    """Return what training was reckoned to take of a device, and of the disk."""
    rows = [
        plain(need["stage"], need["item"], f"{need['gib']:.3g}")
        for need in findings.training_plan.iter_rows(named=True)
    ]
    return Table(["Stage", "What", "GiB"], rows, folded="training_plan")


def _completions(findings: Findings) -> Table:
    """Return what the policy wrote in the first and in the last rollout kept."""
    table = findings.completions
    ends = table.filter(
        pl.col("step").is_in({table["step"].min(), table["step"].max()})
    )
    rows = [
        plain(
            count(row["step"]),
            row["prompt"],
            row["completion"],
            "".join(row["gold"]),
            "".join(row["answered"]) or ABSENT,
            number(row["format"]),
            number(row["accuracy"]),
        )
        for row in ends.iter_rows(named=True)
    ]
    columns = ["Step", "Question", "Completion", "Gold", "Read", "Format", "Accuracy"]
    return Table(columns, rows, n_names=3, folded="shown_completions")


def _made_from(model: Mapping[str, Any]) -> str:
    start = str(model["made_from"] or "made by this run")
    return start if model["role"] == "base" else start[:12]


def provenance(findings: Findings) -> Section:
    """Return which model wrote what."""
    sat = findings.scores.filter(pl.col("role").is_in(findings.toys))
    toys = set(sat["model"])
    rows = [
        Row(
            kind_of(w["model"], is_toy=w["model"] in toys),
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


def templates_of(package: str) -> Environment:
    """Return the templates of a package; what is no HTML is taken as it is."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(["html.jinja"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def number(value: float | None) -> str:
    """Return two decimals, as the paper prints them."""
    return ABSENT if value is None else f"{value:.2f}"


def said_interval(low: float | None, high: float | None) -> str:
    """Return an interval in words."""
    return ABSENT if low is None else f"{number(low)} to {number(high)}"


def count(value: int | None) -> str:
    """Return a count with thousands apart."""
    return ABSENT if value is None else f"{value:,}"


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


def said_split(name: str, split: str) -> str:
    """Return a name that says which split it is about, where that is not the test."""
    return name if split == "test" else f"{name} ({split})"


def total(table: pl.DataFrame, column: str) -> int:
    """Return the sum of a column of counts."""
    return int(table[column].sum())


def counted(counts: Mapping[str, int]) -> str:
    """Return every value with its count, the most frequent first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{value}: {count(n)}" for value, n in ranked)


def kind_of(model: str, is_toy: bool) -> str:
    """Return the kind of a model's row."""
    return "toy" if is_toy or model.startswith(OFFLINE) else "ours"
