"""Prompts as catalog entries."""

from typing import Any, NoReturn

import fsspec
import yaml
from kedro.io import AbstractDataset, DatasetError
from pydantic import ValidationError

from psyche_kedro.prompts import Prompt


class PromptDataset(AbstractDataset[None, Prompt]):
    """A ``Prompt`` read from YAML with the keys ``source``, ``reply``, ``user``.

    Args:
        filepath: The ``.yml`` file, e.g. ``conf/base/prompts/question.yml``.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> Prompt:
        """Return the prompt.

        Raises:
            DatasetError: If the file is no prompt, with the key that is wrong.
        """
        with fsspec.open(self._filepath, encoding="utf-8", mode="rt") as file:
            fields = yaml.safe_load(file)
        try:
            return Prompt(**fields)
        except (TypeError, ValidationError) as error:
            raise DatasetError(
                f"{self._filepath} is no prompt: it takes the keys source, reply, "
                f"system (optional) and user, each a text; {error}."
            ) from error

    def save(self, data: None) -> NoReturn:
        """Refuse: prompts are edited by hand."""
        raise DatasetError(f"{self._filepath} is read-only: edit it by hand.")

    def preview(self) -> str:
        """Return the template, for Kedro-Viz."""
        prompt = self.load()
        return f"{prompt.system}\n\n{prompt.user}".strip()

    def _exists(self) -> bool:
        fs, path = fsspec.url_to_fs(self._filepath)
        return bool(fs.exists(path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
