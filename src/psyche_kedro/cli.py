"""The project's own commands; each module is imported when its command is called."""

from kedro.framework.cli.utils import LazyGroup

cli = LazyGroup(
    name="psyche_kedro",
    lazy_subcommands={"run": "psyche_kedro.run_command.run"},
)
