"""The shipped prompts as the loader gives them, and made-up ones in their words."""

from functools import partial
from pathlib import Path
from typing import Any

import yaml

from psyche_kedro import prompts

FOLDER = Path(__file__).parents[1] / "conf/base/prompts/zh"
WORDS = prompts.Words(**yaml.safe_load((FOLDER / "words.yml").read_text("utf-8")))
EXAMPLES: list[dict[str, str]] = yaml.safe_load(
    (FOLDER / "screening_examples.yml").read_text("utf-8")
)
NAMES = sorted(
    path.stem
    for path in FOLDER.glob("*.yml")
    if path.stem not in ("words", "screening_examples")
)

made_up = partial(prompts.Prompt, words=WORDS)
"""A prompt of a test's own, e.g. ``made_up(source="t", reply="t", user="…")``."""


def fields(name: str) -> dict[str, Any]:
    """Return what stands in a prompt's file."""
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text("utf-8"))


def shipped(name: str) -> prompts.Prompt:
    """Return a prompt of the project."""
    return made_up(**fields(name))
