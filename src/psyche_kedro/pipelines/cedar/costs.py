"""What CEDAR will take: calls, tokens and pictures of every role, and people's hours.

Calls follow from the scenarios until they are isolated; how many are, and how many of
those people keep, is told by the last run, else by a simulation: of 12,400 scenarios of
which 30 % are felt differently, 2,230 are isolated and 1,566 become items.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import NamedTuple

import polars as pl

from psyche_kedro.datasets.language_packs import LanguagePack, Packs
from psyche_kedro.llm.pictures import count_picture_tokens, user_message
from psyche_kedro.pipelines.cedar.asking import picture_bytes, question_message
from psyche_kedro.pipelines.cedar.parameters import (
    AlignmentParameters,
    AnnotationParameters,
    LabellingParameters,
)
from psyche_kedro.text.tokens import estimate_from_characters

_ISOLATED, _KEPT, SECONDS = 2_230 / 12_400, 1_566 / 2_230, 15.0
_WORD, _TEXT, _VERDICT = 6, 60, 12
"""Tokens of a reply: an emotion, a translation, a grade (ours)."""
HOUR = 3_600


class Rates(NamedTuple):
    """What only a run can tell.

    Attributes:
        isolated: Share of scenarios that are isolated.
        kept: Share of the isolated that become items.
        seconds: Of an answer, the median person's.
    """

    isolated: float = _ISOLATED
    kept: float = _KEPT
    seconds: float = SECONDS


class Asked(NamedTuple):
    """What one node asks of one role."""

    node: str
    role: str
    calls: float
    pictures: float
    input_tokens: float
    output_tokens: float


class Material(NamedTuple):
    """What is there before the first call.

    Attributes:
        scenarios: ``Scenarios``.
        given_texts: ``GivenTexts``.
        pictures: ``Pictures``.
        given_items: ``Items`` of given benchmarks.
    """

    scenarios: pl.DataFrame
    given_texts: pl.DataFrame
    pictures: pl.DataFrame
    given_items: pl.DataFrame


class Panel(NamedTuple):
    """Who is asked, and how.

    Attributes:
        labellers: Names.
        subjects: Names.
        labelling: ``cedar.labelling``.
        alignment: ``cedar.alignment``.
    """

    labellers: Sequence[str]
    subjects: Sequence[str]
    labelling: LabellingParameters
    alignment: AlignmentParameters


def measure_rates(
    divergence: pl.DataFrame, items: pl.DataFrame, annotators: pl.DataFrame
) -> Rates:
    """Return what the last run tells; what it does not is taken from the simulation.

    Args:
        divergence: ``Divergence``.
        items: ``Items``.
        annotators: ``Annotators``.
    """
    isolated = divergence.filter(verdict="isolated").height
    kept = items["scenario_id"].n_unique()
    seconds = annotators["median_seconds"].drop_nulls().median()
    return Rates(
        isolated / divergence.height if isolated else _ISOLATED,
        kept / isolated if kept and isolated else _KEPT,
        float(seconds) if isinstance(seconds, int | float) else SECONDS,
    )


def estimate(
    material: Material, packs: Packs, panel: Panel, rates: Rates
) -> list[Asked]:
    """Return what every node that asks a model will ask, by role.

    Args:
        material: What is there.
        packs: Languages, by culture.
        panel: Who is asked.
        rates: What is expected of it.
    """
    n = material.scenarios.height
    shown = material.scenarios["picture_id"].count()
    label = _prompt(material, packs, "label")
    missing = n * len(packs) - material.given_texts.height
    steps = [
        ("translate_scenarios", "cedar_translator", 2 * missing, label.words, _TEXT),
        ("check_translations", "cedar_judge", missing, label.words, _VERDICT),
    ]
    rows = [Asked(node, role, c, 0, c * t, c * out) for node, role, c, t, out in steps]
    each = len(packs) * panel.labelling.samples
    for name in panel.labellers:
        calls, pictures = n * each, shown * each
        rows.append(_asked("label_provisionally", name, calls, pictures, label))
    return rows + list(_answers(material, packs, panel, rates))


def _answers(
    material: Material, packs: Packs, panel: Panel, rates: Rates
) -> Iterator[Asked]:
    prompt = _prompt(material, packs, "answer")
    share = rates.isolated * rates.kept * len(packs)
    given = material.given_items
    items = material.scenarios.height * share + given.height
    pictures = (
        material.scenarios["picture_id"].count() * share + given["picture_id"].count()
    )
    ways = len(panel.alignment.ways)
    for name in panel.subjects:
        card = panel.alignment.cards.get(name)
        sees = card is None or card.vision
        asked = items if sees else items - pictures
        shown = pictures if sees else 0
        yield _asked("answer_items", name, asked * ways, shown * ways, prompt)


class _Prompt(NamedTuple):
    """Mean tokens of a prompt's words, and of a picture."""

    words: float
    picture: float


def _prompt(material: Material, packs: Packs, template: str) -> _Prompt:
    """Return the size of a prompt, by the texts that there are in each language."""
    texts = [
        (packs[row["language"]], row)
        for table in (material.given_texts, material.given_items)
        for row in table.select("language", "narrative", "question").to_dicts()
        if row["language"] in packs
    ]
    sizes = [_size(template, pack, text) for pack, text in texts]
    shown = [
        count_picture_tokens(user_message("", jpeg))
        for jpeg in picture_bytes(material.pictures).values()
    ]
    return _Prompt(mean(sizes or [0]), mean(shown or [0]))


def _size(template: str, pack: LanguagePack, text: Mapping[str, str]) -> int:
    message = question_message(
        template, pack, text, emotions=list(pack.emotions), persona=pack.culture
    )
    return estimate_from_characters(message["content"])


def _asked(
    node: str, role: str, calls: float, pictures: float, prompt: _Prompt
) -> Asked:
    tokens = calls * prompt.words + pictures * prompt.picture
    return Asked(node, role, calls, pictures, tokens, calls * _WORD)


class Work(NamedTuple):
    """What people are asked: tasks of all cultures together, and hours."""

    tasks: float
    hours: float


def people_work(n: int, packs: Packs, params: AnnotationParameters, at: Rates) -> Work:
    """Return what ``n`` scenarios will ask of people.

    Args:
        n: Scenarios, before any is isolated.
        packs: Languages, by culture.
        params: ``cedar.annotation``.
        at: What is expected.
    """
    items = n * at.isolated * len(packs) * params.per_item
    tasks = items * (1 + params.check_share)
    return Work(tasks, tasks * at.seconds / HOUR)
