"""``kedro estimate``: what every chapter asks of its models, as one table.

Requests are counted on the table that decides them; where it is not there yet, on the
one that it is made from, which the last column names. Rates and sizes that no run has
measured are ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl
from kedro.framework.context import KedroContext
from kedro.io import DataCatalog, DatasetError

from psyche_kedro.commands.estimate_cedar import reckon_cedar
from psyche_kedro.hooks.estimate_basis import (
    Entry,
    count_replies,
    list_held,
    measured_sizes,
    players_of,
)
from psyche_kedro.llm.prices import cost, price_of
from psyche_kedro.pipelines.benchmarks import JUDGED_PROTOCOLS
from psyche_kedro.pipelines.evaluation.judging import judged_on
from psyche_kedro.pipelines.evaluation.limit import limit_items
from psyche_kedro.pipelines.evaluation.nodes import items_to_ask
from psyche_kedro.pipelines.evaluation.pipeline import TRAINED
from psyche_kedro.pipelines.synthesis.costs.basis import PLAYERS, Player, Rates, Tokens
from psyche_kedro.prompts import Dimension

_INGESTION = "`kedro run --pipeline=ingestion` writes what it is counted on"
NEEDS = dict.fromkeys(
    ("cleaning", "synthesis", "selection", "evaluation"), _INGESTION
) | {"cedar": "there are no scenarios below the raw root"}
"""What a chapter lacks where nothing of it is counted; ingestion may ask no model."""
TRAINING = (
    "training: no request; its GPU-hours are not reckoned, because nobody has measured"
    " them at the paper's size"
)
SIZES = {
    "read_textbooks": Tokens(1_900, 900),
    "clean_posts": Tokens(700, 40),
    "judge_replies": Tokens(800, 100),
    "screen_questions": Tokens(1_300, 60),
    "answer_as_students": Tokens(180, 8),
    "answer_benchmarks": Tokens(300, 500),
    "judge_counselling": Tokens(900, 150),
    "compare_replies": Tokens(1_200, 150),
}
"""Tokens of one call where the store has counted none (ours)."""

_JUDGED = 86 / 88
"""Conversations that go to the judge: the sample's share; rules settle the rest."""
_SCANNED = ("rapidocr", "tesseract", "olmocr")
"""Engines that read pictures of pages."""


class Task(NamedTuple):
    """What a task asks of each model of an entry of the catalog."""

    chapter: str
    name: str
    players: Sequence[tuple[Player, Entry]]
    calls: float
    counted: str
    """The table that the calls were counted on."""
    size: Tokens | None = None
    """Tokens of a call, where the chapter reckons them itself."""


class Line(NamedTuple):
    """What one task asks of one model, and the replies that the store has of it."""

    task: Task
    player: Player
    size: Tokens
    money: float | None
    currency: str | None
    stored: int
    """Of the requests, at the most: one that has changed is asked anew."""

    @property
    def due(self) -> float | None:
        """Money for the calls beyond what is stored: a stored reply costs nothing."""
        if self.money is None or not self.task.calls:
            return self.money
        return self.money * max(0.0, 1 - self.stored / self.task.calls)


def estimate_chapters(
    context: KedroContext, synthesis: pl.DataFrame | None, counted: str
) -> Iterator[str]:
    """Yield the table of what every chapter asks, and what could not be counted.

    Args:
        context: Whose catalog, parameters and store.
        synthesis: ``CostEstimate``; ``None`` where its inputs are not there yet.
        counted: The tables that ``synthesis`` was counted on.
    """
    known = Known(context.catalog, context.config_loader["catalog"])
    tasks = [
        *_of_posts(known),
        *_of_synthesis(known, synthesis, counted),
        *_of_selection(known, synthesis),
        *_of_exams(known),
    ]
    needs = dict(NEEDS)
    try:
        tasks += _of_cedar(context)
    except DatasetError as error:  # own sources are seldom CEDAR's as well
        needs["cedar"] = str(error)
    yield from describe(list(_lines(tasks, context)))
    there = {task.chapter for task in tasks}
    for chapter, need in needs.items():
        if chapter not in there:
            yield f"{chapter}: not counted; {need}"
    yield TRAINING
    yield (
        "stored: replies of that model to that task, at most as many as are requested."
        " They cost nothing; a request that has changed since is asked anew, so that"
        " more may be due. Rates and sizes that no run has measured are ours."
    )


class Known(NamedTuple):
    """What stands on disk, and who plays."""

    catalog: DataCatalog
    entries: Mapping[str, Any]

    def first(self, *names: str) -> tuple[str, Any] | None:
        """Return the first of the datasets that is there, with its name."""
        there = (name for name in names if self.catalog.exists(name))
        name = next(there, None)
        return (name, self.catalog.get(name)) if name else None

    def tool(self, name: str) -> list[tuple[Player, Entry]]:
        """Return an optional model; none where null stands."""
        entry = self.entries["optional_tools"]["parts"][name]
        return players_of(entry) if entry else []

    def parameter(self, name: str) -> Any:
        """Return a parameter as a node gets it."""
        return self.catalog.load(f"params:{name}")


def _of_posts(known: Known) -> Iterator[Task]:
    ocr, privacy, guard = map(known.tool, ("ocr_model", "privacy_model", "guard_model"))
    if ocr and (pages := known.first("documents")):
        scans = pages[1].load().filter(pl.col("engine").is_in(_SCANNED)).height
        yield Task(
            "ingestion", "read_textbooks", ocr, scans, "documents, scanned pages"
        )
    if privacy and (posts := known.first("posts")):
        yield Task("cleaning", "clean_posts", privacy, posts[1].height(), "posts")
    if posts := known.first("clean_posts", "posts"):
        judged = posts[1].height() * _JUDGED
        players = [*players_of(known.entries["judge_model"]), *guard]
        on = f"{posts[0]} at {_JUDGED:.0%}"
        yield Task("cleaning", "judge_replies", players, judged, on)


def _of_selection(known: Known, synthesis: pl.DataFrame | None) -> Iterator[Task]:
    students = players_of(known.entries["student_models"])
    samples = known.parameter("selection.students").samples
    name = "answer_as_students"
    if made := known.first("reasoning_samples"):
        yield Task("selection", name, students, made[1].height() * samples, made[0])
    elif synthesis is not None:
        attempts = float(synthesis.filter(node="write_rationales")["calls_mid"].sum())
        solved = attempts / Rates().attempts * Rates().solved
        yield Task(
            "selection", name, students, solved * samples, "synthesis's estimate"
        )
    if read := known.first("clean_public_questions", "public_questions"):
        judge = players_of(known.entries["judge_model"])
        yield Task("selection", "screen_questions", judge, read[1].height(), read[0])


def _of_exams(known: Known) -> Iterator[Task]:
    read = known.first("clean_benchmark_items", "benchmark_items")
    if read is None:
        return
    protocols = known.parameter("evaluation.protocols")
    limit = known.parameter("evaluation.limit")
    benchmarks = known.parameter("benchmarks")
    items = limit_items(items_to_ask(read[1].load(), protocols), limit)
    exams = [benchmarks.exam_of(item) for item in items.iter_rows(named=True)]
    papers = [
        (exam, name)
        for exam in exams
        if exam
        for name in protocols.enabled
        if name in exam.protocols
    ]
    trained = [(Player(role, name), {"model": name}) for role, name in TRAINED.items()]
    models = [*players_of(known.entries["evaluated_models"]), *trained]
    yield Task("evaluation", "answer_benchmarks", models, len(papers), read[0])
    shared = known.parameter("prompts.counselling_judge").words.dimensions
    judged = [
        dimension
        for exam, name in papers
        if name in JUDGED_PROTOCOLS
        for dimension in judged_on(exam, shared)
    ]
    yield from _judges(known, judged, len(models), read[0])


def _judges(
    known: Known, judged: Sequence[Dimension | None], models: int, on: str
) -> Iterator[Task]:
    params = known.parameter("evaluation.judging")
    judges = players_of(known.entries["counselling_judges"])
    calls = len(judged) * models * params.repeats
    yield Task("evaluation", "judge_counselling", judges, calls, on)
    if params.pairs:  # in either order
        duels = 2 * len(params.pairs) * sum(map(bool, judged))
        yield Task("evaluation", "compare_replies", judges, duels, on)


def _of_synthesis(
    known: Known, rows: pl.DataFrame | None, counted: str
) -> Iterator[Task]:
    entries = {
        player: entry
        for name in PLAYERS
        for player, entry in players_of(known.entries[name])
    }
    for row in rows.iter_rows(named=True) if rows is not None else ():
        player, calls = Player(row["role"], row["model"]), row["calls_mid"]
        size = _each(calls, row["input_tokens_mid"], row["output_tokens_mid"])
        players = [(player, entries[player])]
        yield Task("synthesis", row["node"], players, calls, counted, size)


def _of_cedar(context: KedroContext) -> Iterator[Task]:
    found = reckon_cedar(context)
    for row, player in zip(found.asked, found.players, strict=True) if found.n else ():
        size = _each(row.calls, row.input_tokens, row.output_tokens)
        yield Task("cedar", row.node, [player], row.calls, "the raw scenarios", size)


def _each(calls: float, given: float, made: float) -> Tokens:
    return Tokens(given / calls, made / calls) if calls else Tokens(0, 0)


def _lines(tasks: Sequence[Task], context: KedroContext) -> Iterator[Line]:
    entries = {player: entry for task in tasks for player, entry in task.players}
    held = list_held(entries, context.project_path) if entries else []
    sizes, stored = measured_sizes(held, entries), count_replies(held, entries)
    prices = context.catalog.load("params:prices")
    for task in tasks:
        for player, _ in task.players:
            key = f"{task.name} {player.role}"
            size = sizes.get(key) or task.size or SIZES[task.name]
            tokens = {
                "input_tokens": task.calls * size.input,
                "output_tokens": task.calls * size.output,
            }
            spent = cost(price_of(prices, player.model), tokens)
            there = min(stored.get(key, 0), round(task.calls))
            yield Line(task, player, size, **spent, stored=there)


_COLUMNS = "{:<10} {:<22} {:<17} {:>10} {:>9} {:>13} {:>12} {:>11} {:>11}  {}"


def describe(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the table: a row for each task and model, and what all come to.

    Args:
        lines: In the order of the chapters.
    """
    yield _COLUMNS.format(
        *("chapter", "task", "role", "requests", "stored", "tokens in", "tokens out"),
        *("money", "of it due", "counted on"),
    )
    for line in lines:
        task = line.task
        yield _COLUMNS.format(
            task.chapter,
            task.name,
            line.player.role,
            *_numbers([line]),
            task.counted,
        )
    currency = next((line.currency for line in lines if line.currency), "")
    unpriced = any(line.money is None for line in lines)
    left_out = f"{currency}, without roles that have no price"
    shown = left_out if currency and unpriced else currency
    yield _COLUMNS.format("in all", "", "", *_numbers(lines), shown)


def _numbers(lines: Sequence[Line]) -> Iterator[str]:
    calls = [line.task.calls for line in lines]
    yield f"{sum(calls):,.0f}"
    yield f"{sum(line.stored for line in lines):,}"
    for way in ("input", "output"):
        each = [getattr(line.size, way) for line in lines]
        yield f"{sum(n * size for n, size in zip(calls, each, strict=True)):,.0f}"
    for money in ([line.money for line in lines], [line.due for line in lines]):
        known = [one for one in money if one is not None]
        yield f"{sum(known):,.2f}" if known else "no price"
