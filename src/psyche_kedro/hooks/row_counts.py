"""The size of every table, where Kedro-Viz shows it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from psyche_kedro.files.project import in_project
from psyche_kedro.files.roots import is_remote
from psyche_kedro.files.swap import swapped_in

_OF_A_ROOT = "row_counts.json"

_LOG = logging.getLogger(__name__)


class RowCounts:
    """Leaves the size of every table where Kedro-Viz shows it.

    Kedro-Viz reads one file, whichever root it shows. So the sizes are kept in the root
    that they are of, and put there whenever a command opens that root. Its own hook
    knows pandas only, and writes last: so does this one, after it.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, dict[str, int]] = {}
        self._kept: Path | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Have Kedro-Viz show the sizes of this root."""
        data = str(context.config_loader.roots["data"])
        self._kept = None if is_remote(data) else in_project(data) / _OF_A_ROOT
        self._shapes = {}
        if self._kept and self._kept.exists():
            _show(_read(self._kept))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Note the size of a table."""
        if is_table(data):
            self._shapes[dataset_name] = {"rows": data.height, "columns": data.width}

    @hook_impl(hookwrapper=True)
    def after_pipeline_run(self) -> Iterator[None]:
        """Write the sizes, those of earlier runs on the same root kept."""
        known = _read(self._kept) if self._kept else {}
        yield
        if self._kept:
            _write(self._kept, known | self._shapes)
        _show(known | self._shapes)


def is_table(data: Any) -> bool:
    """Return whether something saved is a frame, or a table in parts.

    Neither is asked for its class: every kedro command loads this module.
    """
    return isinstance(getattr(data, "height", None), int)


def _show(shapes: dict[str, Any]) -> None:
    _write(in_project(".viz/stats.json"), shapes)


def _write(path: Path, shapes: dict[str, Any]) -> None:
    try:
        with swapped_in(path) as made:
            made.write_text(json.dumps(shapes), encoding="utf-8")
    except OSError as error:
        _LOG.warning(
            "%s cannot be written (%s): Kedro-Viz will not show this run's rows.",
            path,
            error.strerror,
        )


def _read(path: Path) -> dict[str, Any]:
    """Return the sizes of earlier runs; nothing where they cannot be read."""
    try:
        known = json.loads(path.read_bytes())
        if isinstance(known, dict):
            return known
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        pass
    _LOG.warning(
        "%s cannot be read: Kedro-Viz will show the rows of this run alone.", path
    )
    return {}
