"""Which calls are in which batch, kept beside the replies; ``batch.py`` says why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psyche_kedro.llm.store.reply_store import ReplyStore, StoreSession


class Submitted(NamedTuple):
    """A submission that the provider knows, and the keys of its calls in order."""

    submission: str
    keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Submissions:
    """The submissions of one model to one provider.

    Attributes:
        store: The reply store.
        base_url: Of the provider.
        model: As the provider knows it.
    """

    store: ReplyStore
    base_url: str
    model: str

    def prepare(self, submission: str, keys: Sequence[str]) -> None:
        """Note the calls of a submission that is about to be sent."""
        with self.store.open() as session, session.transaction():
            self._insert(session, submission, keys)

    def name(self, submission: str, batch: str, keys: Sequence[str]) -> None:
        """Note the provider's id of a submission, and its calls where they are gone.

        Another process may have found the submission without an id, and no batch for
        it, while the file was still on its way up, and have taken it for a dead run's.
        """
        with self.store.open() as session, session.transaction():
            known = session.rows("SELECT 1 FROM submissions WHERE id = ?", [submission])
            if not known:
                self._insert(session, submission, keys)
            session.write(
                "UPDATE submissions SET batch = ? WHERE id = ?", [(batch, submission)]
            )

    def _insert(
        self, session: StoreSession, submission: str, keys: Sequence[str]
    ) -> None:
        session.write(
            "INSERT INTO submissions (id, base_url, model) VALUES (?, ?, ?)",
            [(submission, self.base_url, self.model)],
        )
        session.write(
            "INSERT INTO submitted_calls VALUES (?, ?)",
            [(bytes.fromhex(key), submission) for key in keys],
        )

    def drop(self, submission: str) -> None:
        """Forget a submission."""
        with self.store.open() as session, session.transaction():
            session.write("DELETE FROM submissions WHERE id = ?", [(submission,)])
            session.write(
                "DELETE FROM submitted_calls WHERE submission = ?", [(submission,)]
            )

    def nameless(self) -> list[str]:
        """Return those whose id at the provider is not known."""
        return [submission for submission, batch in self._all() if batch is None]

    def named(self) -> dict[str, Submitted]:
        """Return what is submitted and not collected, by the provider's id."""
        return {
            batch: Submitted(submission, self.keys_of(submission))
            for submission, batch in self._all()
            if batch
        }

    def keys_of(self, submission: str) -> list[str]:
        """Return the keys of one submission's calls, in their order."""
        with self.store.open() as session:
            rows = session.rows(
                "SELECT key FROM submitted_calls WHERE submission = ? ORDER BY rowid",
                (submission,),
            )
        return [key.hex() for (key,) in rows]

    def settled(self, key: str, since: float) -> bool:
        """Return whether the store holds a reply to ``key``, or a failure of late.

        Args:
            key: Of a call.
            since: Seconds since the epoch; an earlier run may have left a failure.
        """
        blob = bytes.fromhex(key)
        with self.store.open() as session:
            return bool(
                session.rows(
                    "SELECT 1 FROM replies WHERE key = ? UNION"
                    " SELECT 1 FROM failures WHERE key = ? AND failed_at >= ?",
                    (blob, blob, int(since)),
                )
            )

    def _all(self) -> list[tuple[str, str | None]]:
        with self.store.open() as session:
            return session.rows(
                "SELECT id, batch FROM submissions WHERE base_url = ? AND model = ?",
                (self.base_url, self.model),
            )
