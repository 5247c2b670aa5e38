"""What people gave back: every answer read, or the run stopped at the cell."""

from collections.abc import Iterator

import polars as pl

from psyche_kedro.datasets import SourceFile
from psyche_kedro.datasets.language_packs import LanguagePack, Packs
from psyche_kedro.errors import ReviewError, UnreadableSource
from psyche_kedro.pipelines.cedar.annotation import form
from psyche_kedro.pipelines.cedar.tables import Annotations
from psyche_kedro.pipelines.ingestion.files.records import read_csv, read_excel_alone
from psyche_kedro.tables import Row, frame

Key = tuple[str, str, str]
"""Scenario, culture and seat."""
_ADJUDICATION = "adjudication"


def read_annotations(
    annotation_files: list[SourceFile], annotation_tasks: pl.DataFrame, packs: Packs
) -> pl.DataFrame:
    """Return people's answers out of workbooks, CSV and Label Studio JSON files.

    An empty answer is none. A file lies in the folder of its culture; an adjudicator's
    in ``adjudication`` below it.

    Args:
        annotation_files: What people gave back.
        annotation_tasks: ``AnnotationTasks``: what was asked of whom.
        packs: Languages, by culture.

    Returns:
        ``Annotations``.

    Raises:
        ReviewError: If a file is no annotation, or says what nobody was asked: people's
            work is not dropped.
    """
    kinds: dict[Key, str] = {
        (scenario, culture, seat): kind
        for scenario, culture, seat, kind in annotation_tasks.select(
            "scenario_id", "culture", "seat", "kind"
        ).iter_rows()
    }
    rows: dict[Key, Row] = {}
    for file in annotation_files:
        pack = _pack_of(file, packs)
        for place, said in _said(file, pack):
            if said["answer"] is not None:
                _add(rows, _row(file.name, place, said, pack, kinds))
    return frame(Annotations, rows.values())


def _pack_of(file: SourceFile, packs: Packs) -> LanguagePack:
    culture = file.name.split("/")[0]
    if culture not in packs or "/" not in file.name:
        raise ReviewError(
            f"{file.name} lies in no culture's folder: move it to"
            f" annotations/<culture>/, of which there are {', '.join(packs)}."
        )
    return packs[culture]


def _said(file: SourceFile, pack: LanguagePack) -> Iterator[tuple[str, Row]]:
    if file.name.lower().endswith(".json"):
        yield from form.read_export(file)
        return
    header, *rows = _cells(file)
    fields = {heading: field for field, heading in pack.sheet.items()}
    names = [fields.get(name.strip(), name.strip()) for name in header]
    if missing := {"item", "seat", "answer"} - set(names):
        lacking = [pack.sheet[name] for name in sorted(missing)]
        raise ReviewError(
            f"{file.name} lacks the columns {lacking}, it has {header}: give back the"
            " sheet of annotation_batch."
        )
    yield from form.read_sheet(names, rows)


def _cells(file: SourceFile) -> list[list[str]]:
    """Return the first sheet, or the rows of a CSV file; at least a header."""
    data = file.read()
    try:
        if file.name.lower().endswith(".xlsx"):
            cells = next(iter(read_excel_alone(data).values()))
        else:
            cells = read_csv(data)
    except UnreadableSource as error:
        raise ReviewError(f"{file.name} cannot be read. {error.detail}") from error
    return cells or [[]]


def _row(
    name: str, place: str, said: Row, pack: LanguagePack, kinds: dict[Key, str]
) -> Row:
    where = f"{name}, {place}"
    label = form.read_word(said["answer"], pack)
    if label is None:
        raise ReviewError(
            f"{where} answers {said['answer'][:40]!r} in '{pack.sheet['answer']}': an"
            f" answer is one of {[*pack.emotions.values(), pack.none_fits]}, or empty."
        )
    return {
        "scenario_id": said["item"],
        "culture": pack.code,
        "seat": said["seat"],
        "kind": _kind(where, said, pack.code, kinds),
        "label": None if label == form.NONE_FITS else label,
        "seconds": said["seconds"],
        "words": said["note"],
        "source": name,
    }


def _kind(where: str, said: Row, culture: str, kinds: dict[Key, str]) -> str:
    key = said["item"], culture, said["seat"]
    adjudicates = f"/{_ADJUDICATION}/" in where
    if not adjudicates and key in kinds:
        return kinds[key]
    asked = {seat for item, of, seat in kinds if (item, of) == key[:2]}
    if adjudicates and asked and said["seat"] and said["seat"] not in asked:
        return _ADJUDICATION
    item, seat = str(said["item"])[:40], str(said["seat"])[:40]
    if not asked:
        raise ReviewError(
            f"{where} answers item {item!r}, which nobody of '{culture}' was asked:"
            " give back the batch that this run's tasks are of."
        )
    raise ReviewError(
        f"{where} answers item {item} from seat {seat!r}: it was dealt to"
        f" {', '.join(sorted(asked))}"
        + (", of whom none may adjudicate it." if adjudicates else "; mend the seat.")
    )


def _add(rows: dict[Key, Row], row: Row) -> None:
    key = row["scenario_id"], row["culture"], row["seat"]
    earlier = rows.setdefault(key, row)
    if earlier["label"] != row["label"]:
        raise ReviewError(
            f"{row['source']} and {earlier['source']} answer item {key[0]} differently"
            f" from seat {key[2]}: keep one."
        )
