"""The reply store as a catalog entry, for what is kept there beside replies."""

from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.files.project import in_project
from psyche_kedro.llm.store.reply_store import ReplyStore


class ReplyStoreDataset(AbstractDataset[None, ReplyStore]):
    """The file of everything that was read or asked once.

    ```yaml
    page_store:
      type: psyche_kedro.datasets.ReplyStoreDataset
      store: ${root:store}
    ```

    Args:
        store: SQLite file, below the project's root.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(self, *, store: str, metadata: dict[str, Any] | None = None) -> None:
        self._store = in_project(store)
        self.metadata = metadata

    def load(self) -> ReplyStore:
        """Return the store; its file is made on first use."""
        return ReplyStore(self._store)

    def save(self, data: None) -> NoReturn:
        """Refuse: what is kept is never written as a whole."""
        raise DatasetError("The reply store is read-only here: no node may write it.")

    def _describe(self) -> dict[str, Any]:
        return {"store": str(self._store)}
