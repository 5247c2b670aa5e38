"""Where parts of tables and books are worked on, as a catalog entry."""

from typing import Any, Literal, NoReturn, get_args

from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.partitions.engines import Crew, InProcess, MapEngine, Processes
from psyche_kedro.partitions.store import PartitionStore
from psyche_kedro.workers.tasks import Limits

Kind = Literal["in_process", "processes"]
_MB = 1_000_000


class MapEngineDataset(AbstractDataset[None, MapEngine]):
    """Does the work on parts in this process, or in processes of this machine.

    Examples:
        ```yaml
        map_engine:
          type: psyche_kedro.datasets.MapEngineDataset
          kind: processes
          workers: 8
          store: data/partitions
        ```

    Args:
        kind: ``in_process`` or ``processes``.
        store: Folder of finished partitions, on any filesystem fsspec knows.
        workers: How many partitions at one time.
        seconds: That one partition may take; no limit holds in process.
        memory_mb: That one partition may take, beside an idle worker's.
        credentials: For the store's filesystem.
        metadata: Ignored by Kedro, read by Kedro-Viz.

    Raises:
        DatasetError: If there is no such kind, or no worker.
    """

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        kind: Kind,
        store: str,
        workers: int = 1,
        seconds: float = 3600,
        memory_mb: float = 4000,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if kind not in get_args(Kind):
            raise DatasetError(
                f"The map engine is '{kind}': it is {' or '.join(get_args(Kind))}"
                " (`--params engine=…`)."
            )
        if not isinstance(workers, int) or workers < 1:
            raise DatasetError(
                f"The map engine has {workers} workers: give a whole number from 1 on"
                " (`--params workers=…`)."
            )
        self._kind = kind
        self._workers = workers
        self._limits = Limits(seconds, int(memory_mb * _MB), _DEPTH)
        self.store = PartitionStore(store, credentials or {})
        self.metadata = metadata

    def load(self) -> MapEngine:
        """Return the engine."""
        return MapEngine(self.store, self._crew())

    def check(self) -> None:
        """Refuse a store that cannot be written and read, before the first node.

        Raises:
            ConfigurationError: If it cannot.
        """
        self.store.check()

    def save(self, data: None) -> NoReturn:
        """Refuse: an engine is configured, not made."""
        raise DatasetError("The map engine is read-only: no node may write it.")

    def _crew(self) -> Crew:
        if self._kind == "in_process":
            return InProcess()
        return Processes(self._workers, self._limits)

    def _describe(self) -> dict[str, Any]:
        return {
            "kind": self._kind,
            "workers": self._workers,
            "store": self.store.root,
        }


_DEPTH = 1000
"""Calls in one another, as Python has it."""
