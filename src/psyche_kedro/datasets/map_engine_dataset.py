"""Where parts of tables and books are worked on, as a catalog entry."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from kedro.io import DatasetError

from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.project import in_project
from psyche_kedro.files.roots import is_remote
from psyche_kedro.partitions.engines import Crew, InProcess, MapEngine, Processes
from psyche_kedro.partitions.ray_engine import Ray
from psyche_kedro.partitions.store import PartitionStore
from psyche_kedro.workers.tasks import Limits

Kind = Literal["in_process", "processes", "ray"]
_MB = 1_000_000
_DEPTH = 1000
"""Calls in one another, as Python has it."""


class MapEngineDataset(ReadOnlyDataset[MapEngine]):
    """Does the work on parts in this process, in processes of this machine, or on Ray.

    Examples:
        ```yaml
        map_engine:
          type: psyche_kedro.datasets.MapEngineDataset
          kind: ray
          workers: 64
          store: s3://bucket/psyche/partitions  # every machine must reach it
          options:
            address: ${oc.env:RAY_ADDRESS}      # absent: Ray on this machine
            resources: {num_cpus: 1, memory: 2.0e+9}
        ```

    Args:
        kind: ``in_process``, ``processes`` or ``ray``.
        store: Folder of finished partitions, on any filesystem fsspec knows.
        workers: How many partitions at one time.
        seconds: That one partition may take; no limit holds in process.
        memory_mb: That one partition may take, beside an idle worker's.
        options: Of Ray: ``address``, and the ``resources`` of a worker.
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
        options: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if kind not in get_args(Kind):
            raise DatasetError(
                f"The map engine is '{kind}': it is {', '.join(get_args(Kind))}"
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
        root = store if is_remote(store) else str(in_project(store))
        self.store = PartitionStore(root, credentials or {})
        self._options = options or {}
        self.metadata = metadata

    def load(self) -> MapEngine:
        """Return the engine."""
        return MapEngine(self.store, self._crew())

    def check(self) -> None:
        """Refuse what cannot work, before the first node.

        Raises:
            ConfigurationError: If the store cannot be written and read, or Ray is not
                installed.
        """
        if self._kind == "ray" and find_spec("ray") is None:
            raise ConfigurationError(
                "The map engine is 'ray', which is not installed: `pip install"
                " 'psyche-kedro[ray]'` on every machine, or run with `--params"
                " engine=processes`."
            )
        self.store.check()

    def _crew(self) -> Crew:
        match self._kind:
            case "in_process":
                return InProcess()
            case "processes":
                return Processes(self._workers, self._limits)
        return Ray(
            self._workers, self._limits.seconds, self._ray_folder(), **self._options
        )

    def _ray_folder(self) -> Path | None:
        """Return a folder beside the store, if that is on this machine."""
        root = self.store.root
        return None if is_remote(root) else Path(root).with_name("ray")

    def _describe(self) -> dict[str, Any]:
        return {
            "kind": self._kind,
            "workers": self._workers,
            "store": self.store.root,
        }
