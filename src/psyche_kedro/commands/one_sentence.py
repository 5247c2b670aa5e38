"""A command that ends in one sentence where the user can mend the cause.

Kedro's own commands end in a traceback for a missing file as for a bug.
"""

import functools
import re
from collections.abc import Callable
from typing import IO, Any

import click
from kedro.io import DatasetError
from kedro.validation.exceptions import ParameterValidationError

from psyche_kedro.errors import PsycheError
from psyche_kedro.hooks.unquoted import said_of, trace_of
from psyche_kedro.text.halves import without_controls

_MENDABLE = (PsycheError, DatasetError, ParameterValidationError)

# How Kedro 1.7 words a parameter that its model refused: pydantic's report, as text.
_PARAMETER = re.compile(
    r"- Parameter '(?P<name>[^']+)':(?P<report>.*?)(?=\n- |\Z)", re.S
)
# How it words an entry of the catalog that cannot be: what was said, then which.
_ENTRY = re.compile(r"^\n(.+?)\.+\nFailed to instantiate dataset '([^']+)' .*", re.S)
# How it words a type whose package is absent: what Python said, then where to read on.
_DRIVER = re.compile(
    r"^An exception occurred when parsing config for dataset '([^']+)':\n(.+?)\. "
    r"Please install the missing dependencies for ([\w.]+):.*",
    re.S,
)
# How it words a key that the type does not take, or lacks.
_MISFIT = re.compile(
    r"^\n(\w+)\.__init__\(\) (.+?)\.\nDataset '([^']+)' must only contain .*", re.S
)
_COMPLAINT = re.compile(
    r"^(?P<key>\S+)\n +(?P<what>.+?) \[type=\w+, input_value=(?P<given>.*?), input_t",
    re.M | re.S,
)


def in_one_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that ends in one sentence where the user can mend the cause.

    A fault of the code ends it in the lines that led to it; see ``hooks.unquoted``.
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except _MENDABLE as error:
            raise click.ClickException(without_controls(_sentence(error))) from error
        except KeyError as error:
            # Kedro has no class of its own for credentials that are nowhere.
            if "Unable to find credentials" not in str(error):
                raise _Fault(trace_of(error)) from error
            raise click.ClickException(error.args[0]) from error
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            raise _Fault(trace_of(error)) from error

    return wrapper


class _Fault(click.ClickException):
    """A fault of the code: where it is, without the words that may quote a post."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class OneSentenceGroup(click.Group):
    """A group each of whose commands ends so."""

    invoke = in_one_sentence(click.Group.invoke)


def _sentence(error: Exception) -> str:
    if not isinstance(error, ParameterValidationError):
        said = _DRIVER.sub(
            r"The catalog entry of '\1' has the type \3, which cannot be loaded (\2):"
            " install its package, or name another type.",
            said_of(error),
        )
        said = _MISFIT.sub(_misfit, said)
        return _ENTRY.sub(r"The catalog entry of '\2': \1.", said)
    complaints = [
        (f"{parameter['name']}.{complaint['key']}", complaint)
        for parameter in _PARAMETER.finditer(str(error))
        for complaint in _COMPLAINT.finditer(parameter["report"])
    ]
    if not complaints:
        return str(error)
    told = [f"'{name}' is {what['given']}: {what['what']}" for name, what in complaints]
    places = sorted({_place(name) for name, _ in complaints})
    return f"Parameter {'; '.join(told)} (see {', '.join(places)})."


def _misfit(said: re.Match[str]) -> str:
    kind, fault, entry = said.groups()
    head = f"The catalog entry of '{entry}'"
    if "'version'" in fault:  # what Kedro makes of `versioned: true`
        return f"{head}: {kind} keeps no versions: take `versioned` out."
    if given := re.search(r"unexpected keyword argument '(\w+)'", fault):
        return f"{head} has the key `{given[1]}`, which {kind} does not take."
    return f"{head}: {kind} needs the key {fault.rpartition(': ')[2]}."


_PLACES = {"benchmarks": "conf/base/benchmarks/{}.yml", "prompts": "conf/base/prompts"}
"""Parameters that are files of their own."""


def _place(name: str) -> str:
    """Return where a parameter stands."""
    kind, _, within = name.partition(".")
    place = _PLACES.get(kind, "conf/base/parameters")
    return place.format(within.partition(".")[0])
