"""What people see and give back: a workbook for each seat, or Label Studio's tasks.

People see their own language alone: picture, narrative, question, the words with what
each means, and "none fits". No label of a model, no vote of another.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from io import BytesIO
from typing import Any

import polars as pl

from psyche_kedro.datasets import SourceFile
from psyche_kedro.datasets.language_packs import LanguagePack
from psyche_kedro.datasets.review_workbook_dataset import Look, write_workbook
from psyche_kedro.review.label_studio import read_label_studio
from psyche_kedro.tables import Row

Files = dict[str, pl.DataFrame | str | bytes]

NONE_FITS = "none_fits"
_FIELDS = ("item", "seat", "picture", "narrative", "question", "answer", "note")


def files_of(pack: LanguagePack, tasks: Sequence[Row]) -> Files:
    """Return what a culture's people are given, by path.

    Args:
        pack: The culture's.
        tasks: ``scenario_id``, ``seat``, ``narrative``, ``question``, ``picture`` (JPEG
            or None), each seat's in its order.
    """
    files: Files = {f"{pack.code}/guide.md": _guide(pack)}
    for kind, shown in (("text", False), ("pictures", True)):
        of_kind = [task for task in tasks if (task["picture"] is not None) is shown]
        if of_kind:
            files[f"{pack.code}/label_studio_{kind}.xml"] = label_config(pack, shown)
            files[f"{pack.code}/label_studio_{kind}.json"] = _json(
                map(label_task, of_kind)
            )
    for seat in dict.fromkeys(task["seat"] for task in tasks):
        own = [task for task in tasks if task["seat"] == seat]
        files[f"{pack.code}/{seat}.xlsx"] = workbook(pack, own)
    return files


# ---- out -------------------------------------------------------------------------


def workbook(pack: LanguagePack, tasks: Sequence[Row]) -> bytes:
    """Return a seat's workbook: locked but for the answers and remarks."""
    columns = {"item": "scenario_id"} | {name: name for name in _FIELDS[1:5]}
    heads = pack.sheet
    data = pl.DataFrame(
        {
            heads[name]: pl.Series(
                [task[columns[name]] if name in columns else None for task in tasks],
                dtype=pl.Binary if name == "picture" else pl.String,
            )
            for name in _FIELDS
        }
    )
    file = BytesIO()
    look = Look(
        choices={heads["answer"]: [*pack.emotions.values(), pack.none_fits]},
        wide=frozenset({heads["narrative"], heads["question"]}),
        pictures=frozenset({heads["picture"]}),
        right_to_left=pack.direction == "rtl",
        open=frozenset({heads["answer"], heads["note"]}),
        glossary=_glossary(pack),
    )
    write_workbook(file, data, look)
    return file.getvalue()


def label_task(task: Mapping[str, Any]) -> Row:
    """Return a Label Studio task; a picture stands in it, no file server is needed."""
    data = {
        name: task[name] for name in ("scenario_id", "seat", "narrative", "question")
    }
    if task["picture"] is not None:
        encoded = base64.b64encode(task["picture"]).decode()
        data["picture"] = f"data:image/jpeg;base64,{encoded}"
    return {"data": data}


def label_config(pack: LanguagePack, shows_picture: bool) -> str:
    """Return Label Studio's labelling configuration for a language.

    A choice's alias is the emotion's name: the export says the same in all languages.
    """
    picture = (
        '<Image name="picture" value="$picture" width="480px"/>'
        if shows_picture
        else ""
    )
    choices = "".join(
        f'<Choice value="{escape(word)}" alias="{emotion}"'
        f' hint="{escape(pack.definitions[emotion])}"/>'
        for emotion, word in pack.emotions.items()
    )
    return (
        f'<View style="direction: {pack.direction}">{picture}'
        '<Text name="narrative" value="$narrative"/>'
        '<Text name="question" value="$question"/>'
        '<Choices name="answer" toName="question" choice="single" required="true">'
        f'{choices}<Choice value="{escape(pack.none_fits)}" alias="{NONE_FITS}"/>'
        '</Choices><TextArea name="note" toName="question" maxSubmissions="1"'
        f' placeholder="{escape(pack.sheet["note"])}"/></View>'
    )


def _guide(pack: LanguagePack) -> str:
    words = (f"- **{word}**: {said}" for word, said in _glossary(pack).items() if said)
    return f"{pack.guide.rstrip()}\n\n" + "\n".join(words) + "\n"


def _glossary(pack: LanguagePack) -> dict[str, str]:
    said = {word: pack.definitions[name] for name, word in pack.emotions.items()}
    return said | {pack.none_fits: ""}


def _json(tasks: Iterable[Row]) -> str:
    return json.dumps(list(tasks), ensure_ascii=False, indent=1)


# ---- in --------------------------------------------------------------------------


def read_sheet(
    names: Sequence[str], rows: Iterable[Sequence[str]]
) -> Iterator[tuple[str, Row]]:
    """Yield where each row of a sheet stands, and its fields.

    Args:
        names: Fields of the columns.
        rows: Cells below the header.
    """
    for n, cells in enumerate(rows, 2):
        named = dict(zip(names, cells, strict=False))
        said = {name: _stripped(named.get(name)) for name in _FIELDS}
        yield f"row {n}", said | {"seconds": None}


def read_export(file: SourceFile) -> Iterator[tuple[str, Row]]:
    """Yield where each annotation of a Label Studio export stands, and its fields.

    Raises:
        ReviewError: If it is none.
    """
    for one in read_label_studio(file, "scenario_id", "seat"):
        said = {
            "item": one.ids["scenario_id"],
            "seat": one.ids["seat"],
            "answer": one.said.get("answer"),
            "note": one.said.get("note"),
            "seconds": one.seconds,
        }
        yield f"task {one.task}", said


def read_word(said: str, pack: LanguagePack) -> str | None:
    """Return the emotion of a word, or ``none_fits``; None for any other word.

    Args:
        said: A word of the language, or an emotion's own name.
        pack: The culture's.
    """
    known = {name: name for name in pack.emotions}
    known |= {pack.none_fits: NONE_FITS, NONE_FITS: NONE_FITS}
    return pack.emotion_of(said) or known.get(said)


def _stripped(value: Any) -> str | None:
    return str(value).strip() or None if value is not None else None
