"""The report of CEDAR: what became of the scenarios, and what models make of them.

One HTML page that needs no network, and the same in Markdown. It shows counts, scores
and names of models; no text of a scenario, reply or remark is in it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.pipelines.cedar.alignment.benchmark_sections import (
    Found,
    benchmark_sections,
    p_value,
    title,
)
from psyche_kedro.pipelines.cedar.alignment.figures import points
from psyche_kedro.pipelines.cedar.alignment.scatter import HEIGHT, WIDTH, scatter
from psyche_kedro.pipelines.cedar.alignment.stage_sections import stage_sections
from psyche_kedro.pipelines.cedar.parameters import AlignmentParameters, ModelCard
from psyche_kedro.pipelines.reporting.funnel import Told, funnel_rows
from psyche_kedro.pipelines.reporting.sections import (
    OFFLINE,
    Section,
    count,
    templates_of,
)

PAPER = {"cedar_items": "1,566 scenarios x 7 languages = 10,962 items"}
"""What the abstract says of a stage."""


class Report(NamedTuple):
    """The same report twice, and what the terminal shows of it."""

    html: str
    markdown: str
    summary: str


def count_cedar_funnel(
    isolation: Told, annotation: Told, alignment: Told
) -> pl.DataFrame:
    """Return the rows kept and rejected at every stage: ``Funnel``.

    Args:
        isolation: What the chapter says of itself.
        annotation: What the chapter says of itself.
        alignment: What the chapter says of itself.
    """
    return funnel_rows(_accounts(isolation, annotation, alignment), PAPER)


def _accounts(*chapters: Told) -> pl.DataFrame:
    return pl.concat([told["account"] for told in chapters])


def write_cedar_report(  # noqa: PLR0913 - the node's inputs
    *,
    cedar_funnel: pl.DataFrame,
    cedar_scores: pl.DataFrame,
    cedar_reference: pl.DataFrame,
    culture_matrix: pl.DataFrame,
    model_pairs: pl.DataFrame,
    isolation: Told,
    annotation: Told,
    alignment: Told,
    params: AlignmentParameters,
) -> Report:
    """Return the report: a page, the same in Markdown, and a summary for the terminal.

    Args:
        cedar_funnel: ``Funnel``.
        cedar_scores: ``CedarScores``.
        cedar_reference: ``CedarReference``.
        culture_matrix: ``CultureMatrix``.
        model_pairs: ``ModelPairs``.
        isolation: What the chapter says of itself, as do the next two.
        annotation: Likewise.
        alignment: Likewise.
        params: ``cedar.alignment``.
    """
    accounts = _accounts(isolation, annotation, alignment)
    found = Found(cedar_scores, cedar_reference, culture_matrix, model_pairs)
    content = {
        **_first(accounts),
        "sections": [
            *stage_sections(cedar_funnel, accounts, annotation["annotation_summary"]),
            *_every_benchmark(found, params.cards),
        ],
        "scatters": {title(b): scatter(b, found) for b in _benchmarks(found)},
        "size": (WIDTH, HEIGHT),
    }
    templates = templates_of(__package__)
    return Report(
        templates.get_template("report.html.jinja").render(content),
        templates.get_template("report.md.jinja").render(content),
        _summary(cedar_funnel, found),
    )


def _benchmarks(found: Found) -> list[str]:
    return found.reference["benchmark"].unique(maintain_order=True).to_list()


def _every_benchmark(found: Found, cards: Mapping[str, ModelCard]) -> Iterator[Section]:
    for benchmark in _benchmarks(found):
        own = Found(*(table.filter(benchmark=benchmark) for table in found))
        yield from benchmark_sections(benchmark, own, cards)


def _first(accounts: pl.DataFrame) -> dict[str, Any]:
    """Return what the report says first: whether models and people were there."""
    said = []
    if stand_ins := _stand_ins(accounts):
        said.append(
            f"No language model was involved where {', '.join(stand_ins)} is named: a"
            " stand-in without weights wrote in its place."
        )
    if not accounts.filter(kind="withheld", reason="no_people").is_empty():
        said.append(
            "No people were involved where items are withheld as no_people: their"
            " answers are invented."
        )
    if not said:
        line = "Every reply in this run came from a language model."
        return {"first_line": line, "is_offline": False}
    line = " ".join([*said, "No figure of it is a result."])
    return {"first_line": line, "is_offline": True}


def _stand_ins(accounts: pl.DataFrame) -> list[str]:
    named = accounts["model"].drop_nulls().unique()
    return sorted({n.partition("@")[0] for n in named if n.startswith(OFFLINE)})


def _summary(funnel: pl.DataFrame, found: Found) -> str:
    lines = [f"{'stage':<24}{'rows':>8}{'rejected':>10}"]
    lines += [
        f"{row['stage']:<24}{count(row['rows']):>8}{count(row['rejected']):>10}"
        for row in funnel.iter_rows(named=True)
    ]
    for benchmark in _benchmarks(found):
        shown = points(found.scores, found.reference, benchmark).to_dicts()
        lines += ["", f"{benchmark:<44}{'consistency':>12}{'gain':>8}{'p':>8}"]
        lines += [
            f"{row['subject'] + ', ' + row['way']:<44}{row['consistency']:>12.2f}"
            f"{row['gain']:>8.2f}{p_value(row['p']):>8}"
            for row in shown
        ]
    return "\n".join(lines)
