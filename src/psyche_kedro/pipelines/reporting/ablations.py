"""Tables 3 and 4 and Figure 3: what the arms scored, beside what is printed.

Table 3 weighs every item of a category the same, whatever its number of golds; Table 4
has the six cells of the examination and their unweighted mean.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from psyche_kedro.pipelines.reporting.published import AblationRow, read_published
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
    said_interval,
)

_PARTS = ("case", "moral", "theory")
_CATEGORIES = {part: (f"{part}_single", f"{part}_multiple") for part in _PARTS}
_CELLS = {cell: (cell,) for cells in _CATEGORIES.values() for cell in cells}
_ALL_CELLS = _CELLS | {"average": ("macro_average",)}
Columns = Mapping[str, tuple[str, ...]]
"""The cells of a column, which are averaged by their items."""

STAGES = {
    "Base": "base",
    "+GRPO": "GRPO-alone",
    "+SFT": "sft",
    "+SFT+GRPO": "grpo",
    "+QA": "QA",
    "+Rat.": "QA-Rat",
    "+Rat.+Iter.": "grpo",
}
"""Which model a setting of Table 3 is; the two below are of Table 4 and Figure 3."""
COMPOSITIONS = {
    "Base": "base",
    "+ED": "ED",
    "+PRD": "PRD",
    "+ED+PRD": "ED-PRD",
    "+ED+PRD+APD": "grpo",
}
SELECTIONS = {"RS": "RS", "MLCS": "grpo"}


def ablations(findings: Findings) -> Section:
    """Return what each change to the chain made of the model."""
    title = "Ablations: Tables 3 and 4, Figure 3"
    if _scores(findings).is_empty():
        return Section(title, "Not run: `kedro run --pipeline=ablation`.")
    paper = read_published()
    shown = {*STAGES.values(), *COMPOSITIONS.values(), *SELECTIONS.values()}
    others = {arm: arm for arm in _arms(findings) if arm not in shown}
    return Section(
        title,
        "Standard accuracy in percent on the exam of Table 1. +QA is taught, paid and "
        "asked for letters alone. The paper's Figure 3 is a drawing without "
        "numbers. Models are compared over all items that both answered, by McNemar's "
        "exact test.",
        [
            _table("Table 3", STAGES, _CATEGORIES, findings, paper.ablation),
            _table("Table 4", COMPOSITIONS, _ALL_CELLS, findings, paper.compositions),
            _table("Figure 3", SELECTIONS, _CATEGORIES, findings),
            *([_table("Others", others, _ALL_CELLS, findings)] if others else []),
            _differences(findings),
            _trained(findings),
        ],
    )


def _table(
    name: str,
    settings: Mapping[str, str],
    columns: Columns,
    findings: Findings,
    printed: Sequence[AblationRow] = (),
) -> Table:
    ours = [_our_row(said, role, columns, findings) for said, role in settings.items()]
    theirs = [
        Row(
            "paper",
            [row.setting, f"paper, {name}", *(number(row.scores[c]) for c in columns)],
        )
        for row in printed
    ]
    titles = (column.replace("_", " ").capitalize() for column in columns)
    return Table([name, "Source", *titles], [*ours, *theirs])


def _our_row(setting: str, role: str, columns: Columns, findings: Findings) -> Row:
    scores = _scores(findings).filter(
        role=role,
        benchmark=read_published().ablation_exam,
        protocol="reasoned",
        metric="standard_accuracy",
    )
    if scores.is_empty():
        return plain(setting, "not run", *(ABSENT for _ in columns))
    model = scores["model"][0]
    is_tiny = role in findings.toys
    source = f"{model}, tiny" if is_tiny else model
    accuracies = (_accuracy(scores, cells) for cells in columns.values())
    return Row(kind_of(model, is_tiny), [setting, source, *accuracies])


def _accuracy(scores: pl.DataFrame, cells: Sequence[str]) -> str:
    """Return the share of right items, and of how many, where all cells were asked."""
    asked = scores.filter(pl.col("cell").is_in(cells))
    if asked.height < len(cells) or asked["value"].has_nulls():
        return ABSENT
    n = int(asked["n"].sum())
    right = float((asked["value"] * asked["n"]).sum())
    return f"{number(right / n)} (n={count(n)})"


def _scores(findings: Findings) -> pl.DataFrame:
    return findings.ablation["ablation_scores"]


def _arms(findings: Findings) -> list[str]:
    return _scores(findings)["role"].unique(maintain_order=True).to_list()


def _differences(findings: Findings) -> Table:
    """Return how far each model is from the untrained and from the whole one."""
    apart = findings.ablation["ablation_score_differences"].filter(
        pl.any_horizontal(pl.col("role", "other").is_in(["base", "grpo"])),
        benchmark=read_published().ablation_exam,
        cell="micro_average",
        metric="standard_accuracy",
    )
    rows = [
        plain(
            pair["role"],
            pair["other"],
            count(pair["n"]),
            number(pair["difference"]),
            said_interval(pair["low"], pair["high"]),
            f"{pair['p_holm']:.3g}",
            pair["better"] or "within noise",
        )
        for pair in apart.iter_rows(named=True)
    ]
    columns = ["Items", "Difference", "95 %", "p (Holm)", "Better"]
    return Table(["Model", "Against", *columns], rows)


def _trained(findings: Findings) -> Table:
    """Return what each arm's model is, and what its training warned of."""
    rows = [
        plain(
            model["role"],
            model["weights"][:12],
            count(model["steps"]),
            model["alarms"] or ABSENT,
        )
        for model in findings.ablation["ablation_models"].iter_rows(named=True)
    ]
    return Table(["Arm", "Weights", "Steps", "Alarms"], rows)
