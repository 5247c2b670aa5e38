"""The benchmarks' cards, for scripts that read exams outside a run."""

from pathlib import Path

import yaml

from psyche_kedro.pipelines.benchmarks import Benchmarks

FOLDER = Path(__file__).parents[1] / "conf/base/benchmarks"


def read_cards() -> Benchmarks:
    cards = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.yml"))
    }
    return Benchmarks.model_validate(cards)
