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
- efaqa: ``{chats: [{sender, value}]}``; PsychEval: sessions, each with its turns
- ``{instruction, input, output, history}``
- CSV and Excel with a post and a reply per row
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.files import records
from psyche_kedro.pipelines.ingestion.files.file_types import file_type
from psyche_kedro.pipelines.ingestion.files.plain_text import plain, without_pictures
from psyche_kedro.pipelines.ingestion.files.sources import Row, read_bytes
from psyche_kedro.pipelines.ingestion.speakers import ROLES, own_words, spoken_lines
from psyche_kedro.tables import content_id
from psyche_kedro.text.encodings import decode
from psyche_kedro.text.words import name_of_word, word_lists

Message = dict[str, str]

_POST_COLUMN_OF = name_of_word(word_lists(__package__, "names.yml")["columns"])
_TURN_LISTS = (
    "turns",
    "messages",
    "dialog",
    "dialogue",
    "conversations",
    "chats",
    "session_dialogue",
)
_SAID = ("content", "value", "text", "utterance", "sentence", "message")
_SPOKEN_BY = ("role", "from", "speaker", "sender")
_AUTHOR = re.compile(
    r"author|poster|owner|nick|answerer|replier|(?:user|uid|asker)(?!.*(?:type|level|role|anon|gender|age))",
    re.IGNORECASE,
)
"""In the name of a field that says who wrote: author_id, nickName, userId."""
_ANYONE = re.compile(r"匿名|[游访]客|anonym|guest|(?:用户|网友|user)$", re.IGNORECASE)
"""A name that many go by."""
_IS_AUTHOR = ("is_author", "is_op", "is_owner", "is_lz", "is_poster")
_PERSONA = re.compile(
    r"^(?:你(?:现在)?是|现在你是|假[如设]你是|作为一[名位个]|扮演|请你?(?:扮演|作为)"
    r"|You are\b)"
)
"""An instruction that tells a model who it is, and no one's words."""
_MAX_LEVELS = 6
"""Of a record, below which no dialogue is looked for."""
_REPLY_WORDS = ("answer_text", "content", "text")
_WORDS = frozenset((*_SAID, *_REPLY_WORDS, "reply", "comment", "answer", "body"))
_FEW = 4
"""Characters of what may be a label."""
_FOLLOW_UP = re.compile(
    r"^\s*[【\[（(]?(?:楼主|题主|作者|提问者)(?:回复|补充|追问)?[】\])）]?\s*[:：]"
)
"""How an author's own reply begins."""
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
    """A file may be one dialogue: a list of turns (SmileChat), or of spoken lines."""
    said = [item for _, item in items]
    if said and all(map(_is_turn, said)):
        return [("file", {"turns": said})]
    if said and all(isinstance(item, str) for item in said):
        return [("file", said)]
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
        record.setdefault("author", fields.get("author"))
        if fields.get("reply"):
            answer = {"answer_text": fields["reply"], "author": fields.get("replier")}
            record["answers"].append(answer)
    return list(threads.values())


def post_column(text: str) -> str | None:
    """Return the canonical name of a column of posts, or None."""
    return _POST_COLUMN_OF.get(text.strip().lower())


def _text_dialogues(text: str) -> list[tuple[str, Any]]:
    """Return the dialogues of a text; ``===`` or ``---`` stands between them."""
    parts = re.split(r"\n\s*(?:={3,}|-{3,}|\*{3,})\s*\n", text)
    return [(f"dialogue {n}", {"text": p}) for n, p in enumerate(parts, 1) if p.strip()]


# ---- layouts ---------------------------------------------------------------------


def _rows(record: Any, source: str, locator: str) -> Iterator[Row | UnreadableSource]:
    thread = content_id(source, locator)
    conversations = [without_system(talk) for talk in conversations_of(record)]
    kind = "dialogue" if is_dialogue(record) else "community"
    part = "session" if kind == "dialogue" else "reply"
    for number, messages in enumerate(conversations, 1):
        place = locator if len(conversations) == 1 else f"{locator} {part} {number}"
        words = [m["content"] for m in messages]
        yield {
            "post_id": content_id(source, place, *words),
            "thread_id": thread,
            "source": source,
            "locator": place,
            "kind": kind,
            "messages": messages,
        }
    if n_own := sum(map(_of_author(record), _answers(record))):
        yield UnreadableSource(
            "author_follow_up",
            f"{locator}: {n_own} replies are by the post's author and answer nothing.",
        )
    if n_unread := _count_unread(record, conversations):
        yield UnreadableSource(
            "words_not_read",
            f"{locator}: {n_unread} texts lie below what is read, as replies to "
            "replies do.",
        )


def _count_unread(record: Any, conversations: Sequence[Sequence[Message]]) -> int:
    """Return how many texts of a record are in no message: none goes in silence."""
    if not isinstance(record, Mapping):
        return 0
    spoken = [m["content"] for messages in conversations for m in messages]
    own = filter(_of_author(record), _answers(record))
    read = dict.fromkeys([*spoken, *map(_reply_text, own)])
    below = (words for value in record.values() for words in _words_below(value))
    left = [said for words in below if (said := plain_words(words)) not in read]
    whole = "\n".join(read) if left else ""
    return sum(said not in whole for said in left)


def _words_below(value: Any, levels: int = _MAX_LEVELS) -> Iterator[str]:
    """Yield what stands under the names of words somewhere below a value."""
    if isinstance(value, list) and levels:
        for item in value:
            yield from _words_below(item, levels - 1)
    elif isinstance(value, Mapping) and levels and value.get("role") != "system":
        for name, child in value.items():
            if isinstance(child, str) and name in _WORDS and len(child) > _FEW:
                yield child
            yield from _words_below(child, levels - 1)


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
    nested = [] if _has_turns(record) else list(_nested_turns(record))
    return [dialogue_of({"turns": turns}) for turns in nested] or [dialogue_of(record)]


def _has_turns(record: Any) -> bool:
    """Return whether a record is one dialogue by its own fields."""
    if not isinstance(record, Mapping):
        return True
    names = ("text", "conversation", "input", "instruction", *_TURN_LISTS)
    return any(name in record for name in names)


def _nested_turns(value: Any, levels: int = _MAX_LEVELS) -> Iterator[list[Any]]:
    """Yield the lists of turns somewhere below a record: one session after another."""
    if isinstance(value, list) and value and all(map(_is_spoken, value)):
        yield value
    elif levels and isinstance(value, Mapping | list):
        below = value.values() if isinstance(value, Mapping) else value
        for child in below:
            yield from _nested_turns(child, levels - 1)


def _is_spoken(turn: Any) -> bool:
    return (
        isinstance(turn, Mapping)
        and any(name in turn for name in _SPOKEN_BY)
        and any(name in turn for name in _SAID)
    )


def _replies(record: Mapping[str, Any]) -> list[list[Message]]:
    post = _post_text(record)
    if not post:
        raise UnreadableSource("empty_post", "The post has no words.")
    of_author = _of_author(record)
    replies = [_reply_text(a) for a in _answers(record) if not of_author(a)]
    opening = {"role": "user", "content": post}
    if not replies:
        return [[opening]]
    return [[opening, {"role": "assistant", "content": reply}] for reply in replies]


def _answers(record: Any) -> list[Any]:
    if is_dialogue(record):
        return []
    name = next(name for name in _REPLY_LISTS if name in record)
    answers = record[name] or []
    if not isinstance(answers, list):
        raise UnreadableSource("unknown_layout", f"`{name}` should be a list.")
    return answers


def _of_author(record: Any) -> Callable[[Any], bool]:
    """Return what tells a follow-up of the post's author from an answer to it."""
    info = record.get("ques_info") if isinstance(record, Mapping) else None
    post = info if isinstance(info, Mapping) else record

    def is_own(answer: Any) -> bool:
        if isinstance(answer, str):
            return _FOLLOW_UP.match(answer) is not None
        if not isinstance(answer, Mapping) or not isinstance(post, Mapping):
            return False
        same = not _authors(post).isdisjoint(_authors(answer))
        flagged = any(answer.get(name) in (True, 1, "1", "true") for name in _IS_AUTHOR)
        words = next(filter(None, (answer.get(n) for n in _REPLY_WORDS)), "")
        return same or flagged or _FOLLOW_UP.match(str(words)) is not None

    return is_own


def _authors(record: Mapping[str, Any]) -> set[str]:
    """Return who wrote a record: names, and numbers with the field that has them."""
    return {
        who if isinstance(who, str) and not who.isdecimal() else f"{name} {who}"
        for name, who in record.items()
        if _AUTHOR.search(name) and not isinstance(who, bool)
        if who not in (None, "", 0, [], {}) and not _ANYONE.search(str(who))
    }


def _post_text(record: Mapping[str, Any]) -> str:
    info = record.get("ques_info")
    info = info if isinstance(info, Mapping) else record
    names = ("title", "question", "description", "content", "post", "body")
    parts = [_said(info.get(name)) for name in names]
    return "\n".join(dict.fromkeys(part for part in parts if part))


def _reply_text(answer: Any) -> str:
    if isinstance(answer, str):
        return plain_words(answer)
    if not isinstance(answer, Mapping):
        raise UnreadableSource("unknown_layout", "A reply should be text or a record.")
    return next(filter(None, (_said(answer.get(name)) for name in _REPLY_WORDS)), "")


def _said(value: Any) -> str:
    """Return a value as the words it is; '' for none.

    Raises:
        UnreadableSource: If it is no text: its notation is no one's words.
    """
    if isinstance(value, Mapping | list):
        raise UnreadableSource(
            "unknown_layout", "Words came as a list or record: give them as text."
        )
    return "" if value is None else plain_words(str(value))


def plain_words(text: str) -> str:
    """Return words as typed, without what pages put around them and pictures."""
    return without_pictures(plain(text)).strip()


def without_system(messages: list[Message]) -> list[Message]:
    """Return the messages that people spoke: a system prompt is no one's words."""
    return [message for message in messages if message["role"] != "system"]


def dialogue_of(record: Any) -> list[Message]:
    """Return the messages of a dialogue; neighbours of one speaker are one message.

    Raises:
        UnreadableSource: If the record has no known layout, role or words.
    """
    turns = [(role, own_words(role, text.strip())) for role, text in _turns(record)]
    turns = [turn for turn in turns if turn[1]]
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
        yield from spoken_lines([str(line) for line in record])
    elif not isinstance(record, Mapping):
        raise UnreadableSource("unknown_layout", _UNKNOWN_LAYOUT)
    elif isinstance(record.get("text"), str):
        yield from spoken_lines(plain_words(record["text"]).split("\n"))
    elif isinstance(record.get("conversation"), list):
        yield from _triples(record["conversation"])
    elif {"instruction", "output"} <= record.keys():
        yield from _instructed(record)
    elif {"input", "output"} <= record.keys():
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


def _instructed(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield alpaca's turns; an instruction that sets a persona is no one's words."""
    for pair in record.get("history") or []:
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004
            raise UnreadableSource("unknown_layout", _UNKNOWN_LAYOUT)
        yield from zip(("user", "assistant"), map(_said, pair), strict=True)
    yield "system", _said(record.get("system"))
    told, asked = _said(record.get("instruction")), _said(record.get("input"))
    yield ("system" if asked and _PERSONA.match(told) else "user"), told
    yield "user", asked
    yield "assistant", _said(record.get("output"))


def _role(turn: Mapping[str, Any]) -> str:
    names = (turn.get(name) for name in _SPOKEN_BY)
    name = str(next(filter(None, names), "")).strip().lower()
    if name not in ROLES:
        raise UnreadableSource(
            "unknown_role",
            f"A speaker of no known role came: expected one of {sorted(ROLES)[:6]} ….",
        )
    return ROLES[name]
