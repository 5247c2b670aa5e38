"""Several small tables, read as one."""

from collections.abc import Mapping
from typing import Any, NoReturn

import polars as pl
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import load_obj
from pandera.errors import SchemaError

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
        """Return every table, those that are not there as empty ones.

        Raises:
            DatasetError: If a table is not what its model says.
        """
        return {name: _table(name, entry) for name, entry in self._tables.items()}

    def save(self, data: None) -> NoReturn:
        """Refuse: each table is written by its own entry."""
        raise DatasetError(
            f"{', '.join(self._tables)} are read-only here: each is saved by the"
            " catalog entry of its name."
        )

    def _describe(self) -> dict[str, Any]:
        return {"tables": list(self._tables)}


def _table(name: str, entry: Mapping[str, Any]) -> pl.DataFrame:
    model = load_obj(entry["validator"])
    given = {key: entry[key] for key in entry.keys() - {"type", "validator"}}
    table = TableDataset(**given)
    if not table.exists():
        return frame(model, [])
    try:
        return model.validate(table.load())  # type: ignore[no-any-return]
    except SchemaError:
        # Its text may quote a row.
        raise DatasetError(
            f"The table '{name}' at {entry['filepath']} is not one of {model.__name__}:"
            " run the chapter that writes it again."
        ) from None
