"""Scenarios out of records or CEDAR's own files: what may be asked, and what not."""

import posixpath
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.datasets import SourceFile
from psyche_kedro.datasets.language_packs import ENGLISH, LanguagePack, Packs
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.cedar.isolation.pictures import RECORDS
from psyche_kedro.pipelines.cedar.labels import words_in
from psyche_kedro.pipelines.cedar.layout import PublicItem, is_public, read_public
from psyche_kedro.pipelines.cedar.parameters import ScenarioParameters
from psyche_kedro.pipelines.cedar.tables import CedarRejections, GivenTexts, Scenarios
from psyche_kedro.pipelines.ingestion.files.records import (
    Located,
    read_csv,
    read_excel_alone,
    read_json,
    table_records,
)
from psyche_kedro.pipelines.ingestion.files.sources import read_bytes
from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from psyche_kedro.pipelines.synthesis.questions.near_duplicates import (
    near_duplicate_clusters,
)
from psyche_kedro.tables import Row, content_id, frame, rejection
from psyche_kedro.text.bare import bare

_STAGE = "read_scenarios"
_DIGITS = 9
"""Of a scenario's number; what is longer is none."""
_FIELDS = ("narrative", "question", "picture", "topic", "language")
_TWICE = UnreadableSource(
    "duplicate_id", "Its id stands twice in a file: give each item one of its own."
)


class Text(NamedTuple):
    """A scenario in one language; the narrative may be empty."""

    narrative: str
    question: str


class _Draft(NamedTuple):
    """A scenario as its file has it, with its own text first."""

    source: str
    locator: str
    number: int | None
    picture: str
    topic: str | None
    texts: dict[str, Text]


def read_scenarios(
    scenario_files: list[SourceFile],
    pictures: pl.DataFrame,
    packs: Packs,
    params: ScenarioParameters,
    deduplication: DeduplicationParameters,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the scenarios, the texts that their files give, and what is refused.

    Args:
        scenario_files: JSON, JSON Lines, CSV or XLSX, or CEDAR's public layout.
        pictures: ``Pictures``; a record names its file, from its own folder or above.
        packs: Languages, by culture.
        params: ``cedar.scenarios``.
        deduplication: ``synthesis.deduplication``.

    Returns:
        ``Scenarios``, ``GivenTexts`` and ``CedarRejections``.
    """
    lost: list[Row] = []
    drafts = _drafts(scenario_files, packs, lost)
    rows = _askable(drafts, by_path(pictures), packs, params, lost)
    for scenario, of in list(_near_duplicates(list(rows.values()), deduplication)):
        lost.append(_rejected(rows.pop(scenario), "near_duplicate", of))
    texts = [
        {"scenario_id": row["scenario_id"], "language": code, **text._asdict()}
        for row in rows.values()
        for code, text in row.pop("texts").items()
    ]
    rejections = frame(CedarRejections, lost)
    return frame(Scenarios, rows.values()), frame(GivenTexts, texts), rejections


def by_path(pictures: pl.DataFrame) -> dict[str, str]:
    """Return the picture of every path, with its ending and without."""
    return {
        path: picture
        for picture, names in pictures.select("picture_id", "sources").iter_rows()
        for name in names
        for path in (name, posixpath.splitext(name)[0])
    }


def _askable(
    drafts: Iterator[_Draft],
    shown: Mapping[str, str],
    packs: Packs,
    params: ScenarioParameters,
    lost: list[Row],
) -> dict[str, Row]:
    """Return the scenarios by id; those that may not be asked are added to ``lost``."""
    rows: dict[str, Row] = {}
    for draft in drafts:
        row = _row(draft, shown)
        is_known = row["scenario_id"] in rows
        reason = _fault(draft, row, packs, params) or (
            "duplicate" if is_known else None
        )
        if reason:
            lost.append(_rejected(row, reason))
        else:
            rows[row["scenario_id"]] = row
    return rows


# ---- files to drafts -------------------------------------------------------------


def _drafts(files: list[SourceFile], packs: Packs, lost: list[Row]) -> Iterator[_Draft]:
    """Yield what every file holds; what cannot be read is added to ``lost``."""
    yield from _public_drafts(files, packs, lost)
    for file in files:
        suffix = PurePosixPath(file.name).suffix.lower()
        if is_public(file.name) or suffix not in RECORDS:
            continue
        try:
            records = list(_records(file, suffix))
        except UnreadableSource as error:
            lost.append(_unreadable(file.name, "", error))
            continue
        for locator, record in records:
            try:
                yield _of_record(file.name, locator, record, packs)
            except UnreadableSource as error:
                lost.append(_unreadable(file.name, locator, error))


def _public_drafts(
    files: list[SourceFile], packs: Packs, lost: list[Row]
) -> Iterator[_Draft]:
    try:
        for item in read_public(files, packs):
            draft = _of_public(item, packs)
            if item.twice:
                lost.append(_unreadable(draft.source, draft.locator, _TWICE))
            else:
                yield draft
    except UnreadableSource as error:
        lost.append(_unreadable("CEDAR's files", "", error))


def _records(file: SourceFile, suffix: str) -> Iterator[Located]:
    data = read_bytes(file)
    if suffix in {".json", ".jsonl"}:
        yield from read_json(data)
    elif suffix in {".xlsx", ".xls"}:
        for sheet, cells in read_excel_alone(data).items():
            yield from table_records(cells, _column, f"{sheet}!")
    else:
        yield from table_records(read_csv(data), _column, "row ")


def _column(name: str) -> str | None:
    return name if name.strip().partition(":")[0] in _FIELDS else None


def _of_public(item: PublicItem, packs: Packs) -> _Draft:
    own = ENGLISH if ENGLISH in item.said else next(c for c in packs if c in item.said)
    codes = [own, *(code for code in item.said if code != own)]
    texts = {code: _text(*item.said[code][:2]) for code in codes}
    source = item.said[own].source
    locator = f"id {item.number}"
    return _Draft(source, locator, item.number, item.picture, None, texts)


def _of_record(source: str, locator: str, record: Any, packs: Packs) -> _Draft:
    if not isinstance(record, Mapping):
        raise UnreadableSource(
            "no_record", "A scenario is a record with `question`: write it as one."
        )
    said = {str(key).strip(): value for key, value in record.items()}
    own = str(said.get("language") or ENGLISH)
    if own not in packs:
        raise UnreadableSource(
            "unknown_language",
            f"`language` is '{own[:20]}': it is one of {', '.join(packs)}.",
        )
    texts = {own: _text(said.get("narrative"), said.get("question"))}
    texts |= {
        code: t for code, t in _other_texts(said) if code in packs and code != own
    }
    number = str(said.get("id", said.get("number")))
    return _Draft(
        source,
        locator,
        int(number) if number.isdecimal() and len(number) <= _DIGITS else None,
        _near(source, str(said.get("picture") or "").strip()),
        str(said.get("topic") or "").strip() or None,
        texts,
    )


def _other_texts(said: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    """Yield texts in other languages, of ``texts`` or of columns ``question:zh``."""
    given = said.get("texts")
    for code, text in (given if isinstance(given, Mapping) else {}).items():
        if isinstance(text, Mapping):
            yield str(code), _text(text.get("narrative"), text.get("question"))
    for name in said:
        field, _, code = name.partition(":")
        if field == "question" and code and str(said[name]).strip():
            yield code.strip(), _text(said.get(f"narrative:{code}"), said[name])


def _text(narrative: Any, question: Any) -> Text:
    return Text(str(narrative or "").strip(), str(question or "").strip())


def _near(source: str, picture: str) -> str:
    """Return the path of a picture that is named from the folder of its record."""
    if not picture:
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), picture))


# ---- drafts to rows --------------------------------------------------------------


def _row(draft: _Draft, shown: Mapping[str, str]) -> Row:
    (language, own), *_ = draft.texts.items()
    picture = _picture_of(draft.picture, shown)
    return {
        "scenario_id": content_id(language, *map(bare, own), picture or draft.picture),
        "source": draft.source,
        "locator": draft.locator,
        "number": draft.number,
        "modality": "multimodal" if draft.picture else "text",
        "language": language,
        **own._asdict(),
        "picture_id": picture,
        "topic": draft.topic,
        "texts": draft.texts,
    }


def _picture_of(path: str, shown: Mapping[str, str]) -> str | None:
    """Return the picture of a path, whatever the ending that its file really has."""
    return shown.get(path) or shown.get(posixpath.splitext(path)[0])


def _fault(
    draft: _Draft, row: Row, packs: Packs, params: ScenarioParameters
) -> str | None:
    """Return why a scenario may not be asked, as a slug, or None."""
    longest = max(len("".join(text)) for text in draft.texts.values())
    if not all(text.question for text in draft.texts.values()):
        return "no_question"
    if row["modality"] == "multimodal" and row["picture_id"] is None:
        return "picture_missing"
    if row["modality"] == "text" and not row["narrative"]:
        return "no_narrative"
    if longest > params.max_characters:
        return "over_long"
    told = (_gives_away(text, packs[code]) for code, text in draft.texts.items())
    return next((reason for reason in told if reason), None)


def _gives_away(text: Text, pack: LanguagePack) -> str | None:
    """Return what in a text would answer for the reader: an emotion, or a culture."""
    find = partial(words_in, "\n".join(text), script=pack.script)
    if find(words=pack.emotions.values()):
        return f"names_emotion:{pack.code}"
    return f"names_culture:{pack.code}" if find(words=pack.culture_words) else None


def _near_duplicates(
    rows: list[Row], params: DeduplicationParameters
) -> Iterator[tuple[str, str]]:
    """Yield each scenario that says nearly what another says of the same picture."""
    if not rows:
        return
    texts = pl.DataFrame(
        {
            "scenario_id": [row["scenario_id"] for row in rows],
            "text": [f"{row['narrative']}\n{row['question']}" for row in rows],
            "picture": [row["picture_id"] or "" for row in rows],
            "language": [row["language"] for row in rows],
        }
    )
    clusters = near_duplicate_clusters(
        texts,
        id_col="scenario_id",
        text_col="text",
        params=params,
        block_on=("picture", "language"),
    )
    for scenario, cluster, _ in clusters.iter_rows():
        if scenario != cluster:
            yield scenario, cluster


def _rejected(row: Row, reason: str, detail: str | None = None) -> Row:
    source = f"{row['source']} {row['locator']}"
    return rejection(row["scenario_id"], _STAGE, reason, source=source, detail=detail)


def _unreadable(source: str, locator: str, error: UnreadableSource) -> Row:
    return rejection(
        content_id(source, locator),
        _STAGE,
        error.reason,
        source=f"{source} {locator}".strip(),
        detail=error.detail,
    )
