"""What a chapter says of itself: account and examples, and the summaries read along."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import load_obj
from kedro_datasets._typing import TablePreview
from pandera.errors import SchemaError

from psyche_kedro.datasets.table_dataset import TableDataset
from psyche_kedro.files.versions import Place
from psyche_kedro.tables import frame

Tables = dict[str, pl.DataFrame]


class TablesDataset(AbstractDataset[Tables, Tables]):
    """Tables by name, of which some are written here; one that is not there is empty.

    Examples:
        ```yaml
        training_account:
          type: psyche_kedro.datasets.TablesDataset
          writes: [account, examples]
          tables:
            account: {filepath: …, validator: psyche_kedro.tables.ChapterAccount}
            examples: {filepath: …, validator: psyche_kedro.tables.ExampleRows}
            sft_log: {filepath: …, validator: psyche_kedro.tables.TrainingLog}
        ```

    Args:
        tables: Entries of ``TableDataset``, each with a ``validator``: the model whose
            empty table stands for one that is not there.
        writes: The tables that a save writes, the one that is previewed first; each
            other is saved by an entry of its own, and told along.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        tables: Mapping[str, Mapping[str, Any]],
        writes: Sequence[str],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._tables = {name: dict(entry) for name, entry in tables.items()}
        self._writes = writes
        self.metadata = metadata

    def load(self) -> Tables:
        """Return every table, those that are not there as empty ones.

        Raises:
            DatasetError: If a table is not what its model says.
        """
        return {name: _table(name, entry) for name, entry in self._tables.items()}

    def save(self, data: Tables) -> None:
        """Save the tables that are written here.

        Raises:
            DatasetError: If one is not what its model says.
        """
        written = {
            name: _valid(name, self._tables[name], data[name]) for name in self._writes
        }
        for name, table in written.items():
            _dataset(self._tables[name]).save(table)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows of the first table that is written here."""
        return _dataset(self._tables[self._writes[0]]).preview(nrows)

    def places(self) -> list[Place]:
        """Return the files of all tables."""
        sets = map(_dataset, self._tables.values())
        return [(table._fs, str(table._filepath)) for table in sets]

    def _exists(self) -> bool:
        return bool(_dataset(self._tables[self._writes[0]]).exists())

    def _describe(self) -> dict[str, Any]:
        return {"tables": list(self._tables)}


def _dataset(entry: Mapping[str, Any]) -> TableDataset:
    given = {key: entry[key] for key in entry.keys() - {"type", "validator"}}
    return TableDataset(**given, model=entry["validator"])


def _table(name: str, entry: Mapping[str, Any]) -> pl.DataFrame:
    table = _dataset(entry)
    if not table.exists():
        return frame(load_obj(entry["validator"]), [])
    return _valid(name, entry, table.load())


def _valid(name: str, entry: Mapping[str, Any], table: pl.DataFrame) -> pl.DataFrame:
    model = load_obj(entry["validator"])
    try:
        return model.validate(table)  # type: ignore[no-any-return]
    except SchemaError:
        # Its text may quote a row.
        raise DatasetError(
            f"The table '{name}' at {entry['filepath']} is not one of {model.__name__}:"
            " run the chapter that writes it again."
        ) from None
