"""``kedro run`` that ends in one sentence where the user can mend the cause.

Kedro's own command ends in a traceback for a missing file as for a bug.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from kedro.framework.cli import project
from kedro.framework.project import pipelines
from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from kedro.validation.exceptions import ParameterValidationError

from psyche_kedro.configuration import ConfigurationError
from psyche_kedro.llm import ChatModelError
from psyche_kedro.prompts import PromptError

MENDABLE = (
    ChatModelError,
    ConfigurationError,
    DatasetError,
    ParameterValidationError,
    PromptError,
)


# How Kedro 1.7 words a parameter that its model refused: pydantic's report, as text.
_PARAMETER = re.compile(
    r"- Parameter '(?P<name>[^']+)':(?P<report>.*?)(?=\n- |\Z)", re.S
)
_COMPLAINT = re.compile(
    r"^(?P<key>\S+)\n +(?P<what>.+?) \[type=\w+, input_value=(?P<given>.*?), input_t",
    re.M | re.S,
)


def in_one_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that ends in one sentence where the user can mend the cause."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except MENDABLE as error:
            raise click.ClickException(_sentence(error)) from error
        except KeyError as error:
            # Kedro has no class of its own for credentials that are nowhere.
            if "Unable to find credentials" not in str(error):
                raise
            raise click.ClickException(error.args[0]) from error

    return wrapper


def _sentence(error: Exception) -> str:
    if not isinstance(error, ParameterValidationError):
        return str(error)
    complaints = [
        f"'{parameter['name']}.{complaint['key']}' is {complaint['given']}: "
        f"{complaint['what']}"
        for parameter in _PARAMETER.finditer(str(error))
        for complaint in _COMPLAINT.finditer(parameter["report"])
    ]
    if not complaints:
        return str(error)
    return f"Parameter {'; '.join(complaints)} (see conf/base/parameters)."


_FILTERS = (
    "tags",
    "from_nodes",
    "to_nodes",
    "node_names",
    "from_inputs",
    "to_outputs",
)


def _run(**options: Any) -> None:
    """Run as Kedro does, once all that was named is known to be there."""
    named = [options["pipeline"], *(options["pipelines"] or ())]
    _check_nodes([name for name in named if name] or ["__default__"], options)
    project.run.callback(**options)


def _check_nodes(names: Sequence[str], options: Mapping[str, Any]) -> None:
    """Raise unless each pipeline is there, and some of their nodes are chosen."""
    for name in names:
        if name not in pipelines:
            raise ConfigurationError(
                f"There is no pipeline '{name}': choose of {', '.join(pipelines)}."
            )
    whole = sum((pipelines[name] for name in names), Pipeline([]))
    chosen = {name: options[name] for name in _FILTERS}
    try:
        whole.filter(**chosen, node_namespaces=options["namespaces"])
    except ValueError as error:
        raise ConfigurationError(
            f"{str(error).rstrip('.')} (`kedro registry describe` lists the nodes)."
        ) from error


PARAMS = next(option for option in project.run.params if option.name == "params")
"""Kedro's own ``--params``: dots nest, numbers are numbers."""

run = click.Command(
    "run",
    callback=in_one_sentence(_run),
    params=project.run.params,
    help=project.run.help,
)
