"""The project's own benchmark cards."""

from pathlib import Path

import yaml

from psyche_kedro.pipelines.benchmarks import Benchmarks

FOLDER = Path(__file__).parents[1] / "conf/base/benchmarks"
CARDS = Benchmarks.model_validate(
    {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.yml"))
    }
)
