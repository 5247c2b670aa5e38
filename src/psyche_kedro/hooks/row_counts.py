"""The size of every table, where Kedro-Viz shows it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from psyche_kedro.files.project import in_project
from psyche_kedro.files.swap import swapped_in

_LOG = logging.getLogger(__name__)


class RowCounts:
    """Leaves the size of every table where Kedro-Viz shows it.

    Its own hook knows pandas only, and writes last: so does this one, after it.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, dict[str, int]] = {}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Note the size of a table."""
        if is_table(data):
            self._shapes[dataset_name] = {"rows": data.height, "columns": data.width}

    @hook_impl(hookwrapper=True)
    def after_pipeline_run(self) -> Iterator[None]:
        """Write the sizes, those of earlier runs kept."""
        path = in_project(".viz/stats.json")
        known = _read(path)
        yield
        try:
            with swapped_in(path) as made:
                made.write_text(json.dumps(known | self._shapes), encoding="utf-8")
        except OSError as error:
            _LOG.warning(
                "%s cannot be written (%s): Kedro-Viz will not show this run's rows.",
                path,
                error.strerror,
            )


def is_table(data: Any) -> bool:
    """Return whether something saved is a frame, or a table in parts.

    Neither is asked for its class: every kedro command loads this module.
    """
    return isinstance(getattr(data, "height", None), int)


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
