"""The project as a command looks at it that runs no node."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from psyche_kedro.files.project import project_root


@contextmanager
def opened_project(**options: Any) -> Iterator[KedroContext]:
    """Yield the project's catalog and configuration, until the command has looked.

    Args:
        **options: As ``KedroSession.create`` takes them.
    """
    root = project_root()
    bootstrap_project(root)
    with KedroSession.create(root, **options) as session:
        yield session.load_context()
