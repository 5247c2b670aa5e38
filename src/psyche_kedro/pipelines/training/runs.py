"""A training run: a folder keyed by what determines its weights by intent.

The key is a digest of data, base weights, the method's parameters and seeds. A
completed run with the same key *is* the wanted model and is used again; an unfinished
one is resumed from its last whole checkpoint; anything else trains. So an unchanged
re-run costs nothing and a changed one can never be served an older model.

How a run is computed (micro batches, devices, launcher, memory, save interval, library
versions) is no part of its key: mending an out-of-memory goes on where it failed. Each
start adds to ``history.jsonl``, which ends up in the model's manifest.

A run's folder::

    sft-3f2a…/  spec.json  rows.parquet  checkpoint-20/  final/  history.jsonl
                log.jsonl  result.json

Nothing here imports torch: the specification crosses a process border as JSON.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from psyche_kedro import __version__
from psyche_kedro.datasets.checkpoint_dataset import MANIFEST, Checkpoint
from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.files.project import git_commit
from psyche_kedro.files.swap import swapped_in
from psyche_kedro.pipelines.training.checkpoints import delete, file_digest
from psyche_kedro.pipelines.training.health import alarms_of
from psyche_kedro.pipelines.training.parameters import (
    GrpoParameters,
    LauncherParameters,
    SftParameters,
)
from psyche_kedro.rewards import RewardParameters

_LOG = logging.getLogger(__name__)

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
    sft: SftParameters | None = None
    grpo: GrpoParameters | None = None
    reward: RewardParameters | None = None

    @property
    def params(self) -> SftParameters | GrpoParameters:
        """The stage's parameters."""
        params = self.sft or self.grpo
        assert params is not None  # noqa: S101 - for mypy; one is always there
        return params

    @property
    def launcher(self) -> LauncherParameters:
        """Where the trainer runs."""
        return self.params.launcher

    @property
    def rows(self) -> Path:
        """Parquet file of the examples."""
        return Path(self.folder, "rows.parquet")

    @property
    def samples(self) -> Path:
        """Lines of sampled completions."""
        return Path(self.folder, "samples.jsonl")


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


def open_run(  # noqa: PLR0913 - what a run is made of
    stage: Literal["sft", "grpo"],
    *,
    base: Checkpoint,
    examples: pl.DataFrame,
    params: SftParameters | GrpoParameters,
    reward: RewardParameters | None = None,
    tokens: pl.DataFrame | None = None,
) -> RunSpec:
    """Return the specification of a run, its folder made and its rows written.

    Args:
        stage: ``sft`` or ``grpo``.
        base: The model to start from.
        examples: What makes the run what it is.
        params: The stage's.
        reward: Of GRPO.
        tokens: What the trainer reads, where that is not ``examples``.

    Raises:
        TrainingFailedError: If another model has taken the place of ``base``.
    """
    _check_base(base)
    made_of = {
        "variant": ", ".join(sorted(set(examples["variant"]))),
        "data": frame_digest(examples),
        "base": base.digest,
        "method": params.method(),
        "reward": reward.model_dump(mode="json") if reward else None,
    }
    folder = Path(params.runs).absolute() / f"{stage}-{digest_of(made_of)[:16]}"
    spec = RunSpec(
        stage=stage,
        folder=str(folder),
        model=str(base.path.absolute()),
        reward=reward,
        **{stage: params},
    )
    folder.mkdir(parents=True, exist_ok=True)
    with swapped_in(spec.rows) as partial:
        (examples if tokens is None else tokens).write_parquet(partial)
    with swapped_in(folder / "made_of.json") as partial:
        partial.write_text(json.dumps(made_of, indent=1), encoding="utf-8")
    return spec


def _check_base(base: Checkpoint) -> None:
    if folder_digest(base.path) != base.digest:
        raise TrainingFailedError(
            f"The model in {base.path} is not the one that its manifest names, which a "
            "run is known by: make it again (kedro run --pipeline=training); a model "
            "of your own to start from is training.base_model.path"
        )


def note_start(spec: RunSpec, step: int) -> None:
    """Add to the run's history how it is computed from ``step`` on."""
    entry = {
        "from_step": step,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "versions": library_versions(),
        **spec.params.computed(),
    }
    append_lines(Path(spec.folder, "history.jsonl"), [entry])


def sampled(spec: RunSpec) -> list[dict[str, Any]]:
    """Return the completions that were kept, the later of two of one step."""
    lines = _lines(spec.samples)
    return list({(line["step"], line["sample"]): line for line in lines}.values())


def append_lines(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Add entries to a file of JSON lines, behind a line that a kill cut, too."""
    lines = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries)
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            lines = lines if file.read() == b"\n" else f"\n{lines}"
        file.write(lines.encode())


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines that are whole: what a kill cut is written anew."""
    lines = path.read_text("utf-8", "replace").split("\n") if path.exists() else []
    found = []
    for line in filter(None, lines):
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def completed(spec: RunSpec) -> RunResult | None:
    """Return the result of a run that is done and whole, or ``None``."""
    path = Path(spec.folder, "result.json")
    if not path.exists():
        return None
    final = final_folder(spec)
    try:
        result = RunResult.model_validate_json(path.read_text("utf-8"))
        weights = json.loads((final / MANIFEST).read_text("utf-8"))["weights"]
    except (FileNotFoundError, ValidationError, ValueError, KeyError):
        return None
    if result.status != "complete":
        return None
    if weights != folder_digest(final):
        _LOG.warning("%s is not what was written: it is trained again.", final)
        return None
    return result


def clear_final(spec: RunSpec) -> None:
    """Make room for the final model: what a kill left of one is deleted.

    One that was whole and has been changed since is set aside as ``damaged-final``.
    """
    final = final_folder(spec)
    aside = final.with_name("damaged-final")
    if (final / MANIFEST).exists():
        delete(aside)
        final.rename(aside)
    delete(final)


def finish(spec: RunSpec, result: RunResult) -> None:
    """Write card and manifest of the final model, then the result: in this order."""
    from psyche_kedro.pipelines.training.model_folder import (  # noqa: PLC0415 - torch
        write_card,
    )

    final = final_folder(spec)
    manifest = {
        "stage": spec.stage,
        "run": Path(spec.folder).name,
        "steps": result.steps,
        "seconds": result.seconds,
        **json.loads(Path(spec.folder, "made_of.json").read_text("utf-8")),
        "history": _lines(Path(spec.folder, "history.jsonl")),
        "alarms": list(alarms_of(result.log)),
        "parts": _parts(spec),
        "code": git_commit(),
        "weights": folder_digest(final),
    }
    write_card(final, manifest)
    (final / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    write_result(spec, result)


def _parts(spec: RunSpec) -> dict[str, int]:
    parts = pl.read_parquet(spec.rows, columns=["part"])["part"].value_counts()
    return dict(sorted(parts.iter_rows()))


def write_result(spec: RunSpec, result: RunResult) -> None:
    """Write ``result.json`` in one move."""
    with swapped_in(Path(spec.folder, "result.json")) as partial:
        partial.write_text(result.model_dump_json(), encoding="utf-8")


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

    The manifest itself, the card and a trainer's arguments are left out, and what is
    hidden: a download's ``.cache`` tells when it came, not what.
    """
    skipped = {MANIFEST, "README.md", "training_args.bin"}
    named = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*"))}
    parts = [
        (name, file_digest(path))
        for name, path in named.items()
        if path.is_file() and path.name not in skipped and "/." not in f"/{name}"
    ]
    return digest_of(parts)
