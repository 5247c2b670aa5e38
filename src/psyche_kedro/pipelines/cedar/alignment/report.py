"""The report of CEDAR: what became of the scenarios, and what models make of them.

One HTML page that needs no network, and the same in Markdown. It shows counts, scores
and names of models; no text of a scenario, reply or remark is in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from psyche_kedro.pipelines.cedar.alignment.figures import points
from psyche_kedro.pipelines.cedar.alignment.scoring import (
    ALL_MODELS,
    CEILING,
    PEOPLE,
    REFERENCE,
)
from psyche_kedro.pipelines.cedar.costs import HOUR, SECONDS
from psyche_kedro.pipelines.cedar.parameters import AlignmentParameters, ModelCard
from psyche_kedro.pipelines.reporting.funnel import funnel_rows
from psyche_kedro.pipelines.reporting.sections import (
    ABSENT,
    OFFLINE,
    Row,
    Section,
    Table,
    count,
    number,
    plain,
)

Told = Mapping[str, pl.DataFrame]
"""What a chapter says of itself, by table: ``account``, and its summaries."""

PAPER = {"cedar_items": "1,566 scenarios x 7 languages = 10,962 items"}
"""What the abstract says of a stage."""
_SCENARIOS = 1_566
"""Of the paper's benchmark."""
_WIDTH, _HEIGHT, _EDGE = 720, 360, 46
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


class Report(NamedTuple):
    """The same report twice, and what the terminal shows of it."""

    html: str
    markdown: str
    summary: str


class _Found(NamedTuple):
    """What ``score_alignment`` says of one benchmark."""

    scores: pl.DataFrame
    reference: pl.DataFrame
    matrix: pl.DataFrame
    pairs: pl.DataFrame


class Dot(NamedTuple):
    """A model in one way, in pixels."""

    x: float
    y: float
    name: str
    label: str
    """What stands beside it: models where they are asked natively, and references."""
    kind: str


class Scatter(NamedTuple):
    """Consistency against gain, ready to draw."""

    title: str
    dots: list[Dot]
    x_labels: list[tuple[float, str]]
    y_labels: list[tuple[float, str]]
    ways: list[str]


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
    found = _Found(cedar_scores, cedar_reference, culture_matrix, model_pairs)
    content = {
        **_first(accounts),
        "sections": [
            _funnel(cedar_funnel),
            _rejections(accounts),
            _isolation(accounts),
            _annotation(annotation["annotation_summary"]),
            _taken(accounts, annotation["annotation_summary"]),
            *_every_benchmark(found, params.cards),
        ],
        "scatters": {_title(b): _scatter(b, found) for b in _benchmarks(found)},
        "size": (_WIDTH, _HEIGHT),
    }
    return Report(
        _rendered("report.html.jinja", content),
        _rendered("report.md.jinja", content),
        _summary(cedar_funnel, found),
    )


def _benchmarks(found: _Found) -> list[str]:
    return found.reference["benchmark"].unique(maintain_order=True).to_list()


def _every_benchmark(
    found: _Found, cards: Mapping[str, ModelCard]
) -> Iterator[Section]:
    for benchmark in _benchmarks(found):
        own = _Found(*(table.filter(benchmark=benchmark) for table in found))
        yield from _of_benchmark(benchmark, own, cards)


def _rendered(template: str, content: Mapping[str, Any]) -> str:
    templates = Environment(
        loader=PackageLoader("psyche_kedro.pipelines.cedar.alignment"),
        autoescape=select_autoescape(["html.jinja"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(template).render(content)


# ---- what became of the scenarios ------------------------------------------------


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


def _funnel(funnel: pl.DataFrame) -> Section:
    rows = [
        plain(r["stage"], count(r["rows"]), count(r["rejected"]), r["paper"] or ABSENT)
        for r in funnel.iter_rows(named=True)
    ]
    return Section(
        "Funnel",
        "Rows kept and rejected at every stage. A scenario is one row, an item is a"
        " scenario in one language.",
        [Table(["Stage", "Kept", "Rejected", "Abstract"], rows, n_names=1)],
    )


def _rejections(accounts: pl.DataFrame) -> Section:
    gone = accounts.filter(pl.col("kind").is_in(["rejected", "withheld"]))
    counted = gone.group_by("node", "reason", maintain_order=True).agg(
        pl.col("rows").sum()
    )
    rows = [plain(node, reason, count(n)) for node, reason, n in counted.iter_rows()]
    return Section(
        "Why rows are gone",
        "Every dropped row has a reason; the tables of rejections name it.",
        [Table(["Node", "Reason", "Rows"], rows)],
    )


def _isolation(accounts: pl.DataFrame) -> Section:
    by_rule = _grouped(accounts, "divergence")
    by_plurality = _grouped(accounts, "plurality_differs")
    read = _grouped(accounts, "provisional_labels")
    rows = [
        plain(
            "permutation test and two clear labels", count(by_rule.get("isolated", 0))
        ),
        plain("any two pluralities differ", count(by_plurality.get("true", 0))),
    ]
    labels = ", ".join(f"{count(n)} {outcome}" for outcome, n in read.items())
    return Section(
        "Isolation",
        "Scenarios that each rule would send to people. The second keeps 55 to 92 % of"
        f" universal scenarios in simulation. Provisional labels: {labels or ABSENT}.",
        [Table(["Rule", "Scenarios"], rows, n_names=1)],
    )


def _grouped(accounts: pl.DataFrame, stage: str) -> dict[str, int]:
    own = accounts.filter(stage=stage, kind="beside").drop_nulls("group")
    return dict(own.select("group", "rows").iter_rows())


def _annotation(summary: pl.DataFrame) -> Section:
    measures = summary["measure"].unique(maintain_order=True).to_list()
    cells = {
        (group, measure): value
        for measure, group, value, _ in summary.iter_rows()
        if value is not None
    }
    rows = [
        plain(group, *(number(cells.get((group, measure))) for measure in measures))
        for group in summary["group"].unique(maintain_order=True)
    ]
    return Section(
        "Annotation",
        "Per culture: tasks that wait, Krippendorff's alpha, people left out, the share"
        " of golds by who decided them, and how often simpler and larger rules agree"
        " with the gold.",
        [Table(["Culture", *measures], rows, n_names=1)],
    )


def _taken(accounts: pl.DataFrame, summary: pl.DataFrame) -> Section:
    """Return what the benchmark took, and what one of the paper's size would take."""
    took = _counts(accounts, summary)
    items = took["scenarios of the benchmark"]
    rows = [
        plain(name, f"{n:,.1f}", f"{n * _SCENARIOS / items:,.0f}" if items else ABSENT)
        for name, n in took.items()
    ]
    return Section(
        "What it took",
        "This run, and at its rates a benchmark of as many scenarios as the paper's."
        f" People whom nobody timed are reckoned at {SECONDS:.0f} seconds a task.",
        [Table(["", "This run", f"{_SCENARIOS:,} scenarios"], rows, n_names=1)],
    )


def _counts(accounts: pl.DataFrame, summary: pl.DataFrame) -> dict[str, float]:
    waiting = summary.filter(measure="waiting").select("group", tasks="n")
    timed = summary.filter(measure="median_seconds").select("group", "value")
    people = waiting.join(timed, on="group")
    seconds = people["tasks"] * people["value"].fill_null(SECONDS)
    items = _rows(accounts, "cedar_items", "kept")
    return {
        "scenarios": _rows(accounts, "scenarios", "kept"),
        "provisional labels": _rows(accounts, "provisional_labels", "beside"),
        "scenarios put to people": _rows(accounts, "isolated_scenarios", "kept"),
        "their tasks": float(people["tasks"].sum()),
        "their hours": float(seconds.sum()) / HOUR,
        "scenarios of the benchmark": items / max(1, people.height),
    }


def _rows(accounts: pl.DataFrame, stage: str, kind: str) -> float:
    own = accounts.filter(stage=stage, kind=kind)
    return float(own["rows"].sum())


# ---- what models make of them ----------------------------------------------------


def _title(benchmark: str) -> str:
    return f"Alignment: {benchmark}"


def _of_benchmark(
    benchmark: str, found: _Found, cards: Mapping[str, ModelCard]
) -> Iterator[Section]:
    yield Section(
        _title(benchmark),
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


def _models(found: _Found, cards: Mapping[str, ModelCard]) -> Table:
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
    found = f"{number(gain['low'])} to {number(gain['high'])}" if gain else ABSENT
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
    found = f"{number(gain['low'])} to {number(gain['high'])}"
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
            _p(gain["p"]),
            count(gain["n"]),
            count(gain["n_missing"]),
        ],
    )


def _related(scores: pl.DataFrame) -> Table:
    rows = [
        plain(
            row["metric"].removeprefix("spearman:").replace("~", " and "),
            number(row["value"]),
            f"{number(row['low'])} to {number(row['high'])}",
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
            f"{number(row['low'])} to {number(row['high'])}",
            _p(row["p"]),
        )
        for row in pairs.iter_rows(named=True)
    ]
    return Table(["Models", "Of", "Difference", "95 %", "p"], rows, n_names=2)


class _Axis(NamedTuple):
    """Values from ``low`` to ``high`` on a line of pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def labels(self, values: Sequence[float], digits: str) -> list[tuple[float, str]]:
        return [(self.at(value), f"{value:{digits}}") for value in values]


def _scatter(benchmark: str, found: _Found) -> Scatter:
    """Return a dot for people and every model; gains of 0 lie on the lower line."""
    known = points(found.scores, found.reference, benchmark).to_dicts()
    known.sort(key=lambda row: row["way"] == "native")  # drawn last, on top
    gains = [0.0, 0.1, *(row["gain"] for row in known)]
    bottom, top = min(gains), max(gains)
    x = _Axis(0, 1, _EDGE, _WIDTH - _EDGE)
    y = _Axis(bottom, top, _HEIGHT - _EDGE, _EDGE)
    return Scatter(
        "Consistency across languages (right) against gain in alignment (up)",
        [_dot(row, x, y) for row in known],
        x.labels((0.0, 0.25, 0.5, 0.75, 1.0), "g"),
        y.labels((bottom, (top + bottom) / 2, top), ".2f"),
        list(dict.fromkeys(row["way"] for row in known)),
    )


def _dot(row: Mapping[str, Any], x: _Axis, y: _Axis) -> Dot:
    subject, way = row["subject"], row["way"]
    return Dot(
        x.at(row["consistency"]),
        y.at(row["gain"]),
        f"{subject}, {way}",
        subject if way in ("native", REFERENCE) else "",
        way,
    )


def _summary(funnel: pl.DataFrame, found: _Found) -> str:
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
            f"{row['gain']:>8.2f}{_p(row['p']):>8}"
            for row in shown
        ]
    return "\n".join(lines)


def _p(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"
