"""Which row of which table holds an id, and which ids it came from.

It reads the id columns of all tables, whose models say what each refers to (``of``),
and a row only where it is shown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl
from kedro.io import DataCatalog
from kedro.utils import load_obj

from psyche_kedro.datasets.partitioned_table_dataset import PartitionedTableDataset
from psyche_kedro.datasets.table_dataset import TableDataset

Table = TableDataset | PartitionedTableDataset
_TABLES = (TableDataset, PartitionedTableDataset)

_RIVALS = frozenset({"cluster_id", "kept_id", "twin_id"})
"""Columns that name what a row was the same as, and gave way to."""
_GROUPS = frozenset({"document_id", "thread_id", "group_id"})
"""Columns that name what a row stands together with."""
_ITEMS_MATCHED = ("contamination_hits", "item_id")
_UNMASKED = frozenset({"posts", "public_samples"})
"""Tables before de-identification: no text of theirs is shown or searched."""
_PRIVATE = frozenset({("review_verdicts", "words"), ("review_verdicts", "reviewer")})
_REPLY = "replies.key"


class Row(NamedTuple):
    """A row of a table."""

    table: str
    cells: dict[str, Any]
    """What may be shown: no text from before de-identification."""
    keys: dict[str, str]
    """Addresses of replies, by column."""


class _Place(NamedTuple):
    table: str
    number: int


class RowIndex:
    """The rows of an output root by id.

    Args:
        tables: By name, in the order of the chapters.
        models: Of each table.
    """

    def __init__(self, tables: Mapping[str, Table], models: Mapping[str, Any]) -> None:
        self._tables = {n: t for n, t in tables.items() if t.exists()}
        self._ids = {name: _ids(models[name]) for name in self._tables}

    @classmethod
    def of(cls, catalog: DataCatalog, names: Iterable[str]) -> "RowIndex":
        """Return the index of the tables of a catalog that exist.

        Args:
            catalog: Of the output root.
            names: Of datasets; those that are no tables are left out.
        """
        found = {name: catalog.get(name) for name in names if name in catalog}
        tables = {n: t for n, t in found.items() if isinstance(t, _TABLES) and t.model}
        return cls(tables, {n: load_obj(table.model) for n, table in tables.items()})

    def resolve(self, start: str) -> list[str]:
        """Return the ids that begin so."""
        ids = self._places["id"].unique()
        return ids.filter(ids.str.starts_with(start)).sort().to_list()

    def search(self, text: str, most: int) -> list[str]:
        """Return ids of rows in which a piece of text stands, at most ``most``."""
        found: dict[str, None] = {}
        for name in self._tables:
            own = next(iter(self._ids[name]), None)
            if own and name not in _UNMASKED and len(found) < most:
                found.update(dict.fromkeys(self._holding(name, own, text, most)))
        return list(found)[:most]

    def origins(self, id_: str) -> list[str]:
        """Return the ids of what a row was made of."""
        return self._edges.filter(child=id_)["parent"].to_list()

    def products(self, id_: str) -> list[str]:
        """Return the ids of what was made of a row."""
        return self._edges.filter(parent=id_)["child"].to_list()

    def beaten(self, id_: str) -> list[str]:
        """Return the ids of the near-duplicates and twins that gave way to a row."""
        return self._twins.filter(parent=id_)["child"].to_list()

    def rows(self, id_: str) -> Iterator[Row]:
        """Yield the rows that are of an id, in the order of the chapters."""
        for table, number, _ in self._places.filter(id=id_).iter_rows():
            yield self._row(_Place(table, number))

    @cached_property
    def _places(self) -> pl.DataFrame:
        """Where each id is a row's own: ``table``, ``number``, ``id``."""
        schema = {"table": pl.String, "number": pl.UInt32, "id": pl.String}
        found = [pl.DataFrame(schema=schema)]
        for name, columns in self._ids.items():
            if own := next(iter(columns), None):
                ids = self._tables[name].scan().select(own).collect().to_series()
                place = pl.DataFrame({"id": ids}).with_row_index("number")
                found.append(place.select(pl.lit(name).alias("table"), "number", "id"))
        return pl.concat(found)

    @cached_property
    def _edges(self) -> pl.DataFrame:
        """What was made of what: ``parent``, ``child``."""
        return self._pairs(lambda column: column not in _RIVALS | _GROUPS)

    @cached_property
    def _twins(self) -> pl.DataFrame:
        """What gave way to what, as ``_edges``."""
        return self._pairs(lambda column: column in _RIVALS)

    def _pairs(self, wanted: Callable[[str], bool]) -> pl.DataFrame:
        found = [pl.DataFrame(schema={"parent": pl.String, "child": pl.String})]
        for name, columns in self._ids.items():
            own, *others = columns or [""]
            for other in filter(wanted, others):
                if (name, other) == _ITEMS_MATCHED:
                    continue
                pair = self._tables[name].scan().select(parent=other, child=own)
                if columns[other]:
                    pair = pair.explode("parent")
                found.append(pair.collect())
        edges = pl.concat(found).drop_nulls().unique(maintain_order=True)
        return edges.filter(pl.col("parent") != pl.col("child"))

    def _holding(self, name: str, own: str, text: str, most: int) -> list[str]:
        table = self._tables[name].scan()
        schema = table.collect_schema()
        shown = [c for c in schema if (name, c) not in _PRIVATE]
        holds = [_holds(column, schema[column], text) for column in shown]
        found = table.filter(pl.any_horizontal(*filter(lambda h: h is not None, holds)))
        return found.select(own).head(most).collect().to_series().to_list()

    def _row(self, place: _Place) -> Row:
        table = self._tables[place.table].scan().slice(place.number, 1).collect()
        cells = table.row(0, named=True)
        keys = {c: cells[c] for c in cells if c.endswith("_key") and cells[c]}
        hidden = {c for c in cells if (place.table, c) in _PRIVATE}
        if place.table in _UNMASKED:
            hidden |= {c for c in cells if table.schema[c].is_nested()}
        return Row(
            place.table,
            {c: v for c, v in cells.items() if c not in hidden | keys.keys()},
            keys,
        )


def _ids(model: Any) -> dict[str, bool]:
    """Return the id columns of a table, its own first; whether each is a list."""
    columns = model.to_schema().columns
    return {
        name: column.dtype.type == pl.List(pl.String)
        for name, column in columns.items()
        if (of := (column.metadata or {}).get("of")) and _REPLY not in of
    }


def _holds(column: str, dtype: pl.DataType, text: str) -> pl.Expr | None:
    if dtype == pl.String:
        return pl.col(column).str.contains(text, literal=True)
    if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
        fields = [field.name for field in dtype.inner.fields]
        inner = [
            pl.element().struct.field(f).str.contains(text, literal=True)
            for f in fields
        ]
        return pl.col(column).list.eval(pl.any_horizontal(*inner)).list.any()
    return None
