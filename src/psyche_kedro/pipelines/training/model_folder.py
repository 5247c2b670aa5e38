"""The folder of a trained model: weights, tokenizer, card, and nothing of this machine.

It loads with plain ``transformers`` and is what ``vllm serve`` takes. No pickle lies in
it, which would run code where it is opened, and no path.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from safetensors.torch import load_file, save_file

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl")


def export(folder: Path, dtype: str) -> None:
    """Leave of what a trainer saved what belongs to the model, in its type.

    Args:
        folder: What the trainer saved.
        dtype: ``float32`` or ``bfloat16``.
    """
    for pattern in _PICKLES:
        for path in folder.glob(pattern):
            path.unlink()
    if dtype == "bfloat16":
        for path in folder.glob("*.safetensors"):
            _cast(path)
    config = folder / "config.json"
    said = json.loads(config.read_text("utf-8")) | {"dtype": dtype}
    said.pop("_name_or_path", None)
    config.write_text(json.dumps(said, indent=2), encoding="utf-8")


def _cast(path: Path) -> None:
    weights = {
        name: weight.to(torch.bfloat16) if weight.is_floating_point() else weight
        for name, weight in load_file(path).items()
    }
    save_file(weights, path, metadata={"format": "pt"})


def write_card(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``README.md``: what the model was made of, and what it is not for."""
    templates = Environment(
        loader=PackageLoader("psyche_kedro.pipelines.training"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown of our own figures
    )
    card = templates.get_template("model_card.md.jinja").render(**manifest)
    (folder / "README.md").write_text(card, encoding="utf-8")
