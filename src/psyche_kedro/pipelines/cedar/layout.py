"""CEDAR's public files, read and written: a list of items for each language.

::

    multimodal/original/ori_inq.json               {id, narrative, question, answers}
    multimodal/multilingual/<language>_inq.json    {id, narrative, question, answer,
    text-only/multilingual/<language>_inq.json      english_ver_answer}
    multimodal/images/<id>.png

``original`` is the English text again, with all golds.
"""

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from psyche_kedro.datasets import SourceFile
from psyche_kedro.datasets.language_packs import Packs
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files.records import read_json
from psyche_kedro.pipelines.ingestion.files.sources import read_bytes

_MOST = 10**9
"""Of an id."""
_FILE = re.compile(r"(?:(?P<set>.*)/)?multilingual/(?P<language>[a-z]+)_[^/]*\.json")
_ORIGINAL = re.compile(r"(?:.*/)?original/[^/]*\.json")

_FIELDS = ("narrative", "question", "answer", "english_ver_answer")


class Said(NamedTuple):
    """An item in one language.

    Attributes:
        narrative: May be empty.
        question: What is asked.
        gold_word: The emotion in the item's language; empty where none is given.
        gold: The emotion in English; empty where none is given.
        source: File that says it.
    """

    narrative: str
    question: str
    gold_word: str
    gold: str
    source: str


class PublicItem(NamedTuple):
    """An item in all languages of its folder.

    Attributes:
        folder: Of the set, e.g. ``multimodal``.
        number: Its id there.
        picture: Where its picture should stand; empty where the set has none.
        said: By language code.
        twice: Languages in which its id stands more than once.
    """

    folder: str
    number: int
    picture: str
    said: dict[str, Said]
    twice: tuple[str, ...] = ()


def is_public(name: str) -> bool:
    """Return whether a file is named as CEDAR's are."""
    return bool(_FILE.fullmatch(name) or _ORIGINAL.fullmatch(name))


def read_public(files: Iterable[SourceFile], packs: Packs) -> list[PublicItem]:
    """Return the items of every folder, by number; ``original`` adds nothing.

    Args:
        files: Those that are not named as CEDAR's are passed over.
        packs: Languages; a file of another one is passed over.

    Raises:
        UnreadableSource: If a file is no list of items.
    """
    files = list(files)
    codes = {pack.file_name: code for code, pack in packs.items()}
    shown = {folder for f in files if (folder := _set_of_picture(f.name)) is not None}
    found: dict[tuple[str, int], dict[str, Said]] = defaultdict(dict)
    twice: dict[tuple[str, int], list[str]] = defaultdict(list)
    for file in files:
        named = _FILE.fullmatch(file.name)
        if named and (code := codes.get(named["language"])):
            for number, said in _items(file):
                key = named["set"] or "", number
                if code in found[key]:
                    twice[key].append(code)
                found[key][code] = said
    return [
        PublicItem(
            folder,
            number,
            posixpath.join(folder, "images", f"{number}.png")
            if folder in shown
            else "",
            said,
            tuple(twice[folder, number]),
        )
        for (folder, number), said in sorted(found.items())
    ]


def _set_of_picture(name: str) -> str | None:
    folder, _, _ = name.rpartition("/")
    return posixpath.dirname(folder) if posixpath.basename(folder) == "images" else None


def _items(file: SourceFile) -> Iterator[tuple[int, Said]]:
    for locator, record in read_json(read_bytes(file)):
        try:
            number = int(record["id"])
            if abs(number) > _MOST:
                raise ValueError("id is too large")
            words = [str(record.get(name) or "") for name in _FIELDS]
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as e:
            raise UnreadableSource(
                "no_item",
                f"{file.name}, {locator}: an item has id, narrative, question, answer"
                f" and english_ver_answer ({str(e)[:80]!r}): mend it.",
            ) from e
        yield number, Said._make([*words, file.name])


def language_file(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the file of one language.

    Args:
        rows: ``Items`` of the language.
    """
    return _text(
        {
            "id": row["number"],
            "narrative": row["narrative"],
            "question": row["question"],
            "answer": row["gold_word"],
            "english_ver_answer": row["gold"],
        }
        for row in rows
    )


def original_file(
    rows: Iterable[Mapping[str, Any]], golds: Mapping[int, Mapping[str, str]]
) -> str:
    """Return the file of the original text with the golds of every language.

    Args:
        rows: ``Items`` in English.
        golds: By number, then by language as its file is named.
    """
    return _text(
        {
            "id": row["number"],
            "narrative": row["narrative"],
            "question": row["question"],
            "answers": dict(sorted(golds[row["number"]].items())),
        }
        for row in rows
    )


def _text(items: Iterable[Mapping[str, Any]]) -> str:
    # The public files end their lines as Windows does.
    return json.dumps(list(items), ensure_ascii=False, indent=4).replace("\n", "\r\n")
