"""The review batch as a workbook that people can fill in without a server."""

from typing import Any

import fsspec
import polars as pl
from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.files.swap import swapped_in_on

_WIDE = 60
_NARROW = 14


class ReviewWorkbookDataset(AbstractDataset[pl.DataFrame, pl.DataFrame]):
    """A frame of texts in an XLSX sheet, with drop-down cells and a fixed header.

    ```yaml
    review_batch:
      type: psyche_kedro.datasets.ReviewWorkbookDataset
      filepath: data/08_reporting/review_batch.xlsx
      choices: {结论: [保留, 修改, 删除]}
      wide: [题目]
    ```

    Args:
        filepath: The ``.xlsx`` file.
        choices: What the drop-down of a column offers.
        wide: Columns of long text.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        filepath: str,
        choices: dict[str, list[str]] | None = None,
        wide: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = filepath
        self._choices = choices or {}
        self._wide = set(wide or [])
        self.metadata = metadata

    def load(self) -> pl.DataFrame:
        """Return the first sheet, every cell as text.

        Raises:
            DatasetError: If no run has written it yet.
        """
        if not self._exists():
            raise DatasetError(
                f"There is no workbook at {self._filepath}: `kedro run "
                "--pipeline=synthesis` writes it."
            )
        with fsspec.open(self._filepath, "rb") as file:
            return pl.read_excel(file.read(), infer_schema_length=0)

    def save(self, data: pl.DataFrame) -> None:
        """Write the sheet; a column of ``choices`` gets its drop-down in every row."""
        from xlsxwriter import Workbook  # noqa: PLC0415 - only to write

        fs, path = fsspec.url_to_fs(self._filepath)
        with (
            swapped_in_on(fs, path) as file,
            Workbook(file, {"strings_to_formulas": False}) as book,
        ):
            sheet = book.add_worksheet("review")
            plain = book.add_format({"text_wrap": True, "valign": "top"})
            sheet.freeze_panes(1, 1)
            for at, name in enumerate(data.columns):
                sheet.set_column(at, at, _WIDE if name in self._wide else _NARROW)
                cells = [name, *data[name].fill_null("").to_list()]
                sheet.write_column(0, at, cells, plain)
                if choices := self._choices.get(name):
                    offer = {"validate": "list", "source": choices}
                    sheet.data_validation(1, at, max(1, data.height), at, offer)

    def _exists(self) -> bool:
        fs, path = fsspec.url_to_fs(self._filepath)
        return bool(fs.exists(path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
