"""Where partitions are worked on: in this process, or in others of this machine."""

import itertools
import logging
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from psyche_kedro.errors import ConfigurationError, PartitionError
from psyche_kedro.partitions.store import Job, PartitionStore, do_apart
from psyche_kedro.partitions.work import (
    Broken,
    Done,
    Lost,
    Outcome,
    Partition,
    Result,
    Work,
)
from psyche_kedro.workers.progress import Work as Seen
from psyche_kedro.workers.progress import watched
from psyche_kedro.workers.tasks import Limits, Task
from psyche_kedro.workers.tasks import Lost as LostTask
from psyche_kedro.workers.worker import ChildProcess

DEATHS = 3
"""Workers that a partition may take along before it is lost."""

_LOG = logging.getLogger(__name__)


class Crew(Protocol):
    """Those who do the work."""

    def outcomes(self, job: Job, partitions: Iterable[Partition]) -> Iterator[Outcome]:
        """Yield what became of each partition, in order."""
        ...


class MapEngine:
    """Does one work to many partitions.

    Args:
        store: Where finished ones stand.
        crew: Who does it.
    """

    def __init__(self, store: PartitionStore, crew: Crew) -> None:
        self.store = store
        self._crew = crew

    def map(self, work: Work, partitions: Iterable[Partition]) -> Iterator[Result]:
        """Yield what became of each partition, in order.

        Raises:
            PartitionError: After all others, if the work fails on a sound partition.
        """
        broken: list[Broken] = []
        addresses: list[str] = []
        total = len(partitions) if isinstance(partitions, Sized) else None
        with watched(work.name, total, "parts") as seen:
            for outcome in self._crew.outcomes(Job(work, self.store), partitions):
                _count(outcome, seen)
                if isinstance(outcome, Done):
                    addresses.append(outcome.address)
                if isinstance(outcome, Broken):
                    broken.append(outcome)
                else:
                    yield outcome
            if seen.done:
                _LOG.info(seen.in_words())
        if broken:
            raise PartitionError(
                f"{work.name} fails on {len(broken)} part(s), first on"
                f" {broken[0].name}: {broken[0].detail}. The others are finished and"
                " kept: mend the cause, and run the same command again."
            ) from broken[0].error
        self.store.need(work.name, addresses)


def _count(outcome: Outcome, seen: Seen) -> None:
    seen.done += 1
    match outcome:
        case Done(found=found):
            seen.stored += found
        case Lost(reason=reason):
            seen.failed[reason] += 1
            _LOG.warning("%s: %s is lost: %s, %s", seen.name, *outcome)
        case Broken():
            seen.failed["error"] += 1


class InProcess:
    """The process that asks does one partition after the other; no limit holds."""

    def outcomes(self, job: Job, partitions: Iterable[Partition]) -> Iterator[Outcome]:
        """See ``Crew``."""
        started = False
        for one in partitions:
            found = job.find(one)
            if not (found or started):
                job.work.start()
                started = True
            yield found or job.do(one)


class Processes:
    """Processes of this machine, as those in which files are read (``workers``).

    Args:
        n: How many.
        limits: What one partition may take.
    """

    def __init__(self, n: int, limits: Limits) -> None:
        self._n = n
        self._limits = limits

    def outcomes(self, job: Job, partitions: Iterable[Partition]) -> Iterator[Outcome]:
        """See ``Crew``.

        Raises:
            ConfigurationError: If the work cannot be sent to another process.
        """
        refuse_unsendable(job)
        hands = [_Hand(job, self._limits) for _ in range(self._n)]
        return by_hand(job, hands, partitions)


class Hand(Protocol):
    """Does one partition at a time, elsewhere."""

    def do(self, partition: Partition) -> Outcome:
        """Return what became of a partition that is not finished."""
        ...

    def stop(self) -> None:
        """End it, whatever it is at."""
        ...


class _Hand:
    """A child process, hired with the first partition."""

    def __init__(self, job: Job, limits: Limits) -> None:
        self._function = partial(do_apart, job, job.seal)
        self._limits = limits
        self._worker = ChildProcess(type(job.work).__module__)

    def do(self, partition: Partition) -> Outcome:
        """See ``Hand``."""
        task = Task(partition, self._limits)
        for _ in range(DEATHS):
            (outcome,) = self._worker.map(self._function, [task])
            if not isinstance(outcome, LostTask):
                done: Outcome = outcome
                return done
            if outcome.reason != "worker_died":
                return Lost(partition.name, outcome.reason, outcome.detail)
        return died(partition)

    def stop(self) -> None:
        """See ``Hand``."""
        self._worker.stop()


def died(partition: Partition) -> Lost:
    """Return what is said of a partition that its workers do not survive."""
    return Lost(
        partition.name,
        "worker_died",
        f"{DEATHS} workers died of it, perhaps for want of memory",
    )


def refuse_unsendable(job: Job) -> None:
    """Refuse a work that only this process can do.

    Raises:
        ConfigurationError: If it cannot be pickled.
    """
    try:
        pickle.dumps(job)
    except Exception as error:  # whatever a __reduce__ raises
        raise ConfigurationError(
            f"{job.work.name} cannot be sent to another process"
            f" ({type(error).__name__}): run with `--params engine=in_process`."
        ) from error


def by_hand(
    job: Job, hands: Sequence[Hand], partitions: Iterable[Partition]
) -> Iterator[Outcome]:
    """Yield outcomes in order, at most two partitions for each hand under way.

    What is finished is found here, so that no hand is hired for it.
    """
    idle: SimpleQueue[Hand] = SimpleQueue()
    for hand in hands:
        idle.put(hand)

    def do(one: Partition) -> Outcome:
        if found := job.find(one):
            return found
        hand = idle.get()
        try:
            return hand.do(one)
        finally:
            idle.put(hand)

    with _threads(hands) as threads:
        yield from _in_order(
            lambda one: threads.submit(do, one), partitions, 2 * len(hands)
        )


@contextmanager
def _threads(hands: Sequence[Hand]) -> Iterator[ThreadPoolExecutor]:
    """Give a thread for each hand; at the end, however it comes, all are stopped."""
    threads = ThreadPoolExecutor(len(hands))
    try:
        yield threads
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for hand in hands:
            hand.stop()
        threads.shutdown()


def _in_order(
    submit: Callable[[Partition], Future[Outcome]],
    partitions: Iterable[Partition],
    most: int,
) -> Iterator[Outcome]:
    waiting = iter(partitions)
    under_way = deque(map(submit, itertools.islice(waiting, most)))
    while under_way:
        yield under_way.popleft().result()
        under_way.extend(map(submit, itertools.islice(waiting, 1)))
