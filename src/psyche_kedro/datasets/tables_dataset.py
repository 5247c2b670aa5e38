"""Several small tables, read as one."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NoReturn

import polars as pl
from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.datasets.table_dataset import TableDataset
from psyche_kedro.tables import frame


class TablesDataset(AbstractDataset[None, dict[str, pl.DataFrame]]):
    """Tables by name; one that no run has written yet is empty.

    Examples:
        ```yaml
        selection_account@report:
          type: psyche_kedro.datasets.TablesDataset
          tables:
            sft_log: {filepath: …, validator: psyche_kedro.tables.TrainingLog}
        ```

    Args:
        tables: Entries of ``TableDataset``, each with a ``validator``: the model whose
            empty table stands for one that is not there.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        tables: Mapping[str, Mapping[str, Any]],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._tables = {name: dict(entry) for name, entry in tables.items()}
        self.metadata = metadata

    def load(self) -> dict[str, pl.DataFrame]:
        """Return every table, those that are not there as empty ones."""
        return {name: _table(entry) for name, entry in self._tables.items()}

    def save(self, data: None) -> NoReturn:
        """Refuse: each table is written by its own entry."""
        raise DatasetError(
            f"{', '.join(self._tables)} are read-only here: each is saved by the"
            " catalog entry of its name."
        )

    def _describe(self) -> dict[str, Any]:
        return {"tables": list(self._tables)}


def _table(entry: Mapping[str, Any]) -> pl.DataFrame:
    fields = {k: v for k, v in entry.items() if k not in {"type", "validator"}}
    module, _, name = entry["validator"].rpartition(".")
    table, model = TableDataset(**fields), getattr(import_module(module), name)
    return model.validate(table.load()) if table.exists() else frame(model, [])
