"""Which calls are in which batch, kept beside the replies; ``batch.py`` says why."""

from collections.abc import Sequence
from dataclasses import dataclass

from psyche_kedro.llm.reply_store import ReplyStore


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
            session.write(
                "INSERT INTO submissions (id, base_url, model) VALUES (?, ?, ?)",
                [(submission, self.base_url, self.model)],
            )
            session.write(
                "INSERT INTO submitted_calls VALUES (?, ?)",
                [(bytes.fromhex(key), submission) for key in keys],
            )

    def name(self, submission: str, batch: str) -> None:
        """Note the provider's id of a submission."""
        with self.store.open() as session:
            session.write(
                "UPDATE submissions SET batch = ? WHERE id = ?", [(batch, submission)]
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

    def named(self) -> dict[str, str]:
        """Return the submission of each batch."""
        return {batch: submission for submission, batch in self._all() if batch}

    def keys(self) -> frozenset[str]:
        """Return the keys of all calls submitted and not collected."""
        return frozenset(
            key for submission, _ in self._all() for key in self.keys_of(submission)
        )

    def keys_of(self, submission: str) -> list[str]:
        """Return the keys of one submission's calls, in their order."""
        with self.store.open() as session:
            rows = session.rows(
                "SELECT key FROM submitted_calls WHERE submission = ? ORDER BY rowid",
                (submission,),
            )
        return [key.hex() for (key,) in rows]

    def settled(self, key: str) -> bool:
        """Return whether the store holds an outcome of ``key``, of either kind."""
        blob = bytes.fromhex(key)
        with self.store.open() as session:
            return bool(
                session.rows(
                    "SELECT 1 FROM replies WHERE key = ?"
                    " UNION SELECT 1 FROM failures WHERE key = ?",
                    (blob, blob),
                )
            )

    def _all(self) -> list[tuple[str, str | None]]:
        with self.store.open() as session:
            return session.rows(
                "SELECT id, batch FROM submissions WHERE base_url = ? AND model = ?",
                (self.base_url, self.model),
            )
