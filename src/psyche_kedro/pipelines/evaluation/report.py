"""The report: what came of a run, beside what the paper prints.

One HTML page that needs no network, and the same in Markdown. It shows counts, scores
and names of models; no text of a post, dialogue, question or reply is in it.

The first line says where no language model was involved: the offline stand-in makes
every artefact of a real run, and its figures must never be taken for a model's.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import polars as pl
from jinja2 import (
    Environment,
    PackageLoader,
    StrictUndefined,
    select_autoescape,
)

from psyche_kedro.pipelines.evaluation import (
    figures,
    sections,
    sections_corpus,
    sections_costs,
)
from psyche_kedro.pipelines.evaluation.sections import (
    ABSENT,
    OFFLINE,
    Findings,
    Section,
    count,
    number,
    said_split,
)

SECTIONS: tuple[Callable[[Findings], Section], ...] = (
    sections_corpus.funnel,
    sections_corpus.rejections,
    sections_corpus.review,
    sections_costs.rounds,
    sections_costs.calls,
    sections_corpus.students,
    sections_corpus.difficulty,
    sections_corpus.contamination,
    sections_corpus.training_sets,
    sections_corpus.release,
    sections.training,
    sections.exams,
    sections.pceb,
    sections.cpsyexam,
    sections.open_questions,
    sections.counselling,
    sections.every_score,
    sections.provenance,
)
"""In reading order."""

EXAMS = {
    "PCEB": ("pceb", "reasoned", "macro_average"),
    "CPsy 0": ("cpsyexam", "zero_shot", "micro_average"),
    "CPsy 5": ("cpsyexam", "five_shot", "micro_average"),
}
"""Averages of the terminal's summary, as the paper takes them."""


class Report(NamedTuple):
    """The same report twice."""

    html: str
    markdown: str


def render_report(findings: Findings) -> Report:
    """Return the report on ``findings``."""
    templates = Environment(
        loader=PackageLoader("psyche_kedro.pipelines.evaluation"),
        autoescape=select_autoescape(["html.jinja"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    content = {
        "first_line": first_line(findings),
        "notes": [
            note
            for note in (toy_line(findings), privacy_line(findings.deid_levels))
            if note
        ],
        "is_offline": bool(_stand_ins(findings)),
        "sections": [section(findings) for section in SECTIONS],
        "chart_size": figures.SIZE,
    }
    return Report(
        html=templates.get_template("report.html.jinja").render(content),
        markdown=templates.get_template("report.md.jinja").render(content),
    )


def first_line(findings: Findings) -> str:
    """Return what a reader has to know first: whether a language model took part."""
    stand_ins = _stand_ins(findings)
    if not stand_ins:
        return "Every reply in this run came from a language model."
    return (
        f"No language model was involved where {', '.join(stand_ins)} is named: an "
        "extractive stand-in without weights wrote in its place, so that the figures "
        "show that the chain works and not what a model can do."
    )


def toy_line(findings: Findings) -> str:
    """Return which of the trained models are toys, or nothing."""
    toys = [role for role in findings.toys if role in set(findings.scores["role"])]
    if not toys:
        return ""
    return (
        f"{', '.join(toys)}: a toy model of this run's own making, trained on a CPU in "
        "about a minute; a score of it says no more than that of a stand-in."
    )


def privacy_line(deid_levels: Iterable[str]) -> str:
    """Return how far the posts are de-identified, and what that allows."""
    levels = sorted(set(deid_levels))
    if not levels:
        return "De-identification: there were no posts in this run."
    if "rules_only" in levels:
        return (
            "De-identification: rules_only. Rules find numbers, handles and marked "
            "names, not every name: nothing made from these posts is for release."
        )
    return f"De-identification: {', '.join(levels)}."


def summarise_report(funnel: pl.DataFrame, scores: pl.DataFrame) -> str:
    """Return the funnel and the averages as a table for the terminal.

    Args:
        funnel: One row per stage.
        scores: Every score; the averages are shown.
    """
    stages = [
        f"{r['stage']:<24}{count(r['rows']):>8}{count(r['rejected']):>10}"
        f"  {r['paper'] or ''}".rstrip()
        for r in funnel.iter_rows(named=True)
    ]
    averages = scores.filter(pl.col("metric") == "standard_accuracy").rows_by_key(
        ["role", "model"], named=True
    )
    sitters = [
        f"{role:<24}"
        + "".join(f"{_average(s, *exam):>12}" for exam in EXAMS.values())
        + f"  {model}"
        for (role, model), s in averages.items()
    ]
    return "\n".join(
        [
            f"{'stage':<24}{'rows':>8}{'rejected':>10}  paper",
            *stages,
            "",
            f"{'accuracy, %':<24}" + "".join(f"{exam:>12}" for exam in EXAMS),
            *sitters,
        ]
    )


def _average(scores: list[dict[str, Any]], *wanted: str) -> str:
    found = [
        said_split(number(s["value"]), s["split"])
        for s in scores
        if (s["benchmark"], s["protocol"], s["cell"]) == wanted
    ]
    return found[0] if found else ABSENT


def _stand_ins(findings: Findings) -> list[str]:
    named = {*findings.scores["model"], *findings.writers["model"]}
    # The digest after the @ pins the rules; here the name is enough.
    return sorted({n.partition("@")[0] for n in named if n.startswith(OFFLINE)})
