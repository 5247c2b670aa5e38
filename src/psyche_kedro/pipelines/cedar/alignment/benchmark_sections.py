"""What the report shows of a benchmark: models, languages, whose gold, and pairs."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from psyche_kedro.pipelines.cedar.alignment.scoring import (
    ALL_MODELS,
    CEILING,
    PEOPLE,
    REFERENCE,
)
from psyche_kedro.pipelines.cedar.parameters import ModelCard
from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    Row,
    Section,
    Table,
    count,
    number,
    plain,
    said_interval,
)

_MEASURES = (
    "consistency",
    "alignment",
    "shuffled",
    "gain",
    "best",
    "efficiency",
    "pull",
)
_LINES = {
    PEOPLE: "people's own golds",
    CEILING: "plurality everywhere: ceiling of a consistent model",
    "chance": "a guess",
}
"""What a line of reference is called; any other is a culture whose golds are given
everywhere."""


class Found(NamedTuple):
    """What ``score_alignment`` says."""

    scores: pl.DataFrame
    reference: pl.DataFrame
    matrix: pl.DataFrame
    pairs: pl.DataFrame


def title(benchmark: str) -> str:
    """Return what the first section of a benchmark is called."""
    return f"Alignment: {benchmark}"


def benchmark_sections(
    benchmark: str, found: Found, cards: Mapping[str, ModelCard]
) -> Iterator[Section]:
    """Return what models make of one benchmark.

    Args:
        benchmark: Its name.
        found: Its rows alone.
        cards: Which model sees pictures.
    """
    yield Section(
        title(benchmark),
        "Consistency: one answer in two languages. Alignment: the culture's own gold."
        " Gain: alignment beyond answers dealt to cultures at random, 0 for a model"
        " that ignores culture; its interval is over scenarios, its p by permutation."
        f" People's golds agree with alpha {_alpha(found.reference)}.",
        [_models(found, cards), _related(found.scores)],
    )
    yield Section(
        f"Languages: {benchmark}",
        "Accuracy over all items: an unread answer is wrong. Of read, and as the"
        " official code reads, beside it.",
        [_languages(found.scores)],
    )
    yield Section(
        f"Whose gold: {benchmark}",
        "Share of answers in the row's language that are the gold of the column's"
        " culture.",
        list(_matrices(found.matrix.filter(way="native"))),
    )
    yield Section(
        f"Between models: {benchmark}",
        "Paired bootstrap over the scenarios that both were asked, p after Holm.",
        [_pairs(found.pairs)],
    )


def _alpha(reference: pl.DataFrame) -> str:
    return number(reference.filter(line=PEOPLE, metric="alpha")["value"].item())


def _models(found: Found, cards: Mapping[str, ModelCard]) -> Table:
    own = found.scores.filter(
        pl.col("slice").str.contains("/").not_(), pl.col("subject") != ALL_MODELS
    )
    groups = own.group_by("subject", "way", "slice", maintain_order=True)
    lines = found.reference.group_by("line", maintain_order=True)
    rows = [_line_row(str(line), group) for (line,), group in lines]
    rows += [
        _model_row(str(subject), str(way), str(name), group, cards)
        for (subject, way, name), group in groups
    ]
    columns = ["Model", "Way", "Items", *(m.capitalize() for m in _MEASURES)]
    return Table([*columns, "Gain, 95 %", "p", "Scenarios", "Missing"], rows, n_names=3)


def _line_row(line: str, group: pl.DataFrame) -> Row:
    by_metric = {row["metric"]: row for row in group.iter_rows(named=True)}
    values = [by_metric.get(metric, {"value": None})["value"] for metric in _MEASURES]
    gain = by_metric.get("gain")
    found = said_interval(gain["low"], gain["high"]) if gain else ABSENT
    name = _LINES.get(line, f"golds of {line} everywhere")
    cells = [name, REFERENCE, "all", *map(number, values), found, ABSENT]
    return Row("paper", [*cells, count(group["n"][0]), "0"])


def _model_row(
    subject: str,
    way: str,
    name: str,
    group: pl.DataFrame,
    cards: Mapping[str, ModelCard],
) -> Row:
    by_metric = {row["metric"]: row for row in group.iter_rows(named=True)}
    gain = by_metric.get("gain")
    if gain is None:  # an effect of the order alone
        same = by_metric["same_as_native"]
        cells = [f"same as native: {number(same['value'])}", *[ABSENT] * 8]
        return plain(
            subject, way, name, *cells, count(same["n"]), count(same["n_missing"])
        )
    found = said_interval(gain["low"], gain["high"])
    card = cards.get(subject)
    said = f"{name}, text model" if card and not card.vision else name
    return Row(
        "ours",
        [
            subject,
            way,
            said,
            *(number(by_metric[metric]["value"]) for metric in _MEASURES),
            found,
            p_value(gain["p"]),
            count(gain["n"]),
            count(gain["n_missing"]),
        ],
    )


def _related(scores: pl.DataFrame) -> Table:
    rows = [
        plain(
            row["metric"].removeprefix("spearman:").replace("~", " and "),
            number(row["value"]),
            said_interval(row["low"], row["high"]),
            count(row["n"]),
        )
        for row in scores.filter(subject=ALL_MODELS).iter_rows(named=True)
    ]
    return Table(["Over models", "Spearman", "95 %", "Models x ways"], rows, n_names=1)


def _languages(scores: pl.DataFrame) -> Table:
    cells = scores.filter(pl.col("slice").str.contains("/"))
    wide = cells.pivot(
        "metric", index=["subject", "way", "slice", "n", "n_missing"], values="value"
    )
    names = [
        "accuracy",
        "accuracy_of_read",
        "official_accuracy",
        "macro_f1",
        "vote_share",
    ]
    rows = [
        plain(
            row["subject"],
            row["way"],
            row["slice"],
            *(number(row.get(name)) for name in names),
            count(row["n"]),
            count(row["n_missing"]),
        )
        for row in wide.iter_rows(named=True)
    ]
    columns = ["Model", "Way", "Slice", "Accuracy", "Of read", "Official", "Macro-F1"]
    return Table(
        [*columns, "Votes", "Items", "Missing"], rows, 3, folded="cedar_scores"
    )


def _matrices(matrix: pl.DataFrame) -> Iterator[Table]:
    for (subject,), own in matrix.group_by("subject", maintain_order=True):
        wide = own.pivot("culture", index="language", values="share")
        rows = [
            plain(f"{subject}: {language}", *map(number, shares))
            for language, *shares in wide.iter_rows()
        ]
        yield Table(["Answers in", *wide.columns[1:]], rows, n_names=1)


def _pairs(pairs: pl.DataFrame) -> Table:
    rows = [
        plain(
            f"{row['subject']} - {row['other']}",
            f"{row['way']}, {row['metric']}",
            number(row["difference"]),
            said_interval(row["low"], row["high"]),
            p_value(row["p"]),
        )
        for row in pairs.iter_rows(named=True)
    ]
    return Table(["Models", "Of", "Difference", "95 %", "p"], rows, n_names=2)


def p_value(value: float | None) -> str:
    """Return a p of a test to three digits."""
    return ABSENT if value is None else f"{value:.3f}"
