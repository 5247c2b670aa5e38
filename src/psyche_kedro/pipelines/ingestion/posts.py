"""Counselling posts (Type IV): one row per candidate conversation.

Type IV is community posts with their replies and multi-turn dialogues (§2.1). A post
with n replies is n candidates of one thread; a post without any is one, for the filter
to reject with its reason.

Layouts, by their fields:

- PsyQA: ``{question, description, answers: [{answer_text}]}``
- ``{ques_info: {title, content}, answers_info: [{content}]}``
- SmileChat: ``{turns: [{role, content}]}``, or the list of turns as a file
- ``{messages: [{role, content}]}``, ``{conversations: [{from, value}]}``
- ``{conversation: [{system, input, output}]}``, or one such triple
- ``{text: "来访者：…"}``, or a list of such lines, or a text file of them
- CSV and Excel with a post and a reply per row
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files import records
from psyche_kedro.pipelines.ingestion.files.file_types import file_type
from psyche_kedro.pipelines.ingestion.files.sources import Row, read_bytes
from psyche_kedro.tables import content_id
from psyche_kedro.text.encodings import decode
from psyche_kedro.text.words import name_of_word, word_lists

Message = dict[str, str]

_NAMES = word_lists(__package__, "names.yml")
ROLES = name_of_word(_NAMES["roles"])
_SPEAKERS = sorted((n for n in ROLES if not n.isascii()), key=len, reverse=True)
_SPEAKER = re.compile(rf"^\s*({'|'.join(_SPEAKERS)})\s*[:：]\s*")
_POST_COLUMN_OF = name_of_word(_NAMES["columns"])
_TURN_LISTS = ("turns", "messages", "dialog", "dialogue", "conversations")
_SAID = ("content", "value", "text", "utterance")
_REPLY_LISTS = ("answers", "answers_info", "replies", "comments")
_UNKNOWN_LAYOUT = (
    "No known layout of posts or dialogues: expected `question` and `answers`, "
    "`turns`, `messages`, `conversation` or `text`."
)


def read_post_file(file: SourceFile) -> Iterator[Row | UnreadableSource]:
    """Yield the ``Posts`` rows of one file.

    A record of no known layout is yielded as an ``UnreadableSource``, the others go on.
    """
    for locator, record in post_records(file):
        try:
            yield from _rows(record, file.name, locator)
        except UnreadableSource as error:
            yield UnreadableSource(error.reason, f"{locator}: {error.detail}")


def post_records(file: SourceFile) -> list[tuple[str, Any]]:
    """Return ``(locator, record)`` of a file of posts or dialogues.

    Raises:
        UnreadableSource: If the file is damaged or of no known type.
    """
    data = read_bytes(file)
    match file_type(file.name, data):
        case "json" | "jsonl":
            return _dialogue_of_turns(records.read_json(data))
        case "csv":
            return _threads(records.read_csv(data), "row ")
        case "xls" | "xlsx":
            sheets = records.read_excel(data).items()
            return [t for name, cells in sheets for t in _threads(cells, f"{name}!")]
        case "text" | "markdown":
            return _text_dialogues(decode(data))
        case other:
            raise UnreadableSource(
                "unknown_type",
                f"Posts were expected, a file of type '{other}' came: give JSON, CSV, "
                "Excel or TXT.",
            )


def _dialogue_of_turns(items: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """SmileChat keeps one dialogue per file: a list of turns is one record."""
    if items and all(_is_turn(item) for _, item in items):
        return [("file", {"turns": [item for _, item in items]})]
    return items


def _is_turn(item: Any) -> bool:
    return isinstance(item, Mapping) and {"role", "content"} <= item.keys()


def _threads(cells: Sequence[Sequence[str]], where: str) -> list[tuple[str, Any]]:
    """Gather the rows of one post: by its thread column, else by its words.

    A row that has but its thread's id goes on with that thread, as below merged cells.
    """
    threads: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {}
    last: dict[str, tuple[str, ...]] = {}
    for locator, row in records.table_records(cells, post_column, where):
        fields = {name: v.strip() for k, v in row.items() if (name := post_column(k))}
        thread, *words = [fields.get(n, "") for n in ("thread", "title", "body")]
        key = last.get(thread, (locator,)) if not any(words) else (thread, *words)
        last |= {thread: key} if thread else {}
        post = {"question": words[0], "description": words[1], "answers": []}
        _, record = threads.setdefault(key, (locator, post))
        if fields.get("reply"):
            record["answers"].append({"answer_text": fields["reply"]})
    return list(threads.values())


def post_column(text: str) -> str | None:
    """Return the canonical name of a column of posts, or None."""
    return _POST_COLUMN_OF.get(text.strip().lower())


def _text_dialogues(text: str) -> list[tuple[str, Any]]:
    """Return the dialogues of a text; ``===`` or ``---`` stands between them."""
    parts = re.split(r"\n\s*(?:={3,}|-{3,}|\*{3,})\s*\n", text)
    return [(f"dialogue {n}", {"text": p}) for n, p in enumerate(parts, 1) if p.strip()]


# ---- layouts ---------------------------------------------------------------------


def _rows(record: Any, source: str, locator: str) -> Iterator[Row]:
    thread = content_id(source, locator)
    conversations = [without_system(talk) for talk in conversations_of(record)]
    kind = "dialogue" if is_dialogue(record) else "community"
    for number, messages in enumerate(conversations, 1):
        place = locator if len(conversations) == 1 else f"{locator} reply {number}"
        words = [m["content"] for m in messages]
        yield {
            "post_id": content_id(source, place, *words),
            "thread_id": thread,
            "source": source,
            "locator": place,
            "kind": kind,
            "messages": messages,
        }


def is_dialogue(record: Any) -> bool:
    """Return whether a record is a dialogue, not a post with replies."""
    return not isinstance(record, Mapping) or not any(
        name in record for name in _REPLY_LISTS
    )


def conversations_of(record: Any) -> list[list[Message]]:
    """Return the candidate conversations of a record: one per reply, one per dialogue.

    Raises:
        UnreadableSource: If the record has no known layout or no words.
    """
    if not is_dialogue(record):
        return _replies(record)
    return [dialogue_of(record)]


def _replies(record: Mapping[str, Any]) -> list[list[Message]]:
    post = _post_text(record)
    if not post:
        raise UnreadableSource("empty_post", "The post has no words.")
    name = next(name for name in _REPLY_LISTS if name in record)
    answers = record[name] or []
    if not isinstance(answers, list):
        raise UnreadableSource("unknown_layout", f"`{name}` should be a list.")
    replies = [_reply_text(answer) for answer in answers]
    opening = {"role": "user", "content": post}
    if not replies:
        return [[opening]]
    return [[opening, {"role": "assistant", "content": reply}] for reply in replies]


def _post_text(record: Mapping[str, Any]) -> str:
    info = record.get("ques_info")
    info = info if isinstance(info, Mapping) else record
    names = ("title", "question", "description", "content", "post", "body")
    parts = [_said(info.get(name)) for name in names]
    return "\n".join(dict.fromkeys(part for part in parts if part))


def _reply_text(answer: Any) -> str:
    if isinstance(answer, str):
        return answer.strip()
    if not isinstance(answer, Mapping):
        raise UnreadableSource("unknown_layout", "A reply should be text or a record.")
    names = ("answer_text", "content", "text")
    return next(filter(None, (_said(answer.get(name)) for name in names)), "")


def _said(value: Any) -> str:
    """Return a value as the words it is; '' for none.

    Raises:
        UnreadableSource: If it is no text: its notation is no one's words.
    """
    if isinstance(value, Mapping | list):
        raise UnreadableSource(
            "unknown_layout", "Words came as a list or record: give them as text."
        )
    return "" if value is None else str(value).strip()


def without_system(messages: list[Message]) -> list[Message]:
    """Return the messages that people spoke: a system prompt is no one's words."""
    return [message for message in messages if message["role"] != "system"]


def dialogue_of(record: Any) -> list[Message]:
    """Return the messages of a dialogue; neighbours of one speaker are one message.

    Raises:
        UnreadableSource: If the record has no known layout, role or words.
    """
    turns = [(role, text.strip()) for role, text in _turns(record) if text.strip()]
    if not turns:
        raise UnreadableSource("unknown_layout", _UNKNOWN_LAYOUT)
    messages: list[Message] = []
    for role, text in turns:
        if messages and messages[-1]["role"] == role:
            messages[-1] = {
                "role": role,
                "content": f"{messages[-1]['content']}\n{text}",
            }
        else:
            messages.append({"role": role, "content": text})
    return messages


def _turns(record: Any) -> Iterator[tuple[str, str]]:
    if isinstance(record, list):
        yield from _spoken_lines([str(line) for line in record])
    elif not isinstance(record, Mapping):
        raise UnreadableSource("unknown_layout", _UNKNOWN_LAYOUT)
    elif isinstance(record.get("text"), str):
        yield from _spoken_lines(record["text"].split("\n"))
    elif isinstance(record.get("conversation"), list):
        yield from _triples(record["conversation"])
    elif {"input", "output"} <= record.keys() and "instruction" not in record:
        yield from _triples([record])
    else:
        name = next((k for k in _TURN_LISTS if isinstance(record.get(k), list)), "")
        yield from (_turn(turn) for turn in record.get(name, []))


def _turn(turn: Any) -> tuple[str, str]:
    """Return who said what; a turn without words under a known name is not passed over.

    Raises:
        UnreadableSource: If it has no known role or no known name for its words.
    """
    name = next((n for n in _SAID if isinstance(turn, Mapping) and n in turn), None)
    if name is None:
        raise UnreadableSource("unknown_layout", _UNKNOWN_LAYOUT)
    return _role(turn), _said(turn[name])


def _triples(turns: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for turn in turns:
        if not isinstance(turn, Mapping) or not {"input", "output"} & turn.keys():
            raise UnreadableSource("unknown_layout", _UNKNOWN_LAYOUT)
        yield "system", _said(turn.get("system"))
        yield "user", _said(turn.get("input"))
        yield "assistant", _said(turn.get("output"))


def _role(turn: Mapping[str, Any]) -> str:
    names = (turn.get(name) for name in ("role", "from", "speaker"))
    name = str(next(filter(None, names), "")).strip().lower()
    if name not in ROLES:
        raise UnreadableSource(
            "unknown_role",
            f"A speaker of no known role came: expected one of {sorted(ROLES)[:6]} ….",
        )
    return ROLES[name]


def _spoken_lines(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    role = None
    for line in lines:
        match = _SPEAKER.match(line)
        role = ROLES[match[1]] if match else role
        if role is None and line.strip():
            raise UnreadableSource(
                "unknown_role", "A line before the first `来访者：` has no speaker."
            )
        if role is not None:
            yield role, line[match.end() :] if match else line
