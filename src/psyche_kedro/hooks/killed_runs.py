"""Ends in MLflow the runs that a kill or a power cut left ``RUNNING``.

A run holds a lock for as long as its process lives; the system frees it, however the
process ends. A process id would not do: the system gives it out again, and in
containers that share a host's name the same ids name other processes.
"""

import atexit
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run, RunInfo


def hold_lock(run: RunInfo, project: Path) -> None:
    """Lock a file of the run's own until this process ends, and tag the run with it.

    Where the project cannot be written, there is no lock and no tag.
    """
    lock = FileLock(project.resolve() / "data" / "running" / f"{run.run_id}.lock")
    path = Path(lock.lock_file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except OSError:
        return
    atexit.register(_remove, lock)
    client = MlflowClient()
    client.set_tag(run.run_id, "host", socket.gethostname())
    client.set_tag(run.run_id, "lock", str(path))


def _remove(lock: FileLock) -> None:
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def end_killed_runs(current: RunInfo) -> int:
    """End the experiment's runs whose process is gone; return how many there were.

    Left alone are those of another host, and those whose lock is held or not there.
    """
    client = MlflowClient()
    here = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
    runs = client.search_runs([current.experiment_id], here)
    return sum(_end_if_gone(client, r) for r in runs if r.info.run_id != current.run_id)


def _end_if_gone(client: MlflowClient, run: Run) -> bool:
    path = Path(run.data.tags.get("lock", ""))
    try:
        if not path.is_file():  # locking would make it
            return False
        lock = FileLock(path).acquire(blocking=False)
    except OSError:  # held, or not ours to open
        return False
    with lock:
        # It may have ended in order since the search.
        running: bool = client.get_run(run.info.run_id).info.status == "RUNNING"
        if running:
            client.set_terminated(run.info.run_id, "KILLED", _last_sign(client, run))
        path.unlink(missing_ok=True)
    return running


def _last_sign(client: MlflowClient, run: Run) -> int:
    """Return when a run last logged a metric, in milliseconds."""
    times: Iterator[int] = (
        metric.timestamp
        for name in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, name)
    )
    return max(times, default=int(run.info.start_time))
