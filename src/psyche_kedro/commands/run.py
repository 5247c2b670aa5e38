"""``kedro run`` that ends in one sentence where the user can mend the cause."""

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import yaml
from kedro.framework.cli import project
from kedro.framework.project import pipelines, settings
from kedro.pipeline import Pipeline

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks.progress_line import ProgressLine
from psyche_kedro.llm.accounts import RUN_LEDGER, this_command

_INTERRUPTED = 130  # as shells say it
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
    # Kedro 1.7 deprecates `--pipeline`, which the field's habit and our README keep.
    # Ignored no sooner: kedro-datasets, once imported, would have it said after all.
    warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
    try:
        project.run.callback(**options)
    except KeyboardInterrupt:
        _say_goodbye()
        raise click.exceptions.Exit(_INTERRUPTED) from None


def _say_goodbye() -> None:
    """Say what the calls came to, and how to go on."""
    for hook in settings.HOOKS:
        if isinstance(hook, ProgressLine):
            hook.stop()
    RUN_LEDGER.gather()
    if RUN_LEDGER.tallies():
        click.echo(f"model calls\n{RUN_LEDGER.summary()}", err=True)
    click.echo(
        f"Interrupted: what was answered is stored; {this_command()} goes on.", err=True
    )


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


def _in_a_sentence(split: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reader of ``--params`` that says in a sentence what is no YAML."""

    @functools.wraps(split)
    def callback(context: Any, option: Any, value: str) -> Any:
        try:
            return split(context, option, value)
        except (yaml.YAMLError, UnicodeError) as error:
            raise click.BadParameter(
                "A value is no YAML, or holds what this locale cannot say: begin it"
                " with no mark, as [ or @, or set PYTHONUTF8=1."
            ) from error

    return callback


_OPTIONS = {option.name: option for option in project.run.params}
PARAMS = _OPTIONS["params"]
"""Kedro's own ``--params``: dots nest, numbers are numbers."""
PARAMS.callback = _in_a_sentence(PARAMS.callback)
CONF_SOURCE = _OPTIONS["conf_source"]
"""Kedro's own ``--conf-source``: a folder, an archive or a URL."""

run = click.Command(
    "run",
    callback=in_one_sentence(_run),
    params=project.run.params,
    help=project.run.help,
)
