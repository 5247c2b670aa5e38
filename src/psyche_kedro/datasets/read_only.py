"""What nodes read, and none writes."""

from typing import NoReturn, TypeVar

from kedro.io import AbstractDataset, DatasetError

Loaded = TypeVar("Loaded")


class ReadOnlyDataset(AbstractDataset[None, Loaded]):
    """An entry of the catalog that is loaded only: a model, raw files, an engine."""

    def save(self, data: None) -> NoReturn:
        """Refuse.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(
            f"A {type(self).__name__} is read-only: no node may write it."
        )
