"""What reading one file may take, as the project's configuration says."""

from pathlib import Path

import yaml

from psyche_kedro.pipelines.ingestion.parameters import FileLimits

_CONF = Path(__file__).parents[1] / "conf/base/parameters/ingestion.yml"
LIMITS = FileLimits.model_validate(
    yaml.safe_load(_CONF.read_text("utf-8"))["ingestion"]["limits"]
)
