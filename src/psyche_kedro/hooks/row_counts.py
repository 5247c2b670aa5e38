"""The size of every table, where Kedro-Viz shows it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl


class RowCounts:
    """Leaves the size of every table where Kedro-Viz shows it.

    Its own hook knows pandas only, and writes last: so does this one, after it.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, dict[str, int]] = {}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Note the size of a table."""
        import polars as pl  # noqa: PLC0415 - every kedro command loads this module

        if isinstance(data, pl.DataFrame):
            self._shapes[dataset_name] = {"rows": data.height, "columns": data.width}

    @hook_impl(hookwrapper=True)
    def after_pipeline_run(self) -> Iterator[None]:
        """Write the sizes, those of earlier runs kept."""
        path = Path(".viz/stats.json")
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        yield
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(known | self._shapes, indent=1), encoding="utf-8")
