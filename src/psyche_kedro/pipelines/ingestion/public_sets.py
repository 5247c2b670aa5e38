"""Public sets that join the training sets as they are: D_ps and D_cp.

The paper adds PsycoLLM's multi-turn dialogues and knowledge QA to the SFT set (D_ps)
and a refined part of CPsyExam's training questions to the GRPO set (D_cp) (§2.4). They
are read by the readers of posts and banks, and never pooled with what is generated.

Layout: ``public/dialogues``, ``public/knowledge_qa``, ``public/exam_questions``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.banks.fields import parse_question
from psyche_kedro.pipelines.ingestion.files.sources import Row
from psyche_kedro.pipelines.ingestion.posts import (
    Message,
    conversations_of,
    post_records,
    without_system,
)
from psyche_kedro.tables import content_id

KINDS = {"dialogues": "dialogue", "knowledge_qa": "knowledge_qa"}
_EXAM_FOLDER = "exam_questions"


def folder_of(file: SourceFile) -> str:
    """Return the first folder of a file's name."""
    return file.name.split("/")[0]


def read_sample_file(file: SourceFile) -> Iterator[Row | UnreadableSource]:
    """Yield the ``PublicSamples`` rows of one file of dialogues or knowledge QA.

    Raises:
        UnreadableSource: If the file stands in no known folder or is unreadable.
    """
    kind = KINDS.get(folder_of(file))
    if kind is None:
        raise UnreadableSource(
            "unknown_folder",
            f"Public sets stand in {[*KINDS, _EXAM_FOLDER]}: move the file there.",
        )
    for locator, record in post_records(file):
        try:
            yield from _samples(record, kind, file.name, locator)
        except UnreadableSource as error:
            yield UnreadableSource(error.reason, f"{locator}: {error.detail}")


def _samples(record: Any, kind: str, source: str, locator: str) -> Iterator[Row]:
    talks = [_pair(record)] if kind == "knowledge_qa" else conversations_of(record)
    for number, messages in enumerate(map(without_system, talks), 1):
        place = locator if len(talks) == 1 else f"{locator} reply {number}"
        yield {
            "sample_id": content_id(source, place, *(m["content"] for m in messages)),
            "source": source,
            "locator": place,
            "kind": kind,
            "messages": messages,
        }


def _pair(record: Any) -> list[Message]:
    """Return question and answer as two turns.

    Raises:
        UnreadableSource: If either is missing.
    """
    fields = parse_question(record) if isinstance(record, Mapping) else {}
    if not fields.get("stem") or not fields.get("answer_text"):
        raise UnreadableSource(
            "unknown_layout", "A knowledge QA needs `question` and `answer`."
        )
    return [
        {"role": "user", "content": fields["stem"]},
        {"role": "assistant", "content": fields["answer_text"]},
    ]
