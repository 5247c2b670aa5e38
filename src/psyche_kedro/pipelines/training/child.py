"""What runs a trainer: ``python -m psyche_kedro.pipelines.training.child FOLDER``."""

import contextlib
import os
import sys
import warnings
from pathlib import Path
from typing import Any

# Before the libraries are imported: they read these once. No usage report may leave a
# machine that holds people's most private words, and a model is always a local folder.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

from psyche_kedro.pipelines.training.presence import (
    die_with_parent,
    heartbeat,
    is_orphan,
)
from psyche_kedro.pipelines.training.runs import (
    RunResult,
    RunSpec,
    finish,
    write_result,
)


def train(spec: RunSpec) -> RunResult:
    """Run the stage of ``spec``; leave its model and its result in its folder.

    It goes on from the run's last checkpoint, if there is one.
    """
    import torch  # noqa: PLC0415 - after what main does first

    from psyche_kedro.pipelines.training.loop import train_to_the_end  # noqa: PLC0415

    if spec.launcher.threads:
        torch.set_num_threads(spec.launcher.threads)
    result = train_to_the_end(_trainer(spec), spec)
    if _rank() == "0":
        (finish if result.status == "complete" else write_result)(spec, result)
    return result


def _trainer(spec: RunSpec) -> Any:
    if spec.stage == "sft":
        from psyche_kedro.pipelines.training.sft import sft_trainer  # noqa: PLC0415

        return sft_trainer(spec)
    from psyche_kedro.pipelines.training.grpo import grpo_trainer  # noqa: PLC0415

    return grpo_trainer(spec)


def _rank() -> str:
    return os.environ.get("RANK", "0")


def main(folder: str) -> None:
    """Train the run in ``folder``; on failure say why in ``error-<rank>.txt``."""
    die_with_parent()
    if is_orphan():
        sys.exit(f"who asked for a trainer in {folder} has ended")
    spec = RunSpec.model_validate_json(Path(folder, "spec.json").read_text("utf-8"))
    try:
        with heartbeat(Path(folder), _rank()):
            train(spec)
    except BaseException as error:
        # A launcher's own tail hides which rank failed and why.
        note = Path(folder, f"error-{_rank()}.txt")
        with contextlib.suppress(OSError):  # a full disk: the parent sees that, too
            note.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        raise


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1])
