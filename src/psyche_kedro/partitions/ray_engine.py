"""Partitions on a Ray cluster, or on a Ray of this machine alone (the extra `ray`)."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.partitions.engines import (
    DEATHS,
    by_hand,
    died,
    refuse_unsendable,
)
from psyche_kedro.partitions.store import Job, do_apart
from psyche_kedro.partitions.work import Lost, Outcome, Partition
from psyche_kedro.workers.tasks import Lost as LostTask
from psyche_kedro.workers.tasks import attempt
from psyche_kedro.workers.worker import ONE_THREAD

_LONGEST_FOLDER: Final = 40
"""Characters: below it Ray makes sockets, whose paths the system bounds at 107."""
_RAYS: Final = {"num_cpus": "CPU", "num_gpus": "GPU"}
"""What a machine calls that of which a worker asks; ``memory`` is so called."""


class Ray:
    """An actor for each worker, on whatever machine has room for it.

    Args:
        n: How many.
        seconds: That one partition may take.
        folder: Where Ray of this machine keeps its session; None for a temporary one.
        address: Of a running cluster; None starts Ray here, on loopback alone.
        resources: Of an actor, as ``{num_cpus: 1, memory: 2e9}``.
    """

    def __init__(
        self,
        n: int,
        seconds: float,
        folder: Path | None,
        *,
        address: str | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        self._n = n
        self._seconds = seconds
        self._folder = folder
        self._address = address
        self._resources = dict(resources or {"num_cpus": 1})

    def outcomes(self, job: Job, partitions: Iterable[Partition]) -> Iterator[Outcome]:
        """See ``Crew``.

        Raises:
            ConfigurationError: If Ray does not answer, or the work cannot be sent.
        """
        refuse_unsendable(job)
        ray = self.connected()
        actor = ray.remote(
            runtime_env={"env_vars": self._environment()},
            max_restarts=0,
            **self._resources,
        )(_Worker)
        begin = partial(actor.remote, ray.put(job), job.seal)
        n = min(self._n, self._room(ray.nodes()))
        hands = [_Hand(ray, begin, self._seconds) for _ in range(n)]
        return by_hand(job, hands, partitions)

    def _environment(self) -> dict[str, str]:
        """Return what a worker is begun with; on this machine it imports what we do."""
        here = {} if self._address else {"PYTHONPATH": os.pathsep.join(sys.path)}
        return ONE_THREAD | here

    def _room(self, nodes: Iterable[Mapping[str, Any]]) -> int:
        """Return how many workers the machines hold; one beyond would wait for ever.

        Raises:
            ConfigurationError: If no machine holds one.
        """
        wanted = {_RAYS.get(k, k): amount for k, amount in self._resources.items()}
        room = sum(
            min(int(node["Resources"].get(k, 0) // n) for k, n in wanted.items() if n)
            for node in nodes
            if node["Alive"]
        )
        if not room:
            raise ConfigurationError(
                f"No machine of Ray has {wanted} for a worker: ask for less as"
                " `resources` among the `options` of `map_engine`."
            )
        return room

    def connected(self) -> Any:
        """Return Ray, connected to the cluster, or begun on this machine.

        Raises:
            ConfigurationError: If it does not answer.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # each is read on import
        # Without it a thread that outlives a connection begins a Ray of its own.
        os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
        if self._address is None:
            # Without it Ray of a Linux machine listens on every interface.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        import ray  # noqa: PLC0415 - the extra `ray`

        if ray.is_initialized():
            return ray
        try:
            where = {"address": self._address} if self._address else self._here()
            ray.init(log_to_driver=False, configure_logging=False, **where)
        except Exception as error:  # of no class in common
            raise ConfigurationError(
                f"Ray at {self._address or 'this machine'} does not answer"
                f" ({type(error).__name__}): see that it runs, or take"
                " `--params engine=processes`."
            ) from error
        return ray

    def _here(self) -> dict[str, Any]:
        """Return what begins a Ray of this machine."""
        return {
            "address": "local",  # not whatever RAY_ADDRESS names
            "num_cpus": self._n,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
            "_temp_dir": str(_private(self._folder)),
        }


def _private(folder: Path | None) -> Path:
    """Return a path that nobody else may enter; Ray opens to all what is made there."""
    if folder is None or len(str(folder.resolve())) > _LONGEST_FOLDER:
        folder = Path(tempfile.mkdtemp(prefix="ray-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder.resolve() / "r"


_CANNOT_BEGIN: Final = (
    "A worker of Ray cannot begin: install the same release of psyche-kedro, with what"
    " the work needs, on every machine."
)


class _Worker:
    """What Ray makes an actor of."""

    def __init__(self, job: Job, seal: str) -> None:
        self._do = partial(do_apart, job, seal)

    def do(self, partition: Partition) -> Outcome | LostTask:
        outcome: Outcome | LostTask = attempt(self._do, partition)
        return outcome


class _Hand:
    """An actor, begun with the first partition."""

    def __init__(self, ray: Any, begin: Callable[[], Any], seconds: float) -> None:
        self._ray = ray
        self._begin = begin
        self._seconds = seconds
        self._actor: Any = None

    def do(self, partition: Partition) -> Outcome:
        """See ``Hand``.

        Raises:
            ConfigurationError: If a worker cannot begin.
        """
        for _ in range(DEATHS):
            try:
                outcome = self._ray.get(
                    self._ready().do.remote(partition), timeout=self._seconds
                )
            except self._ray.exceptions.GetTimeoutError:
                self.stop()
                return Lost(
                    partition.name, "too_slow", f"it takes over {self._seconds:.0f} s"
                )
            except self._ray.exceptions.RayActorError as error:
                if error.actor_init_failed:
                    raise ConfigurationError(_CANNOT_BEGIN) from error
                self._actor = None
                continue
            if isinstance(outcome, LostTask):
                return Lost(partition.name, outcome.reason, outcome.detail)
            done: Outcome = outcome
            return done
        return died(partition)

    def _ready(self) -> Any:
        """Return the actor, once it has a machine: no partition is lost by waiting."""
        if self._actor is None:
            self._actor = self._begin()
            self._ray.get(self._actor.__ray_ready__.remote())
        return self._actor

    def stop(self) -> None:
        """See ``Hand``."""
        if self._actor is not None:
            self._ray.kill(self._actor)
            self._actor = None
