"""Benchmark items in the layouts that cards name; an item is flagged, never lost.

``questions``: what a folder says of the items below it stands on the card: the part of
the benchmark, the type of its questions, what they are for; so do the names of columns.
``conversations``: a reply is the reference and the turns before it are the item, of the
last reply or of each; the file's own system prompt is kept in ``stem``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.benchmarks import (
    NOT_DRAWN,
    Benchmarks,
    Conversations,
    Questions,
    conversation_flags,
)
from psyche_kedro.pipelines.ingestion.banks.answers import read_labels
from psyche_kedro.pipelines.ingestion.banks.fields import (
    field_name,
    looks_like_question,
    parse_question,
)
from psyche_kedro.pipelines.ingestion.banks.question_banks import bank_records
from psyche_kedro.pipelines.ingestion.files import records
from psyche_kedro.pipelines.ingestion.files.file_types import file_type
from psyche_kedro.pipelines.ingestion.files.sources import Row, read_bytes
from psyche_kedro.pipelines.ingestion.posts import (
    Message,
    conversations_of,
    post_records,
    without_system,
)
from psyche_kedro.tables import CHOICE_TYPES, content_id

_OWN_IDS = ("question_id", "id", "mid")
_WITHHELD = "no_gold"


def read_benchmark_file(
    file: SourceFile, benchmarks: Benchmarks
) -> Iterator[Row | UnreadableSource]:
    """Yield the ``BenchmarkItems`` rows of one file.

    Args:
        file: A file whose first folder is the name of a benchmark.
        benchmarks: The cards.

    Raises:
        UnreadableSource: If no card describes the folder, or the file is unreadable.
    """
    name, *folders = file.name.split("/")[:-1] or [""]
    if name not in benchmarks.root:
        raise UnreadableSource(
            "unknown_benchmark",
            f"No card describes the folder '{name}': add conf/base/benchmarks/"
            f"{name}.yml, or rename it ({', '.join(benchmarks.root)}).",
        )
    layout = benchmarks.root[name].layout
    if isinstance(layout, Conversations):
        items = _conversations(file, layout)
    else:
        items = _questions(file, layout, _said_by(folders, layout, name))
    for item in items:
        yield item if isinstance(item, UnreadableSource) else {"benchmark": name} | item


# ---- questions -------------------------------------------------------------------


def _said_by(
    folders: Sequence[str], layout: Questions, benchmark: str
) -> dict[str, str | None]:
    """Return what a file's folders say: ``part``, ``type``, ``split``.

    Raises:
        UnreadableSource: If one of them is not on the card.
    """
    pairs = list(zip(layout.folders, folders, strict=False))
    if len(pairs) < len(layout.folders) or any(f not in to.names for to, f in pairs):
        expected = "/".join(f"<{'|'.join(level.names)}>" for level in layout.folders)
        raise UnreadableSource(
            "unknown_folder",
            f"Files of '{benchmark}' stand in {expected}, this one in "
            f"'{'/'.join(folders)}': move it there, so that it is known what its items "
            "are for.",
        )
    return {level.gives: level.names[folder] for level, folder in pairs}


def _questions(
    file: SourceFile, layout: Questions, said: Mapping[str, str | None]
) -> Iterator[Row | UnreadableSource]:
    for item in _records(file, layout.columns):
        if isinstance(item, UnreadableSource):
            yield item
            continue
        locator, record = item
        if looks_like_question(record):
            yield _question(record, layout, said, file.name, locator)
        else:
            yield UnreadableSource("unknown_layout", f"{locator} holds no question.")


def _records(
    file: SourceFile, columns: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, Any]] | UnreadableSource]:
    """Yield the records of a file under the names that the card gives its columns."""
    data = read_bytes(file)
    found: Iterable[tuple[str, Mapping[str, Any]] | UnreadableSource]
    if columns and file_type(file.name, data) == "csv":
        cells = records.read_csv(data)
        found = records.table_records(
            cells, lambda name: columns.get(name) or field_name(name), "row "
        )
    else:
        found = bank_records(file.name, data)
    for item in found:
        if isinstance(item, UnreadableSource):
            yield item
        else:
            locator, record = item
            yield locator, {columns.get(name, name): v for name, v in record.items()}


def _question(
    record: Mapping[str, Any],
    layout: Questions,
    said: Mapping[str, str | None],
    source: str,
    locator: str,
) -> Row:
    question = parse_question(record, type_hint=said.get("type"))
    flags = question.pop("parse_errors")
    item_id = content_id(source, locator, question["stem"])
    shared, kind = question["case_text"], question["type"]
    return question | {
        "item_id": item_id,
        "cell": layout.cell_of(
            said.get("part") or _part_of(record, layout),
            kind if kind in CHOICE_TYPES else layout.open_called,
        ),
        "split": said.get("split") or "test",
        "source": source,
        "locator": locator,
        "known_as": next((str(record[k]) for k in _OWN_IDS if record.get(k)), None),
        "cluster_id": content_id(source, shared) if shared else item_id,
        "messages": [],
        "flags": flags,
    }


def _part_of(record: Mapping[str, Any], layout: Questions) -> str:
    if layout.part is None:
        return ""
    filled = (str(record[name]) for name in layout.part.fields if record.get(name))
    return layout.part.names.get(next(filled, "").lower(), layout.part.otherwise)


# ---- conversations ---------------------------------------------------------------


def _conversations(
    file: SourceFile, layout: Conversations
) -> Iterator[Row | UnreadableSource]:
    for locator, record in post_records(file):
        try:
            conversations = conversations_of(record)
        except UnreadableSource as error:
            yield UnreadableSource(error.reason, f"{locator}: {error.detail}")
            continue
        for messages in conversations:
            for said in _up_to_a_reply(messages, layout):
                item = _conversation(said, file.name, locator)
                cluster = {"cluster_id": content_id(file.name, locator)}
                yield (
                    item
                    | ({} if layout.turns == "last" else cluster)
                    | {"cell": layout.cell}
                )


def _up_to_a_reply(
    messages: list[Message], layout: Conversations
) -> Iterator[list[Message]]:
    if layout.turns == "last":
        yield messages
        return
    for n, message in enumerate(messages):
        if message["role"] == "assistant" and any(
            earlier["role"] == "user" for earlier in messages[:n]
        ):
            yield messages[: n + 1]
    if messages[-1]["role"] == "user":
        yield messages


def _conversation(messages: list[Message], source: str, locator: str) -> Row:
    system = "\n".join(m["content"] for m in messages if m["role"] == "system")
    spoken = without_system(messages)
    ends_with_reply = bool(spoken) and spoken[-1]["role"] == "assistant"
    history = spoken[:-1] if ends_with_reply else spoken
    item_id = content_id(source, locator, *(m["content"] for m in spoken))
    return {
        "type": "short_answer",
        "stem": system,
        "options": [],
        "gold": [],
        "answer_text": spoken[-1]["content"] if ends_with_reply else None,
        "item_id": item_id,
        "split": "test",
        "source": source,
        "locator": locator,
        "cluster_id": item_id,
        "messages": history,
        "flags": conversation_flags(history),
    }


# ---- answers that a benchmark withholds --------------------------------------------


def is_key(file: SourceFile, benchmarks: Benchmarks) -> bool:
    """Return whether a file is the one that a card calls its key."""
    name, _, below = file.name.partition("/")
    layout = benchmarks.root[name].layout if name in benchmarks.root else None
    return isinstance(layout, Questions) and layout.key == below


def read_key_file(file: SourceFile) -> Iterator[Row]:
    """Yield ``benchmark``, ``known_as`` and ``answer`` of every line of a key.

    Raises:
        UnreadableSource: If it is not laid out as a submission is.
    """
    parts = [part for _, part in records.read_json(read_bytes(file))]
    try:
        for part in parts:
            for line in (line for lines in part.values() for line in lines):
                yield {
                    "benchmark": file.name.partition("/")[0],
                    "known_as": str(line["question_id"]),
                    "answer": str(line["answer"]),
                }
    except (AttributeError, KeyError, TypeError) as error:
        raise UnreadableSource(
            "unknown_layout",
            "A key is JSON of `{file: [{question_id, answer}]}`: give it so.",
        ) from error


def with_key(items: Iterable[Row], key: Iterable[Row]) -> Iterator[Row]:
    """Yield the items, those without a gold with that of the key.

    An id that the key answers in two ways answers nothing.

    Args:
        items: Rows of ``BenchmarkItems``.
        key: Rows of ``read_key_file``.
    """
    said: dict[tuple[str, str], set[str]] = {}
    for line in key:
        place = line["benchmark"], line["known_as"]
        said.setdefault(place, set()).add(line["answer"])
    for item in items:
        answers = said.get((item["benchmark"], item.get("known_as") or ""), set())
        keyed = len(answers) == 1 and _WITHHELD in item["flags"]
        yield _keyed(item, *answers) if keyed else item


def _keyed(item: Row, answer: str) -> Row:
    gold = read_labels(answer, item["options"])
    is_option = gold and {*gold} <= {option["label"] for option in item["options"]}
    flags = [flag for flag in item["flags"] if flag != _WITHHELD]
    if not is_option:
        return item | {"flags": [*flags, "answer_not_among_options"]}
    return item | {"gold": sorted(gold), "flags": flags}


# ---- a part that is the exam -----------------------------------------------------


def with_draw(items: Iterable[Row], benchmarks: Benchmarks) -> Iterator[Row]:
    """Yield the items, those of ``test`` that the card's draw leaves out flagged.

    The draw orders them by a digest of seed and words, so that the order of the files
    changes nothing.

    Args:
        items: Rows of ``BenchmarkItems``, those of one benchmark next to each other.
        benchmarks: The cards.
    """
    for name, rows in groupby(items, key=lambda item: item["benchmark"]):
        own, draw = list(rows), benchmarks.root[name].draw
        tested = [item for item in own if item["split"] == "test"]
        if draw and len(tested) > draw.n:
            order = sorted(tested, key=lambda i: content_id(str(draw.seed), _words(i)))
            left_out = {item["item_id"] for item in order[draw.n :]}
            own = [_flagged(i) if i["item_id"] in left_out else i for i in own]
        yield from own


def _words(item: Row) -> str:
    return "\x1f".join([item["stem"], *(m["content"] for m in item["messages"])])


def _flagged(item: Row) -> Row:
    return item | {"flags": [*item["flags"], NOT_DRAWN]}
