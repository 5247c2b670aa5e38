"""What the report shows of the data: from raw text to the sets and their release.

Every section counts rows. It names files, subjects, stages and reasons, and shows no
text of a post, dialogue, question or reply. An empty table is said to be empty.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl
import yaml

from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    Findings,
    Row,
    Section,
    Table,
    count,
    counted,
    number,
    part_of,
    percent,
    plain,
    total,
)
from psyche_kedro.review.form import REASONS

_MEASURES: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "verdicts": ("Screened questions with a verdict", percent),
    "agreement": ("Agreement of reviewers (Krippendorff's alpha)", number),
    "throughput": ("Questions an hour", number),
    "overturned": ("Passed by the screen, not kept as it was", percent),
}
"""What ``review_summary`` measures: its label, and how its values are written."""

_NONE_IS_HARD = "unknown: there are none"

_NO_SLUG = r"(?s)[^a-z0-9_:].*"
"""What of a reason is no slug: a judge or a reviewer may quote what they read."""


def funnel(findings: Findings) -> Section:
    """Return rows kept and rejected at every stage."""
    stages = findings.funnel.to_dicts()
    rows = [
        Row(
            "plain",
            [s["stage"], count(s["rows"]), count(s["rejected"]), s["paper"] or ABSENT],
        )
        for s in stages
    ]
    most = max((s["rows"] for s in stages), default=0) or 1
    bars = [s["rows"] / most for s in stages]
    return Section(
        "From raw text to training sets",
        "Rows kept and rejected at every stage, beside the paper's counts (§2.2–2.4).",
        [Table(["Stage", "Kept", "Rejected", "Paper"], rows, n_names=1, bars=bars)],
    )


def rejections(findings: Findings) -> Section:
    """Return the reasons for which rows were dropped."""
    slug = pl.col("reason").str.replace(_NO_SLUG, "…")
    counts = (
        findings.rejections.group_by("stage", slug, maintain_order=True)
        .agg(pl.col("rows").sum())
        .sort("stage", "rows", descending=[False, True], maintain_order=True)
    )
    meanings = explanations()
    rows = [
        plain(stage, reason, meanings.get(_kind(reason), ABSENT), count(n))
        for stage, reason, n in counts.iter_rows()
    ]
    return Section(
        "What was rejected, and why",
        "Every filter keeps what it dropped, with its reason, in a table of its own. "
        "A reason in the words of a judge or a reviewer is cut to … here.",
        [Table(["Stage", "Reason", "What it means", "Rows"], rows, n_names=3)],
    )


def _kind(reason: str) -> str:
    """Return what of a reason is explained: ``harm`` of ``harm:medication``."""
    found = re.match("people|[^:]+", reason)
    return found[0] if found else reason


@cache
def explanations() -> dict[str, str]:
    """Return what every reason means."""
    text = (files(__package__) / "reasons.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def review(findings: Findings) -> Section:
    """Return what people made of the screened questions."""
    title = "Human review"
    measured = findings.summaries.review_summary
    if measured.is_empty():
        return Section(
            title, "Not reviewed: no person looked at a question of this run."
        )
    rows = [
        _review_row(measure, *row)
        for measure in _MEASURES
        for row in enumerate(measured.filter(measure=measure).to_dicts(), start=1)
    ]
    return Section(
        title,
        "How far reviewers agree, how fast they are, and what they overturned. "
        "Reviewers are numbered, and a reason in a person's own words is not shown.",
        [Table(["Measure", "Of", "Value", "Questions"], rows)],
    )


def _review_row(measure: str, n: int, row: Mapping[str, Any]) -> Row:
    label, written = _MEASURES[measure]
    group = _review_group(measure, row["group"], n)
    return plain(label, group, written(row["value"]), count(row["n"]))


def _review_group(measure: str, group: str, n: int) -> str:
    if measure == "throughput":
        return f"reviewer {n}"
    known = {*REASONS.values(), "verdict", "no_reason", "share_of_screened"}
    return group.replace("_", " ") if group in known else "own words"


def students(findings: Findings) -> Section:
    """Return how much the students have in common, and the gold they doubt."""
    title = "Students"
    pairs = findings.summaries.student_agreement
    if pairs.is_empty():
        return Section(title, "No two students answered the same question.")
    columns = ["Student", "Other", "Questions", "Same answer", "Both wrong"]
    rows = [
        plain(
            row["student"],
            row["student_other"],
            count(row["n"]),
            percent(row["agreement"]),
            count(row["n_both_wrong"]),
            percent(row["agreement_when_wrong"]),
        )
        for row in pairs.to_dicts()
    ]
    return Section(
        title,
        f"Students that make the same mistakes make one vote. {_doubtful(findings)}",
        [Table([*columns, "Same answer when both wrong"], rows)],
    )


def _doubtful(findings: Findings) -> str:
    audited = findings.counts("answer_key_audit")
    n, by = count(sum(audited.values())), counted(audited)
    told = f"Questions whose students agree against the gold: {n}"
    held_out = {
        reason: count(_rejected(findings, reason))
        for reason in ("doubtful_gold", "awaiting_student")
    }
    return (
        f"{told}{f' ({by})' if by else ''}; held out for it: "
        f"{held_out['doubtful_gold']}. In neither set, because a student's call "
        f"failed: {held_out['awaiting_student']}."
    )


def difficulty(findings: Findings) -> Section:
    """Return where the hard questions are, and what GRPO can learn from them."""
    title = "Difficulty"
    summary = findings.summaries.difficulty_summary
    if summary.is_empty():
        return Section(title, "No question was judged by students.")
    summary = summary.filter(pl.col("dimension") != "set")
    is_source = pl.col("dimension") == "source"
    columns = ["By", "Value", "Questions", "Challenging", "Share", "Pass rate"]
    tables = [
        Table([*columns, "No signal"], [_difficulty_row(r) for r in part.to_dicts()])
        for part in (summary.filter(~is_source), summary.filter(is_source))
    ]
    return Section(
        title,
        f"Rule: {findings.difficulty.rule}. A GRPO group whose completions are all "
        "right or all wrong gives no signal; its expected share is reckoned from the "
        f"students' answers, for groups of {findings.difficulty.group_size}. "
        f"Of the challenging questions' groups it is {_no_signal(findings)}. "
        "The subject is what a bank's file says of its question, and the subfield that "
        "a distilled one was asked for; a textbook's question has none, but its book.",
        [tables[0], tables[1]._replace(folded="difficulty_summary")],
    )


def _difficulty_row(row: Mapping[str, Any]) -> Row:
    return plain(
        row["dimension"],
        row["value"],
        count(row["n"]),
        count(row["n_challenging"]),
        percent(row["n_challenging"] / row["n"]),
        percent(row["pass_rate"]),
        percent(row["zero_variance"]),
    )


def _no_signal(findings: Findings) -> str:
    summary = findings.summaries.difficulty_summary
    hard = summary.filter(dimension="set", value="challenging")
    return percent(hard["zero_variance"].item()) if len(hard) else _NONE_IS_HARD


def contamination(findings: Findings) -> Section:
    """Return which parts of the training data hold items of which benchmark."""
    title = "Benchmark items in the training data"
    matched = findings.summaries.contamination_summary
    if matched.is_empty():
        text = f"No row matched an item of a benchmark. {_trained_on(findings)}"
        return Section(title, text)
    rows = [plain(*row[:4], *map(count, row[4:])) for row in matched.iter_rows()]
    columns = ["Part", "Benchmark", "Split", "Match", "Rows", "Items", "Pairs"]
    return Section(
        title,
        "D_p is all questions with a rationale, before they are split into D_pr and "
        "D_pc. Of a benchmark's own training split only the exemplars drawn for the "
        f"five-shot protocol are looked for. {_trained_on(findings)}",
        [Table(columns, rows, n_names=4)],
    )


def _trained_on(findings: Findings) -> str:
    """Return what became of the hits, as it is in the sets themselves."""
    sets = findings.summaries.set_summary
    n_hit, n = total(sets, "n_contaminated"), total(sets, "n")
    held = f"Training examples that hold an item: {part_of(n_hit, n)}"
    if any(name.endswith("-contaminated") for name in sets["variant"]):
        return f"{held}, kept on purpose to reproduce the paper's sets."
    by = counted(_left_out(findings))
    return f"{held}. Rows left out for it: {by or 'none'}."


def _left_out(findings: Findings) -> dict[str, int]:
    is_hit = pl.col("reason").is_in(["contaminated", "exemplar"])
    barred = findings.accounts.filter(is_hit, kind="rejected").group_by("group")
    return dict(barred.agg(pl.col("rows").sum()).iter_rows())


def training_sets(findings: Findings) -> Section:
    """Return what the sets are made of, and how long their examples are."""
    title = "Training sets"
    account = findings.summaries.length_account
    if account.is_empty():
        return Section(title, "Both training sets are empty.")
    figures = ("n", "median", "p95", "longest", "total", "limit", "n_over")
    rows = [
        plain(
            *(row[name] for name in ("set_name", "part", "split")),
            *(count(round(row[name])) for name in figures),
        )
        for row in account.to_dicts()
    ]
    names = ["Set", "Part", "Split"]
    columns = ["Examples", "Median", "95 %", "Longest", "Total", "Limit", "Over"]
    variants = sorted(findings.summaries.set_summary["variant"].unique())
    measures = ", ".join(account["measure"].unique().sort())
    return Section(
        title,
        f"Variant: {', '.join(variants)}. Lengths in {measures}; an example whose "
        "tokens the base model's tokenizer counts over the limit is rejected as "
        "over_long: see drop_long_sft_examples and drop_long_grpo_examples.",
        [Table([*names, *columns], rows, n_names=3)],
    )


def release(findings: Findings) -> Section:
    """Return what the release holds, and why it does not hold the rest."""
    title = "Release"
    n_examples = total(findings.summaries.set_summary, "n")
    if not n_examples:
        return Section(title, "There is nothing to release.")
    withheld = findings.accounts.filter(kind="withheld")
    n_released = n_examples - total(withheld, "rows")
    told = f"Examples released: {part_of(n_released, n_examples)}."
    if withheld.is_empty():
        return Section(title, f"{told} None is withheld.")
    counts = withheld.select("group", "reason", "rows").sort("group", "reason")
    rows = [plain(part, reason, count(n)) for part, reason, n in counts.iter_rows()]
    return Section(
        title,
        f"{told} A row is withheld for the first reason that holds.",
        [Table(["Part", "Reason", "Withheld"], rows)],
    )


# ---- texts -----------------------------------------------------------------------


def _rejected(findings: Findings, reason: str) -> int:
    return total(findings.accounts.filter(kind="rejected", reason=reason), "rows")
