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
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError, field_serializer

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.files.swap import swapped_in

_LOG = logging.getLogger(__name__)

_SEAL = "digests.json"
_NAME = re.compile(r"checkpoint-(\d+)")
SIZE_IN_MODELS = 3
"""A checkpoint's: AdamW keeps two numbers beside each weight."""


class Layout(NamedTuple):
    """How a checkpoint was written, as far as another run has to read it so."""

    kind: str
    """``plain``, ``fsdp`` or ``deepspeed``: how weights lie in files."""
    processes: int
    sequences: int
    """Per optimizer step, over all processes."""


class _Seal(BaseModel):
    """What stands in ``digests.json``."""

    model_config = ConfigDict(frozen=True)

    layout: Layout
    files: dict[str, str]
    run: str | None = None
    """Whose checkpoint it is; ``None`` where an earlier version wrote it, and
    so is its own digest."""
    digest: str | None = None

    @field_serializer("layout")
    def _named(self, layout: Layout) -> dict[str, Any]:
        return layout._asdict()

    def own_digest(self) -> str:
        """Return SHA-256 of all that it says."""
        said = self.model_dump_json(exclude={"digest"})
        return hashlib.sha256(said.encode()).hexdigest()


def step_of(checkpoint: Path) -> int:
    """Return the step that a checkpoint was written at."""
    return int(checkpoint.name.rsplit("-", maxsplit=1)[1])


def seal(checkpoint: Path, layout: Layout) -> None:
    """Say of every file what was written; then a run may go on from it."""
    files = {
        path.relative_to(checkpoint).as_posix(): file_digest(path)
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name != _SEAL
    }
    said = _Seal(layout=layout, files=files, run=checkpoint.absolute().parent.name)
    said = said.model_copy(update={"digest": said.own_digest()})
    with swapped_in(checkpoint / _SEAL) as partial:
        partial.write_text(said.model_dump_json(indent=1), encoding="utf-8")


def file_digest(path: Path) -> str:
    """Return SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest sealed checkpoint of a run, or ``None``.

    ``transformers.get_last_checkpoint`` would take what a kill left of one, too.
    """
    sealed = (path for path in _newest_first(folder) if (path / _SEAL).exists())
    return next(sealed, None)


def _newest_first(folder: Path) -> list[Path]:
    named = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(named, key=step_of, reverse=True)


def clear_damaged(folder: Path) -> None:
    """Leave the newest checkpoint of a run one that is as it was written.

    What a kill left of a save is deleted; what was changed since is set aside as
    ``damaged-<step>``, with a warning that names the file.
    """
    for checkpoint in _newest_first(folder):
        if not (checkpoint / _SEAL).exists():
            _LOG.warning("%s was not written to its end: it is deleted.", checkpoint)
            delete(checkpoint)
        elif fault := _fault(checkpoint):
            _set_aside(checkpoint, fault)
        else:
            return


def _fault(checkpoint: Path) -> str | None:
    return next(_faults(checkpoint), None)


def _faults(checkpoint: Path) -> Iterator[str]:
    """Yield what of a sealed checkpoint is not as it was written."""
    try:
        said = _Seal.model_validate_json((checkpoint / _SEAL).read_bytes())
    except ValidationError:
        yield f"{_SEAL} cannot be read"
        return
    if said.digest not in {None, said.own_digest()}:
        yield f"{_SEAL} is not what was written"
    if said.run not in {None, checkpoint.absolute().parent.name}:
        yield f"it is one of {said.run}"
    for name, digest in said.files.items():
        path = checkpoint / name
        if not path.is_file():
            yield f"{name} is gone"
        elif file_digest(path) != digest:
            yield f"{name} is not what was written"
    best = best_of(checkpoint)
    if best not in {None, checkpoint}:
        # Its weights are those to publish, if none that follow are better.
        whole = (best / _SEAL).exists() and _fault(best) is None
        yield from () if whole else (f"the best before it, {best.name}, is not whole",)


def best_of(checkpoint: Path) -> Path | None:
    """Return the best checkpoint until this one, where its run's folder is now."""
    best = _state(checkpoint).get("best_model_checkpoint")
    return checkpoint.with_name(Path(best).name) if best else None


def logged_until(checkpoint: Path) -> list[dict[str, Any]]:
    """Return the trainer's log up to a checkpoint."""
    return list(_state(checkpoint).get("log_history", ()))


def _state(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / "trainer_state.json"
    return dict(json.loads(path.read_bytes())) if path.exists() else {}


def _set_aside(checkpoint: Path, fault: str) -> None:
    aside = checkpoint.with_name(f"damaged-{step_of(checkpoint)}")
    delete(aside)
    checkpoint.rename(aside)
    _LOG.warning(
        "%s is damaged, %s: it is set aside as %s, and training goes on from the"
        " checkpoint before it, or from the start.",
        checkpoint,
        fault,
        aside.name,
    )


def delete(path: Path) -> None:
    """Delete a folder with all that is in it; of a link, the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check_layout(checkpoint: Path, layout: Layout) -> None:
    """Refuse to go on from a checkpoint that this launcher would read wrongly.

    Raises:
        TrainingFailedError: If its batches or its files are of another kind.
    """
    before = _Seal.model_validate_json((checkpoint / _SEAL).read_bytes()).layout
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
    for path in (*_newest_first(folder), *folder.glob("damaged-*")):
        delete(path)
