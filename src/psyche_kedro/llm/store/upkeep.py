"""What ``kedro replies`` does to a store: look, prune, move, check, ask again."""

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.chat_model import Failure, Outcome, Reply, Usage
from psyche_kedro.llm.store.reply_store import (
    OWN_REASONS,
    ReplyRecord,
    ReplyStore,
    StoreSession,
    checked,
    unpack,
)

_IMPORT_GROUP: Final = 1_000
_KEY: Final = re.compile("[0-9a-f]{64}")
_MOST: Final = 2**31
_LINES: Final = (
    "SELECT key, model, task, text, reasoning, finish_reason, input_tokens,"
    " output_tokens, estimated FROM replies ORDER BY id"
)
_LINE_TYPES: Final = (bytes, str, str, bytes, bytes, str, int, int, int)


class Holding(NamedTuple):
    """What a store holds of one model and task, and how often it spared a call."""

    model: str
    task: str
    replies: int
    input_tokens: int
    output_tokens: int
    hits: int = 0


class Refusal(NamedTuple):
    """How often one task met one kind of failure."""

    model: str
    task: str
    reason: str
    requests: int


def list_holdings(session: StoreSession) -> list[Holding]:
    """Return the replies by model and task."""
    return [
        Holding(*row)
        for row in session.rows(
            "SELECT model, task, count(*), CAST(total(input_tokens) AS INTEGER),"
            " CAST(total(output_tokens) AS INTEGER), coalesce(max(hits), 0)"
            " FROM replies LEFT JOIN hits USING (model, task)"
            " GROUP BY model, task ORDER BY model, task"
        )
    ]


class Kept(NamedTuple):
    """One call of a store.

    Attributes:
        key: Its address.
        task: Who asked.
        at: When it was stored, in UTC.
        outcome: What came of it.
    """

    key: str
    task: str
    at: datetime
    outcome: Outcome


def find_calls(session: StoreSession, beginning: str) -> list[Kept]:
    """Return the calls whose address begins so, eleven at the most.

    Raises:
        ChatModelError: If that is no beginning of an address.
    """
    if not re.fullmatch("[0-9a-f]{4,64}", beginning):
        raise ChatModelError(
            f"'{beginning}' is no address of a reply: give four or more of the 64"
            " digits that a `reply_key` column or `kedro trace` shows."
        )
    at = "min(max(CAST(%s AS INTEGER), 0), 253402300799)"  # 9999, the last of years
    span = [bytes.fromhex(beginning.ljust(64, end)) for end in "0f0f"]
    rows = session.rows(
        f"SELECT key, task, {at % 'stored_at'}, model, NULL, NULL FROM replies"  # noqa: S608
        " WHERE key BETWEEN ? AND ? UNION ALL"
        f" SELECT key, task, {at % 'failed_at'}, model, reason, detail FROM failures"
        " WHERE key BETWEEN ? AND ? LIMIT 11",
        span,
    )
    found = session.look_up([row[0].hex() for row in rows])
    return [
        Kept(
            key.hex(),
            task,
            datetime.fromtimestamp(at, UTC),
            found.get(key.hex()) or Failure(reason, detail, key.hex(), model),
        )
        for key, task, at, model, reason, detail in rows
    ]


def holds_any(session: StoreSession, model: str) -> bool:
    """Return whether there is a reply of a model, of whatever revision."""
    query = "SELECT 1 FROM replies WHERE model = ? OR model GLOB ? || '@*' LIMIT 1"
    return bool(session.rows(query, [model, model]))


def list_refusals(session: StoreSession) -> list[Refusal]:
    """Return the failures by model, task and reason."""
    return [
        Refusal(*row)
        for row in session.rows(
            "SELECT model, task, reason, count(*) FROM failures"
            " GROUP BY model, task, reason ORDER BY model, task, reason"
        )
    ]


def prune_replies(
    session: StoreSession, *, model: str | None = None, task: str | None = None
) -> int:
    """Remove the replies of a model, a task or both; return how many.

    Raises:
        ChatModelError: If neither is named, that would be everything, or one that is
            nowhere in the store.
    """
    where, values = _where(session, {"model": model, "task": task})
    if not where:
        raise ChatModelError(
            "Pruning needs a --model or a --task: to remove every reply, delete the"
            " store's file."
        )
    removed = session.write(f"DELETE FROM replies{where}", [values])  # noqa: S608
    session.write(f"DELETE FROM hits{where}", [values])  # noqa: S608
    session.write("VACUUM")
    return removed


def forget_failures(
    session: StoreSession,
    *,
    model: str | None = None,
    task: str | None = None,
    reason: str | None = None,
) -> int:
    """Forget failures, so that the next run asks again; return how many.

    Raises:
        ChatModelError: If a name is nowhere in the store.
    """
    columns = {"model": model, "task": task, "reason": reason}
    where, values = _where(session, columns)
    return session.write(f"DELETE FROM failures{where}", [values])  # noqa: S608


class Pending(NamedTuple):
    """A batch that was submitted and not collected."""

    model: str
    batch: str
    """The provider's id, ``not named yet`` where a kill came before it was known."""
    calls: int


def list_pending(session: StoreSession) -> list[Pending]:
    """Return the batches that are still to be collected."""
    return [
        Pending(*row)
        for row in session.rows(
            "SELECT model, coalesce(batch, 'not named yet'), count(key)"
            " FROM submissions LEFT JOIN submitted_calls ON submission = id GROUP BY id"
        )
    ]


def abandon_batches(session: StoreSession) -> int:
    """Forget every batch that is still to be collected; return how many."""
    with session.transaction():
        session.write("DELETE FROM submitted_calls")
        return session.write("DELETE FROM submissions")


def _where(
    session: StoreSession, columns: Mapping[str, str | None]
) -> tuple[str, tuple[str, ...]]:
    named = {column: value for column, value in columns.items() if value is not None}
    for column, value in named.items():
        known = _names(session, column)
        if value not in known:
            names = ", ".join(sorted(map(str, known)))
            raise ChatModelError(
                f"The store holds nothing of {column} '{value}': name one of"
                f" {names or 'those that a run has asked'}."
            )
    where = " AND ".join(f"{column} = ?" for column in named)
    return f" WHERE {where}" if where else "", tuple(named.values())


def _names(session: StoreSession, column: str) -> set[str]:
    tables = ("failures",) if column == "reason" else ("failures", "replies")
    found = {
        name
        for table in tables
        for (name,) in session.rows(f"SELECT DISTINCT {column} FROM {table}")  # noqa: S608
    }
    return found | OWN_REASONS if column == "reason" else found


class Exported(NamedTuple):
    """How many replies were written, and how many could not be read."""

    written: int
    unreadable: int


def export_replies(session: StoreSession, path: Path) -> Exported:
    """Write every reply that can be read as a line of JSON.

    Raises:
        ChatModelError: If the file cannot be written.
    """
    written = unreadable = 0
    try:
        with path.open("w", encoding="utf-8", errors="surrogatepass") as file:
            for row in session.each(_LINES):
                try:
                    line = json.dumps(_as_line(row), ensure_ascii=False)
                except zlib.error:
                    unreadable += 1
                    continue
                file.write(line + "\n")
                written += 1
    except OSError as error:
        raise ChatModelError(
            f"The file {path} cannot be written ({error.strerror}): name another, or"
            " free some space."
        ) from error
    return Exported(written, unreadable)


def _as_line(row: tuple[Any, ...]) -> dict[str, Any]:
    key, model, task, text, reasoning, finish_reason, given, made, estimated = checked(
        _LINE_TYPES, row
    )
    return {
        "key": key.hex(),
        "model": model,
        "task": task,
        "text": unpack(text),
        "reasoning": unpack(reasoning),
        "finish_reason": finish_reason,
        "usage": [given, made, bool(estimated)],
    }


def import_replies(session: StoreSession, path: Path) -> int:
    """Add the replies of an export that the store does not have; return how many.

    Raises:
        ChatModelError: If a line is no exported reply.
    """
    before = _count(session)
    for group in _groups(_read_lines(path)):
        session.commit(group)
    return _count(session) - before


def _count(session: StoreSession) -> int:
    return int(session.rows("SELECT count(*) FROM replies")[0][0])


def _read_lines(path: Path) -> Iterator[ReplyRecord]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield _record(json.loads(line))
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                raise ChatModelError(
                    f"Line {number} of {path} is no exported reply"
                    f" ({type(error).__name__}): import what `kedro replies export`"
                    " wrote."
                ) from error


def _record(line: Mapping[str, Any]) -> ReplyRecord:
    """Return one exported reply.

    Raises:
        ValueError: If a field is not what an export writes; ``INSERT OR IGNORE`` would
            drop the row without a word.
    """
    texts = ("key", "model", "task", "text", "reasoning", "finish_reason")
    given, made, estimated = line["usage"]
    whole = all(isinstance(line[name], str) for name in texts)
    if not whole or not all(type(n) is int and 0 <= n < _MOST for n in (given, made)):
        raise ValueError("a field of another type")
    if not _KEY.fullmatch(line["key"]):
        raise ValueError("no key")
    reply = Reply(
        text=line["text"],
        model=line["model"],
        key=line["key"],
        reasoning=line["reasoning"],
        finish_reason=line["finish_reason"],
        usage=Usage(given, made, bool(estimated)),
    )
    return ReplyRecord(reply, line["task"])


def _groups(records: Iterable[ReplyRecord]) -> Iterator[list[ReplyRecord]]:
    group: list[ReplyRecord] = []
    for record in records:
        group.append(record)
        if len(group) == _IMPORT_GROUP:
            yield group
            group = []
    if group:
        yield group


def verify_store(store: ReplyStore) -> list[str]:
    """Return what is wrong with a store; nothing where all is well."""
    with store.open() as session:
        found = [row[0] for row in session.rows("PRAGMA integrity_check(20)")]
        wrong = [line for line in found if line != "ok"]
        for row in session.each(_LINES):
            try:
                _as_line(row)
            except zlib.error:
                key = row[0].hex() if isinstance(row[0], bytes) else "without a key"
                wrong.append(f"reply {key} cannot be read")
    return wrong
