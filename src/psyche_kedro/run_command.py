"""``kedro run`` that ends in one sentence where the user can mend the cause.

Kedro's own command ends in a traceback for a missing file as for a bug.
"""

import functools
from collections.abc import Callable
from typing import Any

import click
from kedro.framework.cli import project
from kedro.io import DatasetError
from kedro.validation.exceptions import ParameterValidationError

from psyche_kedro.hooks import ConfigurationError
from psyche_kedro.llm import ChatModelError

MENDABLE = (
    ChatModelError,
    ConfigurationError,
    DatasetError,
    ParameterValidationError,
)


def _in_one_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except MENDABLE as error:
            raise click.ClickException(str(error)) from error

    return wrapper


run = click.Command(
    "run",
    callback=_in_one_sentence(project.run.callback),
    params=project.run.params,
    help=project.run.help,
)
