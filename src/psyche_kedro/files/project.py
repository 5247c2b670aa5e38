"""The project's folder, wherever a command was typed below it."""

import subprocess
from functools import cache
from pathlib import Path

from kedro.utils import find_kedro_project

from psyche_kedro.files.roots import local_path


def project_root() -> Path:
    """Return the project's root; outside of any project, the working directory.

    So does Kedro: what an installed package writes stands where it was started, and
    nothing beside its code.
    """
    return find_kedro_project(Path.cwd()) or Path.cwd()


def in_project(path: str | Path) -> Path:
    """Return ``path`` below the project's root; Kedro does it for ``filepath`` only.

    Raises:
        ConfigurationError: If it is a URL.
    """
    return project_root() / local_path(path, "What is read and written in place")


@cache
def git_commit() -> str:
    """Return the commit of this code, ``-dirty`` where it was changed since."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=Path(__file__).parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # in the machine's own language and encoding
            check=False,
        ).stdout
    except OSError:  # no git here
        said = b""
    return said.decode("ascii", "replace").strip() or "not a git checkout"
