"""A training run: a folder keyed by all that determines its result.

The key is a digest of data, parameters, base weights and library versions. A completed
run with the same key *is* the wanted model and is used again; an unfinished one is
resumed from its last whole checkpoint; anything else trains. So an unchanged re-run
costs nothing and a changed one can never be served an older model.

A run's folder::

    sft-3f2a…/  spec.json  rows.parquet  checkpoint-20/  final/  log.jsonl  result.json

Nothing here imports torch: the specification crosses a process border as JSON.
"""

import hashlib
import json
import math
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from psyche_kedro import __version__
from psyche_kedro.datasets.checkpoint_dataset import MANIFEST, Checkpoint
from psyche_kedro.files.swap import swapped_in
from psyche_kedro.pipelines.training.parameters import (
    GrpoParameters,
    LauncherParameters,
    SftParameters,
)
from psyche_kedro.rewards import RewardParameters

_LIBRARIES = ("torch", "transformers", "trl")
# Timings, and what counts from the last resume instead of from the start.
_NOT_LOGGED = (
    "runtime",
    "seconds",
    "per_second",
    "step_time",
    "total_flos",
    "profiling/",
    "num_tokens",
    "train_loss",
)


class RunSpec(BaseModel):
    """All that a trainer needs; what crosses the process border."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Literal["sft", "grpo"]
    folder: str
    model: str
    """Folder of the model to start from."""
    threads: int | None
    sft: SftParameters | None = None
    grpo: GrpoParameters | None = None
    reward: RewardParameters | None = None

    @property
    def launcher(self) -> LauncherParameters:
        """Where the trainer runs."""
        params = self.sft or self.grpo
        assert params is not None  # noqa: S101 - for mypy; one is always there
        return params.launcher

    @property
    def rows(self) -> Path:
        """Parquet file of the examples."""
        return Path(self.folder, "rows.parquet")


class RunResult(BaseModel):
    """What a trainer reached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["complete", "interrupted"]
    steps: int
    max_steps: int
    resumed_from: int | None
    """Step of the checkpoint it went on from."""
    log: list[dict[str, Any]]
    seconds: float | None = None
    """Of the steps that made the model, those before a resume included; ``None`` in a
    run of before they were counted."""


def open_run(
    stage: Literal["sft", "grpo"],
    *,
    base: Checkpoint,
    examples: pl.DataFrame,
    params: SftParameters | GrpoParameters,
    reward: RewardParameters | None = None,
) -> RunSpec:
    """Return the specification of a run, its folder made and its rows written."""
    made_of = {
        "variant": ", ".join(sorted(set(examples["variant"]))),
        "data": frame_digest(examples),
        "base": base.digest,
        "method": params.method(),
        "reward": reward.model_dump(mode="json") if reward else None,
        "versions": library_versions(),
    }
    folder = Path(params.runs).absolute() / f"{stage}-{digest_of(made_of)[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    spec = RunSpec(
        stage=stage,
        folder=str(folder),
        model=str(base.path.absolute()),
        threads=params.launcher.threads,
        reward=reward,
        **{stage: params},
    )
    if not spec.rows.exists():
        _write_rows(spec, examples)
    (folder / "spec.json").write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    (folder / "made_of.json").write_text(
        json.dumps(made_of, indent=1), encoding="utf-8"
    )
    return spec


def _write_rows(spec: RunSpec, examples: pl.DataFrame) -> None:
    with swapped_in(spec.rows) as partial:
        examples.write_parquet(partial)


def completed(spec: RunSpec) -> RunResult | None:
    """Return the result of a run that is done and whole, or ``None``."""
    path = Path(spec.folder, "result.json")
    if not path.exists():
        return None
    result = RunResult.model_validate_json(path.read_text("utf-8"))
    final = final_folder(spec)
    manifest = final / MANIFEST
    if result.status != "complete" or not manifest.exists():
        return None
    weights = json.loads(manifest.read_text("utf-8"))["weights"]
    return result if weights == folder_digest(final) else None


def finish(spec: RunSpec, result: RunResult) -> None:
    """Write the manifest of the final model, then the result: in this order."""
    final = final_folder(spec)
    manifest = {
        "stage": spec.stage,
        "run": Path(spec.folder).name,
        "steps": result.steps,
        "seconds": result.seconds,
        **json.loads(Path(spec.folder, "made_of.json").read_text("utf-8")),
        "weights": folder_digest(final),
    }
    (final / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    write_result(spec, result)


def write_result(spec: RunSpec, result: RunResult) -> None:
    """Write ``result.json`` in one move."""
    with swapped_in(Path(spec.folder, "result.json")) as partial:
        partial.write_text(result.model_dump_json(), encoding="utf-8")


def drop_checkpoints(spec: RunSpec) -> None:
    """Delete the checkpoints of a completed run; its final weights stay.

    Nothing could go on from them: a longer training is another run, by its key. With
    the optimizer's state, each is three times the size of the model.
    """
    for checkpoint in Path(spec.folder).glob("checkpoint-*"):
        shutil.rmtree(checkpoint)


def final_folder(spec: RunSpec) -> Path:
    """Return where the trained model stands."""
    return Path(spec.folder, "final")


def checkpoint_of(spec: RunSpec) -> Checkpoint:
    """Return the trained model of a completed run."""
    final = final_folder(spec)
    manifest = json.loads((final / MANIFEST).read_text("utf-8"))
    return Checkpoint(final, manifest | {"parameters": count_parameters(final)})


def count_parameters(folder: Path) -> int | None:
    """Return how many numbers a model's weights are, if they are safetensors."""
    from safetensors import safe_open  # noqa: PLC0415 - only where models are trained

    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="np") as weights:
            shapes = (weights.get_slice(name).get_shape() for name in weights.keys())  # noqa: SIM118
            total += sum(map(math.prod, shapes))
    return total or None


def last_checkpoint(folder: Path, processes: int = 1) -> Path | None:
    """Return the newest whole checkpoint of a run.

    A kill while saving leaves part of one; ``transformers.get_last_checkpoint`` would
    take it.

    Args:
        folder: The run's.
        processes: That train: each writes a file of its own.
    """
    checkpoints = folder.glob("checkpoint-*")
    whole = [path for path in checkpoints if _is_whole(path, processes)]
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def _is_whole(checkpoint: Path, processes: int) -> bool:
    """Tell whether all was written, to the end.

    The first process writes ``trainer_state.json`` last: opened, then filled, and a
    kill in between leaves it empty (seen on a loaded machine). Other processes may
    still be at their random states, without which TRL goes on with others, silently.
    """
    names = [f"rng_state_{i}.pth" for i in range(processes)]
    if processes == 1:
        names = ["rng_state.pth"]
    try:
        json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    if (checkpoint / "checkpoint-is-incomplete.txt").exists():
        return False
    return all(zipfile.is_zipfile(checkpoint / name) for name in names)


def log_rows(stage: str, log: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows of ``TrainingLog``: every number that is the same after a resume."""
    for entry in log:
        # The trainer sorts the entries of a resumed run, not those of a whole one.
        for metric, value in sorted(entry.items()):
            if metric in {"step", "epoch"} or not isinstance(value, int | float):
                continue
            if not any(word in metric for word in _NOT_LOGGED):
                yield {
                    "stage": stage,
                    "step": int(entry["step"]),
                    "metric": metric,
                    "value": float(value),
                }


def library_versions() -> dict[str, str]:
    """Return the versions that may change a trained model."""
    ours = {"psyche-kedro": __version__}
    return ours | {name: version(name) for name in _LIBRARIES}


def digest_of(value: Any) -> str:
    """Return SHA-256 of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def frame_digest(table: pl.DataFrame) -> str:
    """Return SHA-256 of a table's rows, in their order."""
    return hashlib.sha256(table.write_ndjson().encode()).hexdigest()


def folder_digest(folder: Path) -> str:
    """Return SHA-256 over the names and contents of a model's files.

    The manifest itself and the trainer's arguments (they hold paths) are left out.
    """
    skipped = {MANIFEST, "training_args.bin"}
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    parts = [
        (path.relative_to(folder).as_posix(), _file_digest(path))
        for path in files
        if path.name not in skipped
    ]
    return digest_of(parts)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
