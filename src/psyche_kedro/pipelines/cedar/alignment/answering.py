"""The benchmark put to every model under test, in several ways.

``native``                all in the item's language, as the benchmark itself asks
``english_instructions``  English frame and words, the item in its language
``english_persona``       all in English, "you grew up in …"
``reordered``             as ``native``, the words in another order
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.datasets.language_packs import ENGLISH, LanguagePack, Packs
from psyche_kedro.llm import ChatModel, ChatRequest, Outcome
from psyche_kedro.llm.chat_model import Asking
from psyche_kedro.llm.panel import ask_all
from psyche_kedro.pipelines.cedar.asking import (
    picture_bytes,
    question_message,
    read_outcome,
    shuffled,
    text_of,
)
from psyche_kedro.pipelines.cedar.labels import LabelReader
from psyche_kedro.pipelines.cedar.parameters import (
    AlignmentParameters,
    ModelCard,
)
from psyche_kedro.pipelines.cedar.tables import CedarPredictions
from psyche_kedro.tables import Row, frame


class _Ask(NamedTuple):
    """One item put in one way."""

    way: str
    item: Row
    text: Row
    """Of the item, or of its English version."""
    pack: LanguagePack
    """Whose frame and words are used."""
    persona: str
    picture: bytes | None


def answer_items(  # noqa: PLR0913 - the node's inputs
    *,
    cedar_items: pl.DataFrame,
    given_items: pl.DataFrame,
    pictures: pl.DataFrame,
    given_pictures: pl.DataFrame,
    packs: Packs,
    subjects: Mapping[str, ChatModel],
    params: AlignmentParameters,
) -> pl.DataFrame:
    """Return what every model answers to every item, in every way.

    A model whose card says that it sees nothing is asked text alone.

    Args:
        cedar_items: ``Items`` of this run.
        given_items: ``Items`` of given benchmarks.
        pictures: ``Pictures``.
        given_pictures: ``Pictures``.
        packs: Languages, by culture.
        subjects: Models under test, by name.
        params: ``cedar.alignment``.

    Returns:
        ``CedarPredictions``.
    """
    shown = picture_bytes(given_pictures) | picture_bytes(pictures)
    items = list(pl.concat([cedar_items, given_items]).iter_rows(named=True))
    english = {row["scenario_id"]: row for row in items if row["language"] == ENGLISH}
    asks = [
        _ask(way, item, english[item["scenario_id"]], packs, shown)
        for way in params.ways
        for item in items
    ]
    own = {name: _asked(asks, params.cards.get(name)) for name in subjects}
    make = partial(_request, sampling=params.sampling)
    outcomes = ask_all(subjects, lambda name: Asking(own[name], make))
    return frame(CedarPredictions, _rows(own, outcomes, packs))


def _ask(
    way: str, item: Row, english: Row, packs: Packs, shown: Mapping[str, bytes]
) -> _Ask:
    own = packs[item["language"]]
    picture = shown[item["picture_id"]] if item["picture_id"] else None
    if way == "english_persona":
        persona = own.english_culture
        return _Ask(way, item, english, packs[ENGLISH], persona, picture)
    pack = packs[ENGLISH] if way == "english_instructions" else own
    return _Ask(way, item, item, pack, "", picture)


def _asked(asks: list[_Ask], card: ModelCard | None) -> list[_Ask]:
    if card is None or card.vision:
        return asks
    return [ask for ask in asks if ask.picture is None]


def _request(ask: _Ask, sampling: Mapping[str, Any]) -> ChatRequest:
    emotions = list(ask.pack.emotions)
    if ask.way == "reordered":
        emotions = shuffled(emotions, ask.item["scenario_id"])
    message = question_message(
        "answer",
        ask.pack,
        ask.text,
        emotions=emotions,
        persona=ask.persona,
        picture=ask.picture,
    )
    return ChatRequest([message], "answer_items", sampling)


def _rows(
    asked: Mapping[str, list[_Ask]],
    outcomes: Mapping[str, list[Outcome]],
    packs: Packs,
) -> Iterator[Row]:
    readers = {code: LabelReader(pack, packs[ENGLISH]) for code, pack in packs.items()}
    for name, answered in outcomes.items():
        for ask, outcome in zip(asked[name], answered, strict=True):
            reader = readers[ask.pack.code]
            said = _as_said(text_of(outcome), reader)
            yield _row(name, ask) | read_outcome(outcome, reader) | said


def _row(subject: str, ask: _Ask) -> Row:
    return {
        "subject": subject,
        "way": ask.way,
        "item_id": ask.item["item_id"],
        "sample": 0,
        "prompt_digest": ask.pack.digest("answer"),
    }


def _as_said(text: str | None, reader: LabelReader) -> Row:
    official = reader.read_official(text) if text is not None else None
    return {"text": text, "official_label": official}
