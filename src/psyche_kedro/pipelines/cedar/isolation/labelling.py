"""Provisional labels: what language models say that each culture feels."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

import polars as pl

from psyche_kedro.datasets.language_packs import ENGLISH, LanguagePack, Packs
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.llm import ChatModel, ChatRequest, Outcome
from psyche_kedro.llm.chat_model import Asking
from psyche_kedro.llm.panel import ask_all
from psyche_kedro.pipelines.cedar.asking import (
    picture_bytes,
    question_message,
    read_outcome,
    shuffled,
    texts_by_language,
)
from psyche_kedro.pipelines.cedar.labels import LabelReader
from psyche_kedro.pipelines.cedar.parameters import LabellingParameters
from psyche_kedro.pipelines.cedar.tables import ProvisionalLabels
from psyche_kedro.tables import Row, content_id, frame


class _Ask(NamedTuple):
    """One question to every labeller."""

    scenario_id: str
    culture: str
    sample: int
    order: list[str]
    text: Row
    picture: bytes | None


class _Frame(NamedTuple):
    """In whose words a culture is asked, and as whom."""

    pack: LanguagePack
    persona: str
    language: str
    """Of the scenario's text."""


def label_provisionally(  # noqa: PLR0913 - the node's inputs
    *,
    scenarios: pl.DataFrame,
    scenario_texts: pl.DataFrame,
    pictures: pl.DataFrame,
    packs: Packs,
    labellers: Mapping[str, ChatModel],
    params: LabellingParameters,
) -> pl.DataFrame:
    """Return what every labeller says of every scenario in every culture.

    The order of the words is drawn once per (scenario, sample), the same for all
    cultures and labellers: what its place does to a word must not look like culture.

    Args:
        scenarios: ``Scenarios``.
        scenario_texts: ``ScenarioTexts``.
        pictures: ``Pictures``.
        packs: Languages, by culture.
        labellers: Models by name.
        params: ``cedar.labelling``.

    Returns:
        ``ProvisionalLabels``.

    Raises:
        ConfigurationError: If there are too few labellers to tell a culture from the
            noise of a model, or one of whom nothing can be read.
    """
    _check_number(labellers, params)
    frames = {code: _frame(code, packs, params) for code in packs}
    asks = list(_asks(scenarios, scenario_texts, pictures, frames, params))
    make = partial(_request, frames=frames, params=params)
    outcomes = ask_all(labellers, lambda _: Asking(asks, make))
    english = packs[ENGLISH]
    table = frame(ProvisionalLabels, _rows(asks, outcomes, frames, english))
    _check_read(table)
    return table


def _check_number(
    labellers: Mapping[str, ChatModel], params: LabellingParameters
) -> None:
    if len(labellers) < params.min_labellers:
        raise ConfigurationError(
            f"`cedar_labellers` of the catalog has {len(labellers)} models and"
            f" cedar.labelling.min_labellers asks for {params.min_labellers}: fewer"
            " than three cannot tell a culture from a model's own noise; add one."
        )


def _check_read(labels: pl.DataFrame) -> None:
    """Stop where a labeller said nothing that can be read: it would count nowhere."""
    for (name,), own in labels.group_by("labeller", maintain_order=True):
        if "read" not in own["outcome"]:
            raise ConfigurationError(
                f"Of the {own.height} replies of labeller '{name}' none can be read"
                f" ({', '.join(own['rule'].unique().sort())}): look at them with `kedro"
                " replies`. A text model may have been given pictures; take it off"
                " `cedar_labellers`, or name one that sees."
            )


def _frame(code: str, packs: Packs, params: LabellingParameters) -> _Frame:
    own = packs[code]
    if params.elicitation == "persona":
        return _Frame(packs[ENGLISH], own.english_culture, ENGLISH)
    return _Frame(own, own.culture if params.elicitation == "both" else "", code)


def _asks(
    scenarios: pl.DataFrame,
    scenario_texts: pl.DataFrame,
    pictures: pl.DataFrame,
    frames: Mapping[str, _Frame],
    params: LabellingParameters,
) -> Iterator[_Ask]:
    shown = picture_bytes(pictures)
    texts = texts_by_language(scenario_texts)
    told = {scenario for scenario, _ in texts}
    emotions = list(next(iter(frames.values())).pack.emotions)
    for scenario, picture in scenarios.select("scenario_id", "picture_id").iter_rows():
        if scenario not in told:
            continue
        for sample in range(params.samples):
            order = shuffled(emotions, scenario, str(sample))
            for culture, told_in in frames.items():
                text = texts[scenario, told_in.language]
                jpeg = shown[picture] if picture else None
                yield _Ask(scenario, culture, sample, order, text, jpeg)


def _request(
    ask: _Ask, frames: Mapping[str, _Frame], params: LabellingParameters
) -> ChatRequest:
    pack, persona, _ = frames[ask.culture]
    message = question_message(
        "label",
        pack,
        ask.text,
        emotions=ask.order,
        persona=persona,
        picture=ask.picture,
    )
    sampling = {"temperature": params.temperature, "max_tokens": params.max_tokens}
    return ChatRequest([message], "label_provisionally", sampling, sample=ask.sample)


def _rows(
    asks: list[_Ask],
    outcomes: Mapping[str, list[Outcome]],
    frames: Mapping[str, _Frame],
    english: LanguagePack,
) -> Iterator[Row]:
    readers = {code: LabelReader(f.pack, english) for code, f in frames.items()}
    for name, answered in outcomes.items():
        for ask, outcome in zip(asks, answered, strict=True):
            said = read_outcome(outcome, readers[ask.culture])
            yield _row(ask, name, frames[ask.culture]) | said


def _row(ask: _Ask, labeller: str, told_in: _Frame) -> Row:
    return {
        "scenario_id": ask.scenario_id,
        "culture": ask.culture,
        "labeller": labeller,
        "sample": ask.sample,
        "order": content_id(*ask.order),
        "prompt_digest": told_in.pack.digest("label"),
    }
