"""``python -m psyche_kedro`` runs the project as ``kedro run`` does."""

from collections.abc import Sequence
from pathlib import Path

from kedro.framework.project import configure_project

from psyche_kedro.commands.run import run


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as ``kedro run`` does, with the command line's arguments or those given."""
    configure_project(Path(__file__).parent.name)
    run.main(arguments, prog_name="python -m psyche_kedro")


if __name__ == "__main__":
    main()
