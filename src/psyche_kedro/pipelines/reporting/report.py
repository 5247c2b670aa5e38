"""The report: what came of a run, beside what the paper prints.

One HTML page that needs no network, and the same in Markdown. It shows counts, scores
and names of models, of exams the items with the models' replies, of the corpus a row of
each table, and the prompts; no text of a post or of what was made of one is in it,
unless a chat model has de-identified it.

The first line says where no language model was involved: the offline stand-in makes
every artefact of a real run, and its figures must never be taken for a model's.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.llm.identity import NOT_PINNED
from psyche_kedro.pipelines.benchmarks import Benchmarks, ChoiceExam
from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    has_model_read,
)
from psyche_kedro.pipelines.reporting import (
    ablations,
    comparisons,
    corpus,
    examples,
    exams,
    figures,
    items,
    models,
    rounds_and_costs,
    sections,
)
from psyche_kedro.pipelines.reporting.parameters import RunFacts
from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    OFFLINE,
    Findings,
    Section,
    count,
    duration,
    number,
    part_of,
    said_split,
    templates_of,
)

Telling = Callable[[Findings], Section]


def _sections(findings: Findings) -> list[tuple[Telling, str]]:
    """Return the sections in reading order, each with its chapter, if it has one."""
    return [
        (corpus.funnel, ""),
        (corpus.rejections, ""),
        (corpus.review, "synthesis"),
        (rounds_and_costs.rounds, "synthesis"),
        (rounds_and_costs.calls, ""),
        (corpus.students, "selection"),
        (corpus.difficulty, "selection"),
        (corpus.contamination, "selection"),
        (corpus.training_sets, "selection"),
        (corpus.release, "selection"),
        (sections.training, "training"),
        (exams.exams, "evaluation"),
        *((exam, "evaluation") for exam in exams.shown(findings)),
        (models.paper_models, "evaluation"),
        (exams.by_difficulty, "evaluation"),
        (comparisons.beside_the_paper, "evaluation"),
        (comparisons.every_pair, "evaluation"),
        (ablations.ablations, ""),
        (exams.replies, "evaluation"),
        (exams.memorised, "evaluation"),
        (exams.judges, "evaluation"),
        (exams.every_score, "evaluation"),
        (sections.provenance, ""),
        (examples.examples, ""),
        (examples.prompts, ""),
    ]


def _for_papers(findings: Findings) -> list[Telling]:
    """Return the sections whose tables stand in LaTeX as well."""
    own = [ablations.ablations, comparisons.beside_the_paper]
    return [*exams.shown(findings), *own]


class Report(NamedTuple):
    """The same report twice, its tables of exams, and what the terminal shows."""

    html: str
    markdown: str
    csv: str
    """Every score of ours beside the printed one, where there is one."""
    latex: str
    summary: str


def render_report(findings: Findings) -> Report:
    """Return the report on ``findings``."""
    templates = templates_of(__package__)
    templates.filters |= {"plain": _plain, "tex": _tex}
    content = {
        "first_line": first_line(findings),
        "notes": list(filter(None, _notes(findings))),
        "stale": findings.run.stale,
        "is_offline": bool(_stand_ins(findings)),
        "sections": _told(findings),
        "chart_size": figures.SIZE,
        "big_chart_size": figures.BIG,
        "packed_items": items.pack(findings.shown_items, findings.shown_answers),
    }
    return Report(
        html=templates.get_template("report.html.jinja").render(content),
        markdown=templates.get_template("report.md.jinja").render(content),
        csv=comparisons.as_csv(findings),
        latex=templates.get_template("exams.tex.jinja").render(
            sections=[section(findings) for section in _for_papers(findings)]
        ),
        summary=summarise(findings),
    )


def _notes(findings: Findings) -> list[str]:
    """Return what to know before reading; empty where there is nothing to say."""
    return [
        run_line(findings.run),
        missing_line(findings.missing),
        limit_line(findings.scores),
        unpinned_line(findings.answers),
        failed_line(findings.answers),
        unread_line(findings.answers),
        toy_line(findings),
        privacy_line(findings),
    ]


def _plain(text: object) -> str:
    """Return a cell's text as Markdown that shows it, whatever marks it holds."""
    return re.sub(r"([\\|<\[`])", r"\\\1", " ".join(str(text).splitlines()))


_TEX = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        ABSENT: "--",
    }
)


def _tex(text: object) -> str:
    """Return a cell's text as LaTeX that prints it, whatever marks it holds."""
    return str(text).translate(_TEX)


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


def run_line(run: RunFacts) -> str:
    """Return which run this is, or nothing where no hook said it."""
    if not run.run:
        return ""
    changed = ", ".join(f"{key} = {value}" for key, value in run.changed)
    return (
        f"Run {run.run}, begun {run.began}, of {', '.join(run.pipelines)} in the "
        f"environment {run.environment}, commit {run.commit}; from {run.raw} into "
        f"{run.data}. Settings that are not those of conf/base: {changed or 'none'}."
    )


def missing_line(missing: Sequence[str]) -> str:
    """Return which chapters the report can say nothing of, or nothing."""
    if not missing:
        return ""
    return (
        f"Not in this report, because they have not run: {', '.join(missing)} "
        f"(`kedro run --pipelines={','.join(missing)}`)."
    )


def limit_line(scores: pl.DataFrame) -> str:
    """Return how much of which exam was left out, or nothing."""
    limited = scores.filter(pl.col("n_left_out") > 0)
    if limited.is_empty():
        return ""
    of = pl.col("n") + pl.col("n_left_out")
    exams = limited.group_by("benchmark").agg(pl.col("n").max(), of=of.max())
    named = (
        f"{count(n)} of {count(whole)} items of {benchmark}"
        for benchmark, n, whole in exams.sort("benchmark").iter_rows()
    )
    return (
        f"A quick look: {', '.join(named)} asked; the rest evaluation.limit left out, "
        "or it has no stored reply or no exemplar. No figure of these exams is a "
        "result; their rows say what they are limited to."
    )


def unpinned_line(answers: pl.DataFrame) -> str:
    """Return which models' weights nothing pins, or nothing."""
    unpinned = answers.filter(pl.col("model").str.contains(f"@{NOT_PINNED}"))
    if unpinned.is_empty():
        return ""
    named = ", ".join(unpinned["role"].unique(maintain_order=True))
    return (
        f"Not pinned: {named}. Nothing says which weights the server ran under that "
        "name; `revision` or `checkpoint` in the catalog entry does."
    )


def failed_line(answers: pl.DataFrame) -> str:
    """Return which models are to be asked again, or nothing."""
    failed = answers.filter(pl.col("n_failed") > 0).to_dicts()
    if not failed:
        return ""
    named = (
        f"{a['role']} {part_of(a['n_failed'], a['n'])} of {a['benchmark']} "
        f"{a['protocol']} ({', '.join(a['reasons'])})"
        for a in failed
    )
    return (
        f"Calls without a reply: {'; '.join(named)}. No average of these exams is "
        "printed: the same command asks them again."
    )


MOST_UNREAD = 0.2


def unread_line(answers: pl.DataFrame) -> str:
    """Return which models could mostly not be read, and what they wrote, or nothing."""
    many = answers.filter(pl.col("n_unread") > MOST_UNREAD * pl.col("n")).to_dicts()
    if not many:
        return ""
    named = (
        f"{a['role']} {part_of(a['n_unread'], a['n'])} of {a['benchmark']} "
        f"{a['protocol']}, most often of the shape {' or '.join(a['shapes'])}"
        for a in many
    )
    return (
        f"Unread answers: {'; '.join(named)} (w stands for words, X for a letter, 9 "
        "for a number). They count as wrong: see whether the model was asked in the "
        "form that it was taught before its score is believed."
    )


def toy_line(findings: Findings) -> str:
    """Return which of the trained models are toys and what they are, or nothing."""
    sat = pl.col("role").is_in(set(findings.toys) & set(findings.scores["role"]))
    toys = findings.trained_models.filter(sat)
    if toys.is_empty():
        return ""
    named = ", ".join(_toy(toy) for toy in toys.iter_rows(named=True))
    return (
        f"Toy models: {named}. A score of theirs says no more than that of a stand-in: "
        "compare it with chance, 25 where one of four options is right."
    )


def _toy(model: dict[str, Any]) -> str:
    size = f"{model['role']} ({count(model['parameters'])} parameters"
    if model["steps"] is None:
        return f"{size}, not trained)"
    time = duration(model["seconds"])
    took = "" if time == ABSENT else f" in {time}"
    return f"{size}, trained for {count(model['steps'])} steps{took})"


def privacy_line(findings: Findings) -> str:
    """Return how far the posts are de-identified, and what that allows."""
    if "cleaning" in findings.missing:
        return ""
    levels = sorted(findings.counts("clean_posts", kind="kept"))
    if not levels:
        return "De-identification: there were no posts in this run."
    said = f"De-identification: {', '.join(levels)}."
    if all(map(has_model_read, levels)):
        return said
    return (
        f"{said} No chat model has read the posts, and some names are left: nothing "
        "made from them is for release."
    )


def summarise(findings: Findings) -> str:
    """Return the funnel and the averages as a table for the terminal."""
    funnel, scores, missing = findings.funnel, findings.scores, findings.missing
    stages = [
        f"{r['stage']:<24}{count(r['rows']):>8}{count(r['rejected']):>10}"
        f"  {r['paper'] or ''}".rstrip()
        for r in funnel.iter_rows(named=True)
    ]
    exams = _averages(findings.benchmarks)
    averages = scores.filter(pl.col("metric") == "standard_accuracy").rows_by_key(
        ["role", "model"], named=True
    )
    sitters = [
        f"{role:<24}"
        + "".join(f"{_average(s, *exam):>20}" for exam in exams.values())
        + f"  {model}"
        for (role, model), s in averages.items()
    ]
    return "\n".join(
        [
            f"{'stage':<24}{'rows':>8}{'rejected':>10}  paper",
            *stages,
            "",
            f"{'accuracy, %':<24}" + "".join(f"{exam:>20}" for exam in exams),
            *sitters,
            *(["", missing_line(missing)] if missing else []),
        ]
    )


def _told(findings: Findings) -> list[Section]:
    """Return the sections of what has run, and one that names the others."""
    told: list[Section] = []
    others: dict[str, list[str]] = {}
    for section, chapter in _sections(findings):
        if chapter in findings.missing:
            others.setdefault(chapter, []).append(section(findings).title)
        else:
            told.append(section(findings))
    lines = (f"{', '.join(t)}: `kedro run --pipeline={c}`." for c, t in others.items())
    return [*told, Section("Not run", " ".join(lines))] if others else told


def _averages(benchmarks: Benchmarks) -> dict[str, tuple[str, str, str]]:
    """Return the columns of the terminal's summary: benchmark, protocol and cell."""
    return {
        title: (name, protocol, f"{exam.average}_average")
        for name, exam in benchmarks.exams()
        if isinstance(exam, ChoiceExam)
        for protocol, title in exam.summary.items()
    }


def _average(
    scores: list[dict[str, Any]], benchmark: str, protocol: str, wanted: str
) -> str:
    """Return the average of an exam; of a part of it, over its items, with their n."""
    found = {
        s["cell"]: s
        for s in scores
        if (s["benchmark"], s["protocol"]) == (benchmark, protocol)
    }
    whole, part = found.get(wanted), found.get("micro_average")
    if part and part["n_failed"]:
        return f"{count(part['n_failed'])} failed"
    if whole and not whole["n_left_out"]:
        return said_split(number(whole["value"]), whole["split"])
    if not part:
        return ABSENT
    return said_split(f"{number(part['value'])} n={count(part['n'])}", part["split"])


def _stand_ins(findings: Findings) -> list[str]:
    named = {*findings.scores["model"], *findings.writers["model"]}
    # The digest after the @ pins the rules; here the name is enough.
    return sorted({n.partition("@")[0] for n in named if n.startswith(OFFLINE)})
