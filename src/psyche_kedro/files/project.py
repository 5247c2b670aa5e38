"""The project's folder, wherever a command was typed below it."""

from pathlib import Path

from kedro.utils import find_kedro_project


def project_root() -> Path:
    """Return the project's root; outside of any project, the working directory."""
    return find_kedro_project(Path.cwd()) or Path.cwd()


def in_project(path: str | Path) -> Path:
    """Return ``path`` below the project's root; Kedro does it for ``filepath`` only."""
    return project_root() / path
