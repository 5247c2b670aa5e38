"""Partitions on a Ray cluster, or on a Ray of this machine alone (the extra `ray`)."""

import os
import signal
import sys
import tempfile
import time
import uuid
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
    """Workers of a Ray cluster, on whatever machine has room.

    Args:
        n: How many partitions at one time.
        seconds: That one partition may take.
        folder: Where Ray of this machine keeps its session; None for a temporary one.
        address: Of a running cluster; None starts Ray here, on loopback alone.
        resources: Of a worker, as ``{num_cpus: 1, memory: 2e9}``.
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
        self._refuse_no_room(ray.nodes())
        work = ray.remote(
            runtime_env={"env_vars": self._environment()},
            max_retries=0,
            **self._resources,
        )(_work)
        begin = partial(work.remote, ray.put(job), job.seal, self._seconds)
        hands = [_Hand(ray, begin, self._seconds) for _ in range(self._n)]
        return by_hand(job, hands, partitions)

    def _environment(self) -> dict[str, str]:
        """Return what a worker is begun with; on this machine it imports what we do."""
        here = {} if self._address else {"PYTHONPATH": os.pathsep.join(sys.path)}
        # Ray shares no worker between two environments: none has another map's work.
        return ONE_THREAD | here | {"PSYCHE_MAP": uuid.uuid4().hex}

    def _refuse_no_room(self, nodes: Iterable[Mapping[str, Any]]) -> None:
        """Refuse what no machine has: Ray would wait for one, without end.

        Raises:
            ConfigurationError: If no machine has what a worker asks for.
        """
        asked = {_RAYS.get(name, name): n for name, n in self._resources.items()}
        machines = [node["Resources"] for node in nodes if node["Alive"]]
        if not any(all(m.get(k, 0) >= n for k, n in asked.items()) for m in machines):
            raise ConfigurationError(
                f"No machine of Ray has {asked} for a worker: ask for less as"
                " `resources` among the `options` of `map_engine`."
            )

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


_LOOK_SECONDS: Final = 1.0
_STOPPED: Final = LostTask("given_up", "the run has ended")
_CANNOT_BEGIN: Final = (
    "A worker of Ray cannot begin: install the same release of psyche-kedro, with what"
    " the work needs, on every machine."
)


def _work(
    job: Job, seal: str, seconds: float, partition: Partition
) -> Outcome | LostTask:
    """Do a partition in a worker of Ray, which ends where that takes too long."""
    signal.setitimer(signal.ITIMER_REAL, seconds)  # no handler: it ends the process
    try:
        outcome: Outcome | LostTask = attempt(partial(do_apart, job, seal), partition)
        return outcome
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class _Hand:
    """Has one partition at a time done, by whatever worker has room."""

    def __init__(
        self, ray: Any, begin: Callable[[Partition], Any], seconds: float
    ) -> None:
        self._ray = ray
        self._begin = begin
        self._seconds = seconds
        self._is_over = False

    def do(self, partition: Partition) -> Outcome:
        """See ``Hand``.

        Raises:
            ConfigurationError: If a worker cannot begin.
        """
        errors = self._ray.exceptions
        for _ in range(DEATHS):
            began = time.monotonic()
            try:
                outcome: Outcome | LostTask = self._outcome(self._begin(partition))
            except (errors.RayTaskError, errors.RuntimeEnvSetupError) as error:
                raise ConfigurationError(_CANNOT_BEGIN) from error
            except errors.RayError:  # its worker died, or the whole machine
                if time.monotonic() - began < self._seconds:
                    continue
                outcome = LostTask("too_slow", f"it takes over {self._seconds:.0f} s")
            if isinstance(outcome, LostTask):
                return Lost(partition.name, outcome.reason, outcome.detail)
            return outcome
        return died(partition)

    def _outcome(self, task: Any) -> Any:
        while not self._ray.wait([task], timeout=_LOOK_SECONDS)[0]:
            if self._is_over:
                return _STOPPED
        return self._ray.get(task)

    def stop(self) -> None:
        """Wait no longer; what is under way ends with the run, or is kept for the next.

        It is not cancelled: where it ends just then, Ray 2.60 takes the run along.
        """
        self._is_over = True
