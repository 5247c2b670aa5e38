"""JSON that later runs read: a kill or a full disk leaves the file that was there."""

import json
from typing import Any

from kedro.io.core import get_filepath_str
from kedro_datasets.json import JSONDataset

from psyche_kedro.files.swap import swapped_in_on


class WholeJSONDataset(JSONDataset):
    """Kedro's own, which writes in place, but swapped in whole; UTF-8."""

    def save(self, data: Any) -> None:
        """Write ``data``; where that fails, the file stays as it was."""
        path = get_filepath_str(self._get_save_path(), self._protocol)
        with swapped_in_on(self._fs, path) as file:
            file.write(json.dumps(data, **self._save_args).encode())
        self._invalidate_cache()
