"""Benchmark items in the layouts that cards name; an item is flagged, never lost.

``questions``: what a folder says of the items below it stands on the card: the part of
the benchmark, the type of its questions, what they are for. ``conversations``: the last
reply is the reference and the turns before it are the item; the file's own system
prompt is kept in ``stem``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.benchmarks import (
    Benchmarks,
    Conversations,
    Questions,
    conversation_flags,
)
from psyche_kedro.pipelines.ingestion.banks.fields import (
    looks_like_question,
    parse_question,
)
from psyche_kedro.pipelines.ingestion.banks.question_banks import bank_records
from psyche_kedro.pipelines.ingestion.files.sources import Row, read_bytes
from psyche_kedro.pipelines.ingestion.posts import (
    Message,
    conversations_of,
    post_records,
    without_system,
)
from psyche_kedro.tables import CHOICE_TYPES, content_id


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
    for item in bank_records(file.name, read_bytes(file)):
        if isinstance(item, UnreadableSource):
            yield item
            continue
        locator, record = item
        if looks_like_question(record):
            yield _question(record, layout, said, file.name, locator)
        else:
            yield UnreadableSource("unknown_layout", f"{locator} holds no question.")


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
            item = _conversation(messages, file.name, locator)
            yield item | {"cell": layout.cell}


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
