"""Benchmark items in their public layouts; an item is flagged, never lost.

PCEB (the paper's main benchmark, §3.1): ``pceb/{theory,moral}/{single,multiple}/…`` and
``pceb/cases/{mix,essay}/…``. A case question is single or multiple by the number of its
gold letters: only so are the paper's 748 and 878 reproduced (the words 单选/多选 in the
stem contradict the gold on two items).

CPsyExam: ``cpsyexam/{mcq,qa}/{train,dev,test}``. ``train`` gives the exemplars of the
five-shot protocol; its authors withhold the choice answers of ``test``.

Counselling (PsyDT's layout): ``{messages}``; the last reply is the reference and the
turns before it are the item. The file's own system prompt is kept in ``stem``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.banks.question_banks import flatten
from psyche_kedro.pipelines.ingestion.banks.questions import (
    looks_like_question,
    parse_question,
)
from psyche_kedro.pipelines.ingestion.files.records import read_json
from psyche_kedro.pipelines.ingestion.files.sources import Row, read_bytes
from psyche_kedro.pipelines.ingestion.posts import (
    Message,
    conversations_of,
    post_records,
    without_system,
)
from psyche_kedro.tables import CHOICE_TYPES, content_id

CPSYEXAM_KINDS = {
    "knowledge": "knowledge",
    "analyse": "case",
    "qa_knowledge": "knowledge",
    "qa_analyse": "case",
}
PCEB_FOLDERS = {
    "single": "single",
    "multiple": "multiple",
    "mix": None,
    "essay": "case",
}
CPSYEXAM_SPLITS = {"train": "exemplar", "dev": "dev", "test": "test"}
"""What each of its folders is for; the two others have no folder but their test."""


def read_benchmark_file(file: SourceFile) -> Iterator[Row | UnreadableSource]:
    """Yield the ``BenchmarkItems`` rows of one file.

    Raises:
        UnreadableSource: If the folder is no known benchmark or the file unreadable.
    """
    benchmark, *folders = file.name.split("/")[:-1] or [""]
    if benchmark == "counselling":
        yield from _counselling_items(file)
    elif benchmark == "pceb":
        _require_cell(folders)
        yield from _exam_items(file, "pceb", folders)
    elif benchmark == "cpsyexam":
        _require_split(folders)
        yield from _exam_items(file, "cpsyexam", folders)
    else:
        raise UnreadableSource(
            "unknown_benchmark",
            f"The folder '{benchmark}' is none of pceb, cpsyexam, counselling.",
        )


def _require_cell(folders: list[str]) -> None:
    if len(folders) < 2 or folders[1] not in PCEB_FOLDERS:  # noqa: PLR2004
        raise UnreadableSource(
            "unknown_folder",
            f"PCEB's files stand in <part>/<{'|'.join(PCEB_FOLDERS)}>, this one in "
            f"'{'/'.join(folders)}': move it there.",
        )


def _require_split(folders: list[str]) -> None:
    if len(folders) < 2 or folders[1] not in CPSYEXAM_SPLITS:  # noqa: PLR2004
        raise UnreadableSource(
            "unknown_folder",
            f"CPsyExam's files stand in <mcq|qa>/<{'|'.join(CPSYEXAM_SPLITS)}>, this "
            f"one in '{'/'.join(folders)}': move it there, so that what is scored is "
            "known from what is not.",
        )


def _exam_items(
    file: SourceFile, benchmark: str, folders: list[str]
) -> Iterator[Row | UnreadableSource]:
    for locator, record in flatten(read_json(read_bytes(file))):
        if looks_like_question(record):
            yield _exam_item(record, benchmark, folders, file.name, locator)
        else:
            yield UnreadableSource("unknown_layout", f"{locator} holds no question.")


def _exam_item(
    record: Mapping[str, Any],
    benchmark: str,
    folders: list[str],
    source: str,
    locator: str,
) -> Row:
    hint = PCEB_FOLDERS[folders[1]] if benchmark == "pceb" else None
    question = parse_question(record, type_hint=hint)
    flags = question.pop("parse_errors")
    item_id = content_id(source, locator, question["stem"])
    shared = question["case_text"]
    return question | {
        "item_id": item_id,
        "benchmark": benchmark,
        "cell": _cell(benchmark, folders, record, question["type"]),
        "split": _split(benchmark, folders),
        "source": source,
        "locator": locator,
        "cluster_id": content_id(source, shared) if shared else item_id,
        "messages": [],
        "flags": flags,
    }


def _split(benchmark: str, folders: list[str]) -> str:
    """Return what an item is for, by the rule of its benchmark's layout."""
    return CPSYEXAM_SPLITS[folders[1]] if benchmark == "cpsyexam" else "test"


def _cell(
    benchmark: str, folders: list[str], record: Mapping[str, Any], kind: str
) -> str:
    form = kind if kind in CHOICE_TYPES else ("essay" if benchmark == "pceb" else "qa")
    if benchmark == "pceb":
        return f"{folders[0].removesuffix('s')}_{form}"
    named = str(record.get("kind") or record.get("question_type") or "").lower()
    return f"{CPSYEXAM_KINDS.get(named, 'knowledge')}_{form}"


def _counselling_items(file: SourceFile) -> Iterator[Row | UnreadableSource]:
    for locator, record in post_records(file):
        try:
            conversations = conversations_of(record)
        except UnreadableSource as error:
            yield UnreadableSource(error.reason, f"{locator}: {error.detail}")
            continue
        yield from (_counselling_item(m, file.name, locator) for m in conversations)


def _counselling_item(messages: list[Message], source: str, locator: str) -> Row:
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
        "benchmark": "counselling",
        "cell": "counselling",
        "split": "test",
        "source": source,
        "locator": locator,
        "cluster_id": item_id,
        "messages": history,
        "flags": [] if history else ["no_history"],
    }
