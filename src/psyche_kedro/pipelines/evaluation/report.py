"""The report: what came of a run, beside what the paper prints.

One HTML page that needs no network, and the same in Markdown. It shows counts, scores
and names of models; no text of a post, dialogue, question or reply is in it.

The first line says where no language model was involved: the offline stand-in makes
every artefact of a real run, and its figures must never be taken for a model's.
"""

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl
from jinja2 import (
    Environment,
    PackageLoader,
    StrictUndefined,
    select_autoescape,
)

from psyche_kedro.pipelines.evaluation import figures
from psyche_kedro.pipelines.evaluation.sections import (
    OFFLINE,
    SECTIONS,
    Findings,
    count,
    number,
)


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
        "privacy": privacy_line(findings.deid_levels),
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
    averages = scores.filter(
        pl.col("metric") == "standard_accuracy",
        pl.col("cell").is_in(["macro_average", "micro_average"]),
    )
    marks = [
        f"{r['role']:<12}{r['benchmark']:<10}{r['protocol']:<11}{r['cell']:<15}"
        f"{number(r['value']):>6}  {r['model']}"
        for r in averages.iter_rows(named=True)
    ]
    head = f"{'stage':<24}{'rows':>8}{'rejected':>10}  paper"
    return "\n".join([head, *stages, "", "standard accuracy in percent", *marks])


def _stand_ins(findings: Findings) -> list[str]:
    named = {*findings.scores["model"], *findings.writers["model"]}
    return sorted(name for name in named if name.startswith(OFFLINE))
