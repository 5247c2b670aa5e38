"""MLflow's record of a run is worth having, and never worth a run.

A server that does not answer would stop the chain, or hold up each of its nodes.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import ParamSpec

from pydantic import ValidationError

from psyche_kedro.errors import PsycheError

P = ParamSpec("P")

_LOG = logging.getLogger(__name__)
_HASTE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}


class Recording:
    """Whether this process still records.

    Attributes:
        on: False from the first failure until the next run begins.
    """

    def __init__(self) -> None:
        self.on = True

    def stop(self, error: Exception) -> None:
        """Record nothing more of this run, and say so once."""
        if self.on:
            _LOG.warning(
                "MLflow records nothing more of this run, which goes on (%s): see that"
                " MLFLOW_TRACKING_URI answers before the next.",
                type(error).__name__,
            )
        self.on = False

    def leave(self) -> None:
        """Forget the runs that MLflow holds open in this thread.

        It would end them when the process ends, and wait for the server once more.
        """
        import mlflow  # noqa: PLC0415 - dear to import

        with _in_haste():
            while mlflow.active_run() is not None:
                with suppress(Exception):
                    mlflow.end_run("KILLED")


RECORDING = Recording()


def recorded(record: Callable[P, None]) -> Callable[P, None]:
    """Return what records, so that it does nothing where MLflow has failed."""

    @wraps(record)
    def while_it_can(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            if RECORDING.on:
                record(*args, **kwargs)
        except (PsycheError, ValidationError):  # the configuration's, not MLflow's
            raise
        except Exception as error:
            RECORDING.stop(error)
        if not RECORDING.on:
            RECORDING.leave()

    return while_it_can


@contextmanager
def _in_haste() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _HASTE}
    os.environ.update(_HASTE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
