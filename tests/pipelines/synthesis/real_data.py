"""Real public data to measure on; no part of the project, so tests skip without it."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("PSYCHE_REAL_DATA", PROJECT.parent / "shared" / "data"))


def needs(*names: str) -> pytest.MarkDecorator:
    missing = [name for name in names if not (FOLDER / name).exists()]
    return pytest.mark.skipif(bool(missing), reason=f"no {missing} in {FOLDER}")
