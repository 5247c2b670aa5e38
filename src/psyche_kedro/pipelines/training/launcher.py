"""Starts a trainer where it should run: here, in a child process, or under accelerate.

A child is the rule: GPU memory is surely freed when it ends, a crash does not take
Kedro and its MLflow run along, and more than one GPU needs a launcher anyway.
In-process is for tests. Both run the same function on the same specification.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psyche_kedro
from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.checkpoints import (
    SIZE_IN_MODELS,
    clear_damaged,
    last_checkpoint,
    logged_until,
    step_of,
)
from psyche_kedro.pipelines.training.parameters import LauncherParameters
from psyche_kedro.pipelines.training.presence import (
    asked_by,
    die_with_parent,
    end_trainers,
)
from psyche_kedro.pipelines.training.runs import (
    RunResult,
    RunSpec,
    clear_final,
    note_start,
)

_CHILD = "psyche_kedro.pipelines.training.child"
_LAUNCH = "accelerate.commands.launch"
_ON_A_MACHINE = (
    f'exec "$0" -m {_LAUNCH} --machine_rank "${{NODE_RANK:-${{SLURM_NODEID:-'
    '${OMPI_COMM_WORLD_RANK:?is no rank of this machine}}}" "$@"'
)
"""Only there, where the prefix has started it, is known which machine it is."""
_RANK = (
    "RANK",
    "LOCAL_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
)
_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**29),
    "MALLOC_TOP_PAD_": str(2**26),
}
"""Has glibc keep, of what tensors free, half a gigabyte: asked of the system anew for
every step, a third of a small model's CPU seconds goes into its pages (measured)."""
_GRACE_SECONDS = 30.0
_POLL_SECONDS = 0.2
# torch's writer says only at which byte it stopped.
_FULL = re.compile(r"No space left|Errno 28|quota exceeded|inline_container", re.I)

OnLog = Callable[[dict[str, Any]], None]


def launch(spec: RunSpec, on_log: OnLog) -> RunResult:
    """Train where the run's parameters say, and return what was reached.

    Args:
        spec: The run.
        on_log: Called with each entry of the trainer's log as it comes; with those of
            before a resume at once, so that a new run's curves are whole.

    Raises:
        TrainingFailedError: If the trainer failed, with its own message.
    """
    clear_damaged(Path(spec.folder))
    clear_final(spec)
    checkpoint = last_checkpoint(Path(spec.folder))
    note_start(spec, step_of(checkpoint) if checkpoint else 0)
    for entry in logged_until(checkpoint) if checkpoint else ():
        on_log(entry)
    if spec.launcher.kind == "in_process":
        from psyche_kedro.pipelines.training.child import (  # noqa: PLC0415 - torch
            train,
        )

        train(spec)
    else:
        _run_child(spec, _command(spec, spec.launcher), on_log)
    return RunResult.model_validate_json(
        Path(spec.folder, "result.json").read_text("utf-8")
    )


def _command(spec: RunSpec, launcher: LauncherParameters) -> list[str]:
    if launcher.kind == "child":
        return [*launcher.prefix, sys.executable, "-m", _CHILD, spec.folder]
    config = ["--config_file", launcher.config_file] if launcher.config_file else []
    count = ["--num_processes", str(launcher.processes)]
    options = [*config, *count, *_machines(launcher), *launcher.arguments]
    return [
        *launcher.prefix,
        *_accelerate(launcher),
        *options,
        "-m",
        _CHILD,
        spec.folder,
    ]


def _accelerate(launcher: LauncherParameters) -> list[str]:
    if launcher.machines == 1:
        return [sys.executable, "-m", _LAUNCH]
    return ["sh", "-c", _ON_A_MACHINE, sys.executable]


def _machines(launcher: LauncherParameters) -> list[str]:
    if not launcher.rendezvous:
        return []
    host, _, port = launcher.rendezvous.rpartition(":")
    meet = ["--main_process_ip", host, "--main_process_port", port]
    return ["--num_machines", str(launcher.machines), *meet]


def _run_child(spec: RunSpec, command: list[str], on_log: OnLog) -> None:
    folder = Path(spec.folder)
    for old in ("result.json", "log.jsonl", *_errors(folder)):
        (folder / old).unlink(missing_ok=True)
    # Here, where the run's folder is this run's alone.
    (folder / "spec.json").write_text(spec.model_dump_json(indent=1), encoding="utf-8")
    with (folder / "train.log").open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(spec),
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )
        try:
            _follow(process, folder / "log.jsonl", on_log)
        finally:
            _end(process)
            end_trainers(folder)
    if process.returncode or not (folder / "result.json").exists():
        raise TrainingFailedError(_failure(spec, process.returncode))


def _environment(spec: RunSpec) -> dict[str, str]:
    given = {k: v for k, v in os.environ.items() if k not in _RANK}
    environment = _ALLOCATOR | given | asked_by()
    # Kedro puts the package on sys.path without installing it.
    source = str(Path(psyche_kedro.__file__).parents[1])
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    n = spec.launcher.threads
    threads = {"OMP_NUM_THREADS": str(n)} if n else {}
    # Its libraries open their own files, which are UTF-8, in the machine's encoding.
    return environment | threads | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def _follow(process: subprocess.Popen[bytes], log: Path, on_log: OnLog) -> None:
    """Wait for the child, handing on the lines of its log as they come."""
    read = 0
    while True:
        ended = process.poll() is not None
        lines = log.read_text("utf-8").splitlines(keepends=True) if log.exists() else []
        for line in lines[read:]:
            if line.endswith("\n"):
                on_log(json.loads(line))
                read += 1
        if ended:
            return
        time.sleep(_POLL_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started."""
    for sign, patience in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, 5.0)):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def _errors(folder: Path) -> Iterator[str]:
    yield from sorted(path.name for path in folder.glob("error-*.txt"))


def _failure(spec: RunSpec, code: int) -> str:
    folder = Path(spec.folder)
    clear_damaged(folder)  # half a checkpoint may be what fills the disk
    said = [text for name in _errors(folder) if (text := _read(folder / name))]
    why = said[0] if said else _said_by(code)
    if _FULL.search(why) or _room(spec) < 0:
        why = f"the disk of {folder} is full, {_said_of_disk(spec)} ({why})"
    if "out of memory" in why.lower():
        why = f"{why}, lower training.{spec.stage}.micro_batch_size"
        if spec.stage == "grpo":  # a device writes its whole part of a rollout at once
            why += ", or where it generates, raise launcher.processes or use vLLM"
    return (
        f"Training of {spec.stage} failed: {why} (all of it in {folder}/train.log); "
        "mend the cause and run the same command again, it goes on from the last "
        "checkpoint."
    )


def _read(path: Path) -> str:
    return path.read_text("utf-8", errors="replace").strip()


def _said_by(code: int) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with {code}"


def _checkpoint_bytes(spec: RunSpec) -> int:
    weights = Path(spec.model).glob("*.safetensors")
    return SIZE_IN_MODELS * sum(path.stat().st_size for path in weights)


def _room(spec: RunSpec) -> int:
    """Return the bytes that are free when one more checkpoint is written."""
    return shutil.disk_usage(spec.folder).free - _checkpoint_bytes(spec)


def _said_of_disk(spec: RunSpec) -> str:
    free, needed = shutil.disk_usage(spec.folder).free, _checkpoint_bytes(spec)
    return (
        f"{free / 1e6:,.0f} MB are free, a checkpoint takes about {needed / 1e6:,.0f}"
    )
