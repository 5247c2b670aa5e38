"""Benchmarks as cards: ``conf/base/benchmarks/<name>.yml``, one for each.

The code knows layouts, protocols and metrics. Which benchmark has which, what its cells
are called in the report and what the paper prints of them stands on its card, so that a
new benchmark of a known layout is one file. A node takes all of them as the parameter
``params:benchmarks``, which Kedro checks before the first node.

An exam is the items of one benchmark that are answered alike: its ``choice`` questions,
its ``open`` ones (compared with a reference, or marked by the points of a ``rubric``),
or conversations whose next reply is ``judged``. A card has one at least::

    source: https://example.org/exam
    licence: CC BY 4.0
    citation: Li et al., 2024
    layout:
      kind: questions
      folders:
      - gives: split
        names: {dev: exemplar, test: test}
      cell: psychology
    choice:
      title: An examination
      note: Standard accuracy in percent.
      protocols: {zero_shot: 0-shot, five_shot: 5-shot}
      cells: {psychology: Accuracy}
      average: micro
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self, get_args

import polars as pl
from pydantic import ConfigDict, Field, PositiveInt, RootModel, model_validator

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.parameters import Parameters
from psyche_kedro.prompts import Dimension
from psyche_kedro.tables import CHOICE_TYPES, content_id

Form = Literal["choice", "open", "rubric", "judged"]
Split = Literal["test", "dev", "exemplar"]
QuestionType = Literal[
    "single", "multiple", "true_false", "fill_in", "short_answer", "case"
]
ChoiceProtocol = Literal["reasoned", "letters_only", "zero_shot", "five_shot"]
OpenProtocol = Literal["essay"]
RubricProtocol = Literal["consultation"]
JudgedProtocol = Literal["counselling"]
ProtocolName = ChoiceProtocol | OpenProtocol | RubricProtocol | JudgedProtocol
ChoiceMetric = Literal[
    "standard_accuracy",
    "elastic_accuracy",
    "commonest_key",
    "commonest_answer",
    "official_accuracy",
    "official_elastic_accuracy",
]
OpenMetric = Literal[
    "rouge_1_pltrdy",
    "rouge_l_pltrdy",
    "rouge_1_zh",
    "rouge_l_zh",
    "rouge_1_std",
    "rouge_l_std",
    "bleu_4",
]
RubricMetric = Literal["rubric"]

JUDGED_PROTOCOLS: tuple[str, ...] = get_args(JudgedProtocol) + get_args(RubricProtocol)
AVERAGES = ("micro_average", "macro_average")
"""Cells that a score has beside those of the card."""

_NO_HISTORY = "no_history"
NOT_DRAWN = "not_drawn"
"""Flag of an item that its card's ``draw`` leaves out of the exam."""


# ---- layouts ---------------------------------------------------------------------


class PartFolder(Parameters):
    """A folder that says which part of the benchmark its items are of."""

    gives: Literal["part"]
    names: dict[str, str] = Field(min_length=1)


class TypeFolder(Parameters):
    """A folder that says the type of its questions; null leaves it to each of them."""

    gives: Literal["type"]
    names: dict[str, QuestionType | None] = Field(min_length=1)


class SplitFolder(Parameters):
    """A folder that says what its items are for."""

    gives: Literal["split"]
    names: dict[str, Split] = Field(min_length=1)


Folder = Annotated[PartFolder | TypeFolder | SplitFolder, Field(discriminator="gives")]


class PartOfRecord(Parameters):
    """How a record says which part of the benchmark it is of."""

    fields: tuple[str, ...] = Field(min_length=1)
    """The first that is filled in holds."""
    names: dict[str, str]
    """By what the field says, in lower case."""
    otherwise: str


class Questions(Parameters):
    """Files of questions, of any format that a question bank may have."""

    kind: Literal["questions"]
    columns: dict[str, str] = Field(default_factory=dict)
    """What a column or key of the files is called here, where its own name (see
    ``ingestion/names.yml``) does not say it, e.g. ``{rubric: answer}``."""
    key: str | None = None
    """A file beside the folders that has the answers a benchmark withholds, in its
    layout of submissions: ``{file: [{question_id, answer}]}``."""
    folders: tuple[Folder, ...] = ()
    """What each folder below the benchmark's own says, from the top; further are free.
    Without a folder that gives the split, all is ``test``."""
    part: PartOfRecord | None = None
    cell: str
    """The cell of an item, of ``{part}`` and ``{type}``, e.g. ``{part}_{type}``."""
    open_called: str = "open"
    """What ``{type}`` is where a question has no options."""

    @model_validator(mode="after")
    def _has_what_cells_are_made_of(self) -> Self:
        try:
            self.cell_of("", "")
        except (KeyError, IndexError, ValueError):
            raise ValueError(
                f"the cell '{self.cell}' is to be made of {{part}} and {{type}} only"
            ) from None
        given = {folder.gives for folder in self.folders}
        if "{part}" in self.cell and not self.part and "part" not in given:
            raise ValueError(
                f"the cell '{self.cell}' takes a part: say in `folders` or `part` where"
                " it stands"
            )
        return self

    def cell_of(self, part: str, type_: str) -> str:
        """Return the cell of a question."""
        return self.cell.format(part=part, type=type_)


class Conversations(Parameters):
    """Conversations in the layouts of posts; a reply is the reference of what precedes.

    Folders are free, and stand in ``source``.
    """

    kind: Literal["conversations"]
    turns: Literal["last", "each"] = "last"
    """Whether the last reply is an item, or each of them with what was said before."""
    cell: str


Layout = Annotated[Questions | Conversations, Field(discriminator="kind")]


# ---- exams -----------------------------------------------------------------------


class PublishedRow(Parameters):
    """What a model is said to have scored."""

    model: str
    size: str | None = None
    group: str | None = None
    scores: dict[str, dict[str, dict[str, float]]]
    """By protocol, metric and cell, as printed."""


class Published(Parameters):
    """What is printed of an exam, and where."""

    paper: str = "paper"
    table: int | None = None
    items: dict[str, int] = Field(default_factory=dict)
    """How many items each cell has, in full."""
    metrics: dict[str, str] = Field(default_factory=dict)
    """Columns of metrics that are printed without saying how they are computed."""
    rows: tuple[PublishedRow, ...]

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.paper}, Table {self.table}" if self.table else self.paper


class _Exam(Parameters):
    title: str
    note: str
    """What to know before reading the table."""
    protocols: Mapping[Any, str]
    """Each with what its columns begin with."""
    cells: dict[str, str] = Field(min_length=1)
    """Each with its column, in the order of the report."""
    metrics: Iterable[Any]
    published: Published | None = None

    @property
    def is_of_the_paper(self) -> bool:
        """Whether the paper prints scores of it."""
        return self.published is not None and self.published.paper == "paper"

    @model_validator(mode="after")
    def _has_a_place_for_what_is_published(self) -> Self:
        if self.published is None:
            return self
        known = {
            "protocol": {*self.protocols},
            "metric": {*self.metrics, *self.published.metrics},
            "cell": {*self.cells, *AVERAGES},
        }
        for model, what, name in _named(self.published.rows):
            if name not in known[what]:
                raise ValueError(
                    f"the published row of {model} names the {what} '{name}', this"
                    f" exam has {', '.join(sorted(known[what]))}"
                )
        return self


def _named(rows: Iterable[PublishedRow]) -> Iterator[tuple[str, str, str]]:
    for row in rows:
        for protocol, metrics in row.scores.items():
            yield row.model, "protocol", protocol
            for metric, cells in metrics.items():
                yield row.model, "metric", metric
                yield from ((row.model, "cell", cell) for cell in cells)


class ChoiceExam(_Exam):
    """Questions with options; what stands beside an average is of the first protocol.

    Its table shows the standard accuracy.
    """

    protocols: dict[ChoiceProtocol, str] = Field(min_length=1)
    metrics: tuple[ChoiceMetric, ...] = get_args(ChoiceMetric)[:4]
    """The official ones are for parity with PsycoLLM's public code."""
    in_brackets: ChoiceMetric | None = None
    """What stands beside the accuracy of a cell that may have several golds."""
    average: Literal["micro", "macro"]
    """Over all items, or the unweighted mean of ``cells``."""
    unread: bool = True
    """Whether the table tells how many answers could not be read."""
    summary: dict[ChoiceProtocol, str] = Field(default_factory=dict)
    """Protocols whose average the terminal shows, each with its column."""

    @model_validator(mode="after")
    def _computes_what_it_shows(self) -> Self:
        if self.in_brackets and self.in_brackets not in self.metrics:
            raise ValueError(f"`metrics` lacks '{self.in_brackets}' of `in_brackets`")
        return self


class OpenExam(_Exam):
    """Questions that are answered in words and compared with a reference."""

    protocols: dict[OpenProtocol, str] = Field(min_length=1)
    metrics: dict[OpenMetric, str] = Field(min_length=1)
    """Each with its column."""


class RubricExam(_Exam):
    """Questions whose answer a judge marks by the lines of the item's own rubric."""

    protocols: dict[RubricProtocol, str] = Field(min_length=1)
    metrics: dict[RubricMetric, str] = Field(min_length=1)
    """Points in percent of those that can be had, with its column."""


class JudgedExam(_Exam):
    """Conversations whose next reply a judge scores."""

    protocols: dict[JudgedProtocol, str] = Field(min_length=1)
    metrics: dict[str, str] = Field(min_length=1)
    """Dimensions, each with its column."""
    dimensions: tuple[Dimension, ...] = ()
    """Definitions and levels of those that the prompts' ``words.yml`` does not have."""
    gate: str | None = None
    """A dimension at whose lowest level a reply is unsafe, whatever else it scores."""

    @model_validator(mode="after")
    def _gates_what_it_judges(self) -> Self:
        if self.gate and self.gate not in self.metrics:
            raise ValueError(f"`metrics` lacks '{self.gate}' of `gate`")
        return self

    def judged_on(self, shared: Iterable[Dimension]) -> tuple[Dimension, ...]:
        """Return its dimensions, in the order of the card.

        Args:
            shared: Those of the prompts' language; the card's own go before them.

        Raises:
            ConfigurationError: If one of its metrics is a dimension of neither.
        """
        known = {d.name: d for d in (*shared, *self.dimensions)}
        if unknown := [name for name in self.metrics if name not in known]:
            raise ConfigurationError(
                f"'{self.title}' is judged on '{unknown[0]}', and neither its card's"
                f" `dimensions` nor words.yml say what that is: they have"
                f" {', '.join(known)}."
            )
        return tuple(known[name] for name in self.metrics)


Exam = ChoiceExam | OpenExam | RubricExam | JudgedExam


# ---- cards -----------------------------------------------------------------------


class Draw(Parameters):
    """A part of the test items that is the exam, the same for every model and run."""

    n: PositiveInt
    seed: int


class Benchmark(Parameters):
    """A card."""

    source: str
    """Where its files are published."""
    licence: str
    citation: str
    layout: Layout
    draw: Draw | None = None
    choice: ChoiceExam | None = None
    open: OpenExam | None = None
    rubric: RubricExam | None = None
    judged: JudgedExam | None = None

    @model_validator(mode="after")
    def _has_an_exam_of_its_layout(self) -> Self:
        is_judged = isinstance(self.layout, Conversations)
        fitting: set[Form] = {"judged"} if is_judged else {"choice", "open", "rubric"}
        if not self.exams or self.exams.keys() - fitting:
            raise ValueError(
                f"a card of {self.layout.kind} has {' or '.join(sorted(fitting))} as"
                f" its exams, this one {' and '.join(self.exams) or 'none'}"
            )
        if self.open and self.rubric:
            raise ValueError("an open question has a reference or a rubric, not both")
        return self

    @property
    def exams(self) -> dict[Form, Exam]:
        """The exams of the card, by form."""
        found = {form: self.exam(form) for form in get_args(Form)}
        return {form: exam for form, exam in found.items() if exam is not None}

    def exam(self, form: Form) -> Exam | None:
        """Return the exam of one form, which is the name of its field."""
        exam: Exam | None = getattr(self, form)
        return exam

    @cached_property
    def digest(self) -> str:
        """Identity of what the card says; logged with every run."""
        return content_id(self.model_dump_json())


class Benchmarks(RootModel[dict[str, Benchmark]]):
    """``benchmarks``: the cards by name, which is the folder of the files as well."""

    model_config = ConfigDict(frozen=True)

    def __str__(self) -> str:
        """Return every card with its digest, as MLflow records them."""
        return ", ".join(f"{name}@{card.digest}" for name, card in self.root.items())

    def exam_of(self, item: Mapping[str, Any]) -> Exam | None:
        """Return the exam that an item is of; None where no card tells of it.

        Args:
            item: A row of ``benchmark_items``.
        """
        card = self.root.get(item["benchmark"])
        if card is None:
            return None
        form = form_of(item)
        return card.rubric or card.open if form == "open" else card.exam(form)

    def exams(self) -> list[tuple[str, Exam]]:
        """Return every exam with its benchmark, in the order of the paper's tables."""
        order = {name: (_table(card), name) for name, card in self.root.items()}
        cards = {name: self.root[name] for name in sorted(order, key=order.__getitem__)}
        return [
            (name, exam) for name, card in cards.items() for exam in card.exams.values()
        ]


def _table(card: Benchmark) -> float:
    """Return the first table that prints a score of the card; infinity where none."""
    printed = [e.published for e in card.exams.values() if e.is_of_the_paper]
    return min((p.table for p in printed if p and p.table), default=float("inf"))


# ---- items -----------------------------------------------------------------------


def conversation_flags(history: list[Any]) -> list[str]:
    """Return the flags of a conversation."""
    return [] if history else [_NO_HISTORY]


def form_of(item: Mapping[str, Any]) -> Form:
    """Return how an item is answered.

    Args:
        item: A row of ``benchmark_items``.
    """
    if item["messages"] or _NO_HISTORY in item["flags"]:
        return "judged"
    return "choice" if item["type"] in CHOICE_TYPES else "open"


def is_judged() -> pl.Expr:
    """Return the same of a table: whether its items are conversations."""
    return (pl.col("messages").list.len() > 0) | pl.col("flags").list.contains(
        _NO_HISTORY
    )
