"""Checkpoints that a run may go on from: sealed when whole, set aside when damaged.

A trainer seals a checkpoint when all of its processes have written: ``digests.json``
names every file with its SHA-256. Without a seal it is what a kill left of a save;
with a seal that does not fit, a disk or a person changed it. Nothing goes on from
either: an optimizer or a random state that is missing or half would be made anew,
silently, and lead to other weights.
"""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import NamedTuple

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.files.swap import swapped_in

_LOG = logging.getLogger(__name__)

_SEAL = "digests.json"
SIZE_IN_MODELS = 3
"""A checkpoint's: AdamW keeps two numbers beside each weight."""


class Layout(NamedTuple):
    """How a checkpoint was written, as far as another run has to read it so."""

    kind: str
    """``plain``, ``fsdp`` or ``deepspeed``: how weights lie in files."""
    processes: int
    sequences: int
    """Per optimizer step, over all processes."""


def step_of(checkpoint: Path) -> int:
    """Return the step that a checkpoint was written at."""
    return int(checkpoint.name.rsplit("-", maxsplit=1)[1])


def seal(checkpoint: Path, layout: Layout) -> None:
    """Say of every file what was written; then a run may go on from it."""
    files = [path for path in sorted(checkpoint.rglob("*")) if path.is_file()]
    digests = {
        path.relative_to(checkpoint).as_posix(): file_digest(path)
        for path in files
        if path.name != _SEAL
    }
    with swapped_in(checkpoint / _SEAL) as partial:
        said = {"layout": layout._asdict(), "files": digests}
        partial.write_text(json.dumps(said, indent=1), encoding="utf-8")


def file_digest(path: Path) -> str:
    """Return SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest sealed checkpoint of a run, or ``None``.

    ``transformers.get_last_checkpoint`` would take what a kill left of one, too.
    """
    sealed = [path.parent for path in folder.glob(f"checkpoint-*/{_SEAL}")]
    return max(sealed, key=step_of, default=None)


def clear_damaged(folder: Path) -> None:
    """Leave the newest checkpoint of a run one that is as it was written.

    What a kill left of a save is deleted; what was changed since is set aside as
    ``damaged-<step>``, with a warning that names the file.
    """
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=step_of, reverse=True):
        if not (checkpoint / _SEAL).exists():
            _LOG.warning("%s was not written to its end: it is deleted.", checkpoint)
            shutil.rmtree(checkpoint)
        elif fault := _fault(checkpoint):
            _set_aside(checkpoint, fault)
        else:
            return


def _fault(checkpoint: Path) -> str | None:
    try:
        files = json.loads((checkpoint / _SEAL).read_text("utf-8"))["files"]
    except (ValueError, KeyError, TypeError):
        return f"{_SEAL} cannot be read"
    for name, digest in files.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is gone"
        if file_digest(path) != digest:
            return f"{name} is not what was written"
    return None


def _set_aside(checkpoint: Path, fault: str) -> None:
    aside = checkpoint.with_name(f"damaged-{step_of(checkpoint)}")
    shutil.rmtree(aside, ignore_errors=True)
    checkpoint.rename(aside)
    _LOG.warning(
        "%s is damaged, %s: it is set aside as %s, and training goes on from the"
        " checkpoint before it, or from the start.",
        checkpoint,
        fault,
        aside.name,
    )


def check_layout(checkpoint: Path, layout: Layout) -> None:
    """Refuse to go on from a checkpoint that this launcher would read wrongly.

    Raises:
        TrainingFailedError: If its batches or its files are of another kind.
    """
    said = json.loads((checkpoint / _SEAL).read_text("utf-8"))["layout"]
    before = Layout(**said)
    if before.sequences != layout.sequences:
        raise TrainingFailedError(
            f"{checkpoint} was trained with {before.sequences} sequences an optimizer "
            f"step, and this run has {layout.sequences}: set micro_batch_size and "
            "launcher.processes so that their product divides the batch as before"
        )
    moved = layout.kind == "deepspeed" and before.processes != layout.processes
    if before.kind != layout.kind or moved:
        raise TrainingFailedError(
            f"{checkpoint} was written by {before.processes} processes ({before.kind}),"
            f" and {layout.processes} ({layout.kind}) cannot read it: go on with the "
            "launcher that began, or delete the checkpoint to start again"
        )


def drop_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a completed run; its final weights stay.

    Nothing could go on from them: a longer training is another run, by its key. With
    the optimizer's state, each is three times the size of the model.
    """
    for kind in ("checkpoint-*", "damaged-*"):
        for checkpoint in folder.glob(kind):
            shutil.rmtree(checkpoint)
