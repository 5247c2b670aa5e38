"""Tables as Parquet, CSV or JSON lines: what is written comes back equal.

CSV knows neither lists nor structs: a nested cell is JSON in it. It and JSON lines know
no dtypes either: those come from the table's model.
"""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import IO, Any

import polars as pl

_FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "ndjson",
    ".ndjson": "ndjson",
}
_NESTED = (pl.List, pl.Struct)

Schema = Mapping[str, Any]


def format_of(path: str) -> str:
    """Return what the name of a file says: ``parquet``, ``csv`` or ``ndjson``.

    Raises:
        ValueError: If it names none of them.
    """
    suffix = PurePath(path).suffix
    if suffix not in _FORMATS:
        raise ValueError(
            f"{path} ends in '{suffix}': a table is written as {', '.join(_FORMATS)}."
        )
    return _FORMATS[suffix]


def check_format(file_format: str) -> str:
    """Return the name of a format that a table is written in.

    Raises:
        ValueError: If it is none.
    """
    if file_format not in _FORMATS.values():
        known = ", ".join(dict.fromkeys(_FORMATS.values()))
        raise ValueError(f"`file_format` is '{file_format}': it is one of {known}.")
    return file_format


def write_table(table: pl.DataFrame, file: IO[bytes], file_format: str) -> None:
    """Write a table to an open file."""
    if file_format == "parquet":
        table.write_parquet(file)
    elif file_format == "csv":
        table.with_columns(_as_json(table)).write_csv(file)
    else:
        table.write_ndjson(file)


def read_text_table(file: IO[bytes], file_format: str, schema: Schema) -> pl.DataFrame:
    """Return a table from CSV or JSON lines.

    Args:
        file: Open, at its start.
        file_format: ``csv`` or ``ndjson``.
        schema: dtype of every column, in order.

    Raises:
        ValueError: If the file has other columns, or a cell that is none of its dtype.
            No cell is quoted.
    """
    try:
        return _READERS[file_format](file, schema)
    except (pl.exceptions.PolarsError, json.JSONDecodeError) as error:
        raise ValueError(
            f"a cell or a line cannot be read ({type(error).__name__})"
        ) from None


def _read_csv(file: IO[bytes], schema: Schema) -> pl.DataFrame:
    nested = [name for name, dtype in schema.items() if isinstance(dtype, _NESTED)]
    dtypes = {**schema, **dict.fromkeys(nested, pl.String)}
    table = pl.read_csv(file, schema_overrides=dtypes)
    _check_columns(table.columns, schema)
    return table.with_columns(
        pl.col(name).str.json_decode(schema[name]) for name in nested
    ).select(list(schema))


def _read_ndjson(file: IO[bytes], schema: Schema) -> pl.DataFrame:
    # Its reader drops columns that no one named, in silence.
    first = file.readline()
    if first.strip():
        _check_columns(list(json.loads(first)), schema)
    file.seek(0)
    return pl.read_ndjson(file, schema=dict(schema))


_READERS = {"csv": _read_csv, "ndjson": _read_ndjson}


def _check_columns(found: list[str], schema: Schema) -> None:
    missing, unknown = schema.keys() - set(found), set(found) - schema.keys()
    if missing or unknown:
        raise ValueError(
            f"it lacks the columns {sorted(missing)} and has {sorted(unknown)} beside"
            f" those of its model: {', '.join(schema)}"
        )


def _as_json(table: pl.DataFrame) -> list[pl.Series]:
    return [
        pl.Series(name, map(_json, table[name].to_list()), dtype=pl.String)
        for name, dtype in table.schema.items()
        if isinstance(dtype, _NESTED)
    ]


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
