"""How a scenario is put before a model: the words, the picture and their order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from psyche_kedro.datasets.language_packs import LanguagePack
from psyche_kedro.llm import Failure, Outcome, Reply
from psyche_kedro.llm.pictures import user_message
from psyche_kedro.pipelines.cedar.labels import LabelReader
from psyche_kedro.tables import content_id


def shuffled(emotions: Iterable[str], *key: str) -> list[str]:
    """Return the emotions in an order that belongs to ``key``."""
    return sorted(emotions, key=lambda emotion: content_id("order", *key, emotion))


def picture_bytes(pictures: pl.DataFrame) -> dict[str, bytes]:
    """Return the JPEG of every picture.

    Args:
        pictures: ``Pictures``.
    """
    return dict(pictures.select("picture_id", "jpeg").iter_rows())


def texts_by_language(texts: pl.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Return every text by scenario and language.

    Args:
        texts: ``ScenarioTexts``.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = texts.rows_by_key(
        ["scenario_id", "language"], named=True, unique=True
    )
    return rows


def question_message(  # noqa: PLR0913 - keyword-only
    template: str,
    pack: LanguagePack,
    text: Mapping[str, Any],
    *,
    emotions: Sequence[str],
    persona: str = "",
    picture: bytes | None = None,
) -> Mapping[str, Any]:
    """Return the message that asks what a scenario's person feels.

    Args:
        template: ``label`` or ``answer``.
        pack: Whose frame and words are used.
        text: ``narrative`` and ``question``.
        emotions: In the order in which their words stand.
        persona: Where the answerer grew up; empty for no word of it.
        picture: JPEG.
    """
    words = pack.say(
        template,
        narrative=text["narrative"],
        question=text["question"],
        options=pack.words(emotions),
        picture=picture is not None,
        persona=persona,
    )
    return user_message(words, picture)


def read_outcome(outcome: Outcome, reader: LabelReader) -> dict[str, Any]:
    """Return ``label``, ``outcome``, ``rule`` and who answered.

    Args:
        outcome: What a model answered.
        reader: Of the language it was asked in.
    """
    asked = {"model": outcome.model, "reply_key": outcome.key}
    if isinstance(outcome, Failure):
        return asked | {"label": None, "outcome": "failed", "rule": outcome.reason}
    said = reader.read(outcome.text)
    read = "read" if said.label else "unread"
    return asked | {"label": said.label, "outcome": read, "rule": said.rule}


def text_of(outcome: Outcome) -> str | None:
    """Return the words of a reply; None where there is none."""
    return outcome.text if isinstance(outcome, Reply) else None
