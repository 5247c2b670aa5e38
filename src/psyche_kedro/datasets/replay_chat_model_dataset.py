"""Stored outputs of a model as a chat model; loading it reads them, and asks nobody."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from kedro.io import DatasetError

from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.files.project import in_project
from psyche_kedro.llm import ChatModel
from psyche_kedro.llm.replay_chat_model import ReplayChatModel, StoredReply
from psyche_kedro.questions import read_options

_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": lambda path: pl.read_csv(path, infer_schema=False),
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".ndjson": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".parquet": pl.read_parquet,
}
_MATCHED_BY = ("item_id", "stem", "options")
_COLUMNS = ("text", *_MATCHED_BY, "protocol", "reasoning", "finish_reason")


class ReplayChatModelDataset(ReadOnlyDataset[ChatModel]):
    """What a model once answered, in CSV, JSONL or Parquet, as a model under test.

    ```yaml
    gpt4:
      type: psyche_kedro.datasets.ReplayChatModelDataset
      model: gpt-4-0613
      filepath: data/01_raw/replies/gpt4.jsonl
      columns: {text: prediction, stem: question, options: choices}
      protocol: zero_shot
    ```

    Args:
        model: Which model it was.
        filepath: The file, or a pattern of several (``replies/gpt4/*.csv``).
        columns: Columns of the file by what they hold: ``text`` is the reply;
            ``item_id`` (an item's id, or its ``source#locator``) or ``stem`` and
            ``options`` tell which item it answers; ``protocol``, ``reasoning`` and
            ``finish_reason`` where it has them. ``options`` is a map, a list, a text,
            or a list of columns.
        protocol: Under which protocol all of them were asked; any, without it.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        model: str,
        filepath: str,
        columns: Mapping[str, Any],
        protocol: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._pattern = in_project(filepath)
        self._columns = columns
        self._protocol = protocol
        self.metadata = metadata
        if unknown := sorted(columns.keys() - set(_COLUMNS)):
            raise DatasetError(
                f"The columns of the stored replies of '{model}' name '{unknown[0]}':"
                f" it is one of {', '.join(_COLUMNS)}."
            )
        if "text" not in columns or not columns.keys() & {"item_id", "stem"}:
            raise DatasetError(
                f"The columns of the stored replies of '{model}' need `text` and one"
                " of `item_id` and `stem`, by which an item is found."
            )

    def load(self) -> ChatModel:
        """Return the model; its name holds a digest of what is stored.

        Raises:
            DatasetError: If there is no such file, or a column is not in it.
        """
        paths = self._paths()
        digest = hashlib.sha256(b"".join(map(Path.read_bytes, paths))).hexdigest()
        stored = [reply for path in paths for reply in self._read(path)]
        return ReplayChatModel(f"{self._model}@{digest[:12]}", stored)

    def check(self) -> None:
        """Stop a run before its first node where there is nothing to read.

        Raises:
            DatasetError: If there is no such file, or it is of no known kind.
        """
        self._paths()

    def _paths(self) -> Sequence[Path]:
        paths = sorted(self._pattern.parent.glob(self._pattern.name))
        if not paths:
            raise DatasetError(
                f"There are no stored replies of '{self._model}' at {self._pattern}:"
                " put them there, or mend `filepath`."
            )
        if strange := [path for path in paths if path.suffix not in _READERS]:
            raise DatasetError(
                f"The stored replies {strange[0]} are none of"
                f" {', '.join(_READERS)}: save them as one."
            )
        return paths

    def _read(self, path: Path) -> Iterator[StoredReply]:
        try:
            rows = _READERS[path.suffix](path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DatasetError(
                f"The stored replies {path} cannot be read as {path.suffix[1:].upper()}"
                f" ({type(error).__name__}): save them in UTF-8, CSV with a header."
            ) from error
        named = [c for n, c in self._columns.items() if n != "options"]
        if gone := [column for column in named if column not in rows.columns]:
            raise DatasetError(
                f"{path} has no column '{gone[0]}', it has {', '.join(rows.columns)}."
            )
        for n, row in enumerate(rows.iter_rows(named=True), start=1):
            fields = {name: str(row[self._columns[name]] or "") for name in self._texts}
            yield StoredReply(
                locator=f"{path.name}:{n}",
                options=tuple(self._options(row)),
                **{"protocol": self._protocol} | fields,
            )

    @property
    def _texts(self) -> list[str]:
        return [name for name in self._columns if name != "options"]

    def _options(self, row: Mapping[str, Any]) -> Iterator[str]:
        column = self._columns.get("options")
        if isinstance(column, list | tuple):
            raw: Any = [row[name] for name in column if row[name]]
        else:
            raw = _parsed(row[column]) if column else []
        yield from (option["text"] for option in read_options(raw))

    def _describe(self) -> dict[str, Any]:
        return {"model": self._model, "filepath": str(self._pattern)}


def _parsed(value: Any) -> Any:
    """Return a map or list that is written as JSON; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
