"""Every reply ever paid for, in one SQLite file, found by what changes a reply.

The address of a reply is the SHA-256 of the model's identity, the messages, the
sampling and the purpose (sample, attempt, round). It leaves out what changes no reply:
task label, URL, key, time-outs, concurrency; and the schema, which says in another form
what the prompt asks for, and which not every endpoint heeds. So a killed run repeats
nothing but what was in flight, a second endpoint serves the first one's replies, and a
regeneration never replays the answer that it is meant to replace.

Failures stand in a table of their own. Those that would fail again in the same way
(``OWN_REASONS``) are remembered and not asked again until someone forgets them
(``kedro replies retry``); all others are asked again by the next run.
"""

import contextlib
import hashlib
import itertools
import json
import re
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, Final

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome, Reply, Usage
from psyche_kedro.llm.write_ahead import write_ahead

OWN_REASONS: Final = frozenset(
    {
        "content_filter",
        "context_length",
        "only_reasoning",
        "truncated",
        "unknown_finish",
    }
)
"""Failures that the same request would meet again, some of them at full price.

Not ``bad_request``: a server started with the wrong model or options says 400 to what
is sound, and a 400 costs nothing.
"""

_KEY_VERSION: Final = 1
# Made once: json.dumps would make one for each of a million addresses.
_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":")
)
_BUSY_SECONDS: Final = 60.0
_MOST_UNPACKED: Final = 2**28
_SELECT_REPLIES: Final = (
    "SELECT key, model, text, reasoning, finish_reason, input_tokens, output_tokens,"
    " estimated, seconds FROM replies WHERE key IN (%s)"
)
_SELECT_FAILURES: Final = (
    "SELECT key, model, reason, detail, partial FROM failures"
    " WHERE key IN (%s) AND reason IN (%s)"
)
_INSERT_REPLIES: Final = (
    "INSERT OR IGNORE INTO replies (key, model, task, text, reasoning, finish_reason,"
    " input_tokens, output_tokens, estimated, stored_at, seconds) VALUES %s"
)
_ADD_HITS: Final = (
    "INSERT INTO hits VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET hits = hits + excluded.hits"
)
_REPLY_TYPES: Final = (bytes, str, bytes, bytes, str, int, int, int, float | int | None)
_FAILURE_TYPES: Final = (bytes, str, str, str, bytes)
_PARTIAL: Final = ("text", "reasoning", "finish_reason", "seconds")
"""What is kept of a reply that was cut, beside its usage."""
_DELETE_FAILURES: Final = "DELETE FROM failures WHERE key IN (%s)"
_MENDS: Final = {
    "disk is full|No space": "free some space on its disk and run the same command"
    " again",
    # What SQLite says of a disk that is full from the beginning.
    "disk I/O": "see whether its disk is full or failing and run the same command"
    " again",
    "readonly|Read-only|Permission": "make its folder writable or choose another with"
    " --params data=…",
    "locked|busy": "wait for the process that holds it",
    "unable to open": "make its folder readable and writable",
}
_MIGRATIONS: Final = (
    """
    CREATE TABLE replies (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        model TEXT NOT NULL,
        task TEXT NOT NULL,
        text BLOB NOT NULL,
        reasoning BLOB NOT NULL,
        finish_reason TEXT NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        estimated INTEGER NOT NULL,
        stored_at INTEGER NOT NULL
    );
    CREATE TABLE failures (
        key BLOB PRIMARY KEY,
        model TEXT NOT NULL,
        task TEXT NOT NULL,
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        request BLOB NOT NULL,
        body BLOB NOT NULL,
        failed_at INTEGER NOT NULL
    );
    CREATE TABLE submissions (
        id TEXT PRIMARY KEY,
        base_url TEXT NOT NULL,
        model TEXT NOT NULL,
        batch TEXT
    );
    CREATE TABLE submitted_calls (
        key BLOB NOT NULL,
        submission TEXT NOT NULL
    );
    CREATE TABLE schema_modes (
        base_url TEXT NOT NULL,
        model TEXT NOT NULL,
        mode TEXT NOT NULL,
        PRIMARY KEY (base_url, model)
    );
    """,
    """
    CREATE TABLE hits (
        model TEXT NOT NULL,
        task TEXT NOT NULL,
        hits INTEGER NOT NULL,
        PRIMARY KEY (model, task)
    );
    """,
    """
    ALTER TABLE replies ADD COLUMN seconds REAL;
    ALTER TABLE failures ADD COLUMN partial BLOB NOT NULL DEFAULT x'';
    """,
)


@dataclass(frozen=True, slots=True)
class ReplyRecord:
    """A reply on its way into the store.

    Attributes:
        reply: As the node sees it.
        task: The node that asked.
        packed: Text and reasoning, compressed where the record is made: zlib lets the
            interpreter go for each, and a committing thread would wait to get it back.
    """

    reply: Reply
    task: str
    packed: tuple[bytes, bytes] = field(init=False)

    def __post_init__(self) -> None:
        packed = pack(self.reply.text), pack(self.reply.reasoning)
        object.__setattr__(self, "packed", packed)

    @property
    def outcome(self) -> Reply:
        """What the node is given."""
        return self.reply


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """A failure on its way into the store, with what it takes to repair it.

    Attributes:
        failure: As the node sees it.
        task: The node that asked.
        request: The request as JSON.
        attempts: How often it was sent.
        body: What came back, as it came.
    """

    failure: Failure
    task: str
    request: str
    attempts: int
    body: str

    @property
    def outcome(self) -> Failure:
        """What the node is given."""
        return self.failure


Record = ReplyRecord | FailureRecord


def address_request(
    model: str, sampling: Mapping[str, Any], request: ChatRequest
) -> str:
    """Return the content address of one request to one model.

    Args:
        model: Identity of the model, revision included.
        sampling: The model's sampling with the request's own laid over it.
        request: Messages, schema and purpose.

    Returns:
        SHA-256, 64 hexadecimal digits.
    """
    content = [
        _KEY_VERSION,
        model,
        [[message["role"], message["content"]] for message in request.messages],
        {name: _plain(value) for name, value in sampling.items()},
        None,  # once the schema's place
        [request.sample, request.attempt, request.round],
    ]
    encoded = _CANONICAL.encode(content)
    return hashlib.sha256(encoded.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    """Return ``1`` for ``1.0``: YAML writes the same temperature both ways."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class ReplyStore:
    """One file of replies, safe to share between threads and processes.

    Args:
        path: The database; made with its folder on first use.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @contextlib.contextmanager
    def open(self) -> Iterator["StoreSession"]:
        """Yield a connection to the store, migrated to this version.

        Raises:
            ChatModelError: If the file cannot be made, read or understood.
        """
        with explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path,
                isolation_level=None,
                timeout=_BUSY_SECONDS,
                check_same_thread=False,
            )
        with contextlib.closing(connection):
            with explained(self.path):
                _prepare(connection, self.path)
            yield StoreSession(connection, self.path)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite or the file system says into one sentence with a mend."""
    try:
        yield
    # SQLite quotes a damaged schema, which may be no text.
    except (sqlite3.Error, OSError, zlib.error, UnicodeDecodeError) as error:
        raise ChatModelError(
            f"The reply store {path} cannot be used ({error}): {_mend(error)}."
        ) from error


class StoreSession:
    """An open connection to a reply store; one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path

    def look_up(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """Return the stored reply, or remembered failure, of each key that has one."""
        with explained(self._path):
            return self._found([bytes.fromhex(key) for key in keys])

    def commit(self, records: Sequence[Record]) -> dict[str, Outcome]:
        """Store ``records`` in one transaction; the first reply under a key wins.

        Returns:
            For each key what the store now holds: another process's reply where that
            came first, else what was handed in.
        """
        replies = [record for record in records if isinstance(record, ReplyRecord)]
        failures = [record for record in records if isinstance(record, FailureRecord)]
        settled: dict[str, Outcome] = {r.failure.key: r.failure for r in failures}
        settled |= {record.reply.key: record.reply for record in replies}
        with self.transaction():
            earlier = self._replies([bytes.fromhex(r.reply.key) for r in replies])
            self._insert(r for r in replies if r.reply.key not in earlier)
            self._insert_failures(failures)
        return settled | earlier

    def add_hits(self, model: str, hits: Mapping[str, int]) -> None:
        """Count how often replies of ``model`` were used again, by who asked."""
        self.write(_ADD_HITS, [(model, task, count) for task, count in hits.items()])

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query."""
        with explained(self._path):
            return self._db.execute(query, values).fetchall()

    def each(self, query: str) -> Iterator[Any]:
        """Yield the rows of a query one by one, for what does not fit in memory."""
        with explained(self._path):
            yield from self._db.execute(query)

    def write(self, statement: str, rows: Iterable[Sequence[Any]] = ((),)) -> int:
        """Run a statement for each row of values; return how many rows it changed."""
        with explained(self._path):
            return self._db.executemany(statement, rows).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all or nothing of what is written inside."""
        with explained(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _found(self, keys: Sequence[bytes]) -> dict[str, Outcome]:
        return self._failures(keys) | self._replies(keys)

    def _replies(self, keys: Sequence[bytes]) -> dict[str, Outcome]:
        rows = self._db.execute(_SELECT_REPLIES % _marks(keys), keys)
        return {(reply := _reply(row)).key: reply for row in rows}

    def _failures(self, keys: Sequence[bytes]) -> dict[str, Outcome]:
        rows = self._db.execute(
            _SELECT_FAILURES % (_marks(keys), _marks(OWN_REASONS)),
            [*keys, *OWN_REASONS],
        )
        return {
            key.hex(): Failure(
                reason, detail, key.hex(), model, _partial(partial, key.hex(), model)
            )
            for row in rows
            for key, model, reason, detail, partial in [checked(_FAILURE_TYPES, row)]
        }

    def _insert(self, records: Iterable[ReplyRecord]) -> None:
        now = int(time.time())
        rows = [_row(record, now) for record in records]
        if not rows:
            return
        # One statement for all rows: SQLite lets the interpreter go at each statement,
        # and a busy event loop gives it back milliseconds later.
        # OR IGNORE: one group may hold the same key twice.
        self._db.execute(
            _INSERT_REPLIES % ",".join([f"({_marks(rows[0])})"] * len(rows)),
            list(itertools.chain.from_iterable(rows)),
        )
        keys = [row[0] for row in rows]
        self._db.execute(_DELETE_FAILURES % _marks(keys), keys)

    def _insert_failures(self, records: Sequence[FailureRecord]) -> None:
        now = int(time.time())
        self._db.executemany(
            "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_failure_row(record, now) for record in records],
        )


def _marks(values: Sequence[Any] | frozenset[Any]) -> str:
    return ",".join("?" * len(values))


def _row(record: ReplyRecord, now: int) -> tuple[Any, ...]:
    reply = record.reply
    return (
        bytes.fromhex(reply.key),
        reply.model,
        record.task,
        *record.packed,
        reply.finish_reason,
        reply.usage.input_tokens,
        reply.usage.output_tokens,
        reply.usage.estimated,
        now,
        reply.seconds,
    )


def _failure_row(record: FailureRecord, now: int) -> tuple[Any, ...]:
    failure = record.failure
    return (
        bytes.fromhex(failure.key),
        failure.model,
        record.task,
        failure.reason,
        failure.detail,
        record.attempts,
        pack(record.request),
        pack(record.body),
        now,
        _pack_partial(failure.partial),
    )


def checked(types: Sequence[Any], row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row of a store.

    Raises:
        zlib.error: If a field is of another type than was stored.
    """
    if not all(map(isinstance, row, types)):
        raise zlib.error("a field of another type")
    return row


def _reply(row: tuple[Any, ...]) -> Reply:
    key, model, text, reasoning, finish_reason, given, made, estimated, seconds = (
        checked(_REPLY_TYPES, row)
    )
    return Reply(
        text=unpack(text),
        model=model,
        key=key.hex(),
        reasoning=unpack(reasoning),
        finish_reason=finish_reason,
        usage=Usage(given, made, bool(estimated)),
        seconds=seconds,
    )


def _pack_partial(partial: Reply | None) -> bytes:
    if partial is None:
        return b""
    said = {name: getattr(partial, name) for name in _PARTIAL}
    return pack(json.dumps(said | {"usage": astuple(partial.usage)}))


def _partial(packed: bytes, key: str, model: str) -> Reply | None:
    """Return what was kept of a reply that the token limit cut."""
    if not packed:
        return None
    try:
        said = json.loads(unpack(packed))
        return Reply(key=key, model=model, **said | {"usage": Usage(*said["usage"])})
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise zlib.error("the part of a reply") from error


def pack(text: str) -> bytes:
    """Return ``text`` compressed; zlib's own checksum guards it."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1) if text else b""


def unpack(blob: bytes) -> str:
    """Return the text of ``pack``.

    Raises:
        zlib.error: If the bytes are not what was packed.
    """
    if not blob:
        return ""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(blob, _MOST_UNPACKED)
        text = unpacked.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise zlib.error("no text") from error
    if not unpacker.eof:
        raise zlib.error("a text that is cut, or far too long")
    return text


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the journal up and bring an older file's tables to this version."""
    write_ahead(connection)
    # FULL: a commit is on the disk, not in its cache, before a reply counts as done.
    connection.execute("PRAGMA synchronous = FULL")
    version = _version(connection)
    if version > len(_MIGRATIONS):
        raise ChatModelError(
            f"The reply store {path} has schema {version}, this program knows"
            f" {len(_MIGRATIONS)}: use the newer psyche-kedro that wrote it."
        )
    if version < len(_MIGRATIONS):
        _migrate(connection, path)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Read again under the lock: another process may have migrated in between.
    version = _version(connection)
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        raise ChatModelError(
            f"The file {path} is a database of something else, no reply store: name"
            " another file."
        )
    for step in _MIGRATIONS[version:]:
        for statement in step.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _mend(error: BaseException) -> str:
    """Return what to do, and whether what was committed is safe."""
    text = str(error)
    for said, mend in _MENDS.items():
        if re.search(said, text):
            return f"{mend}; every reply committed before is still in it"
    if isinstance(error, zlib.error):
        return (
            "write what can be read to a file with `kedro replies export`, move the"
            " store away and import that file"
        )
    return "save what can be read with `sqlite3 FILE .recover`, then move it away"
