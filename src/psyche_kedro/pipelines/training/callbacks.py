"""What is done beside a training: by the step, the log entry, the checkpoint."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainerState

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.checkpoints import Layout, best_of, seal
from psyche_kedro.pipelines.training.health import ALARM, Watch, not_finite
from psyche_kedro.pipelines.training.runs import append_lines


class Resumed(TrainerCallback):
    """Has a training that goes on save as it is told now, and find its best weights.

    transformers 5.23 takes both from the checkpoint: the interval that was, and a path
    that may have moved.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._checkpoint = checkpoint

    def on_train_begin(
        self, args: Any, state: TrainerState, control: Any, **_: Any
    ) -> None:
        """Correct what was read."""
        state.save_steps = args.save_steps
        best = best_of(self._checkpoint)
        state.best_model_checkpoint = str(best) if best else None


class Clock(TrainerCallback):
    """Stamps each entry of the log with the seconds of training until then.

    A checkpoint keeps the log, so that a resumed run counts on from where it goes on.
    """

    def on_train_begin(
        self, args: Any, state: TrainerState, control: Any, **_: Any
    ) -> None:
        """Start where the log ends."""
        self._start = time.monotonic() - seconds(state)

    def on_log(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Stamp the newest entry."""
        state.log_history[-1]["seconds"] = round(time.monotonic() - self._start, 3)


def seconds(state: TrainerState) -> float:
    """Return how long training took until the newest entry of its log."""
    return state.log_history[-1].get("seconds", 0.0) if state.log_history else 0.0


class Health(TrainerCallback):
    """Notes alarms in the log, and ends a training that leads nowhere."""

    def __init__(self, watch: Watch, stage: str) -> None:
        self._watch = watch
        self._stage = stage

    def on_train_begin(
        self, args: Any, state: TrainerState, control: Any, **_: Any
    ) -> None:
        """See what was logged before this start."""
        for entry in state.log_history:
            self._watch.see(entry)

    def on_log(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Look at the newest entry.

        Raises:
            TrainingFailedError: If it says that the training has diverged.
        """
        entry = state.log_history[-1]
        if what := not_finite(entry):
            raise TrainingFailedError(self.diverged(what))
        if alarms := self._watch.see(entry):
            entry["alarms"] = alarms
            entry |= {f"{ALARM}{name}": 1.0 for name in alarms}

    def on_step_begin(
        self, args: Any, state: TrainerState, control: Any, **_: Any
    ) -> None:
        """Stop before another step where an alarm says so.

        Raises:
            TrainingFailedError: If one of ``health.stop_on`` has begun.
        """
        if why := self._watch.stops():
            raise TrainingFailedError(_stopped(why))

    def on_step_end(
        self, args: Any, state: TrainerState, control: Any, model: Any, **_: Any
    ) -> None:
        """Look at the weights before anything is made with them.

        Raises:
            TrainingFailedError: If a step has left any that is no number.
        """
        if not _are_finite(model):
            step = state.global_step
            raise TrainingFailedError(self.diverged(f"weights at step {step}"))

    def check_end(self, model: torch.nn.Module) -> None:
        """Refuse a model that must not be published.

        Raises:
            TrainingFailedError: If it is not finite, or nothing trained it.
        """
        if not _are_finite(model):
            raise TrainingFailedError(self.diverged("weights at the end"))
        if why := self._watch.stops_at_the_end():
            raise TrainingFailedError(_stopped(why))

    def diverged(self, what: str) -> str:
        """Return the sentence of a training whose ``what`` is no number any more."""
        return (
            f"it diverged, {what} not finite: lower training.{self._stage}."
            "learning_rate, or look for rows that are not like the others; nothing of "
            "it was published"
        )


def _are_finite(model: torch.nn.Module) -> bool:
    """Tell whether the weights that this process holds are all numbers."""
    held = [
        weights.to_local() if hasattr(weights, "to_local") else weights
        for weights in model.parameters()
    ]
    # One answer at the end, so that a GPU is waited for once.
    return bool(torch.stack([torch.isfinite(part).all() for part in held]).all())


def _stopped(why: str) -> str:
    return (
        f"an alarm of health.stop_on, {why}; nothing of it was published (to have the "
        "model all the same, take the alarm out of stop_on)"
    )


class LogFile(TrainerCallback):
    """Writes each entry of the log as a line, for whoever follows the run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_log(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Append the newest entry."""
        if state.is_world_process_zero:
            entry = {**state.log_history[-1], "max_steps": state.max_steps}
            append_lines(self._path, [entry])


class Samples(TrainerCallback):
    """Writes some completions of each rollout, with what they earned."""

    def __init__(self, trainer: Any, path: Path, n: int) -> None:
        self._trainer = trainer
        self._path = path
        self._n = n

    def on_log(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Append the rollout's samples, if the newest entry is of a rollout."""
        if "reward" not in state.log_history[-1] or not state.is_world_process_zero:
            return
        rows = _spread(_rollout(self._trainer._logs), self._n)
        step = state.global_step
        append_lines(
            self._path, [{"step": step, "sample": i, **r} for i, r in enumerate(rows)]
        )


def _rollout(logs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what TRL keeps of the newest rollout, as rows."""
    columns = {
        "prompt": [messages[-1]["content"] for messages in logs["prompt"]],
        "completion": [turns[0]["content"] for turns in logs["completion"]],
        **logs["rewards"],
        **logs["extra"],
    }
    return [
        dict(zip(columns, values, strict=True))
        for values in zip(*columns.values(), strict=True)
    ]


def _spread(rows: Sequence[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """Return ``n`` rows, from as many groups as there are: they lie side by side."""
    step = max(1, len(rows) // n)
    return list(rows[::step][:n])


class Seal(TrainerCallback):
    """Seals each checkpoint when every process has written its part of it."""

    def __init__(self, trainer: Trainer, layout: Layout) -> None:
        self._trainer = trainer
        self._layout = layout

    def on_save(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Seal the newest checkpoint."""
        self._trainer.accelerator.wait_for_everyone()
        if state.is_world_process_zero:
            folder = Path(str(args.output_dir), f"checkpoint-{state.global_step}")
            seal(folder, self._layout)


class EarlyStop(EarlyStoppingCallback):
    """Stops when evaluations no longer improve, and says afterwards that it did."""

    stopped = False

    def on_evaluate(
        self, args: Any, state: TrainerState, control: Any, **named: Any
    ) -> None:
        """Count an evaluation."""
        super().on_evaluate(args, state, control, **named)
        self.stopped = self.stopped or bool(control.should_training_stop)
