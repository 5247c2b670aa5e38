"""Stage 1: supervised fine-tuning with TRL (§2.5, Equation 1; Appendix C.3).

The loss is on every assistant turn and on nothing else. TRL 1.16 trains on the whole
conversation by default, and its ``completion_only_loss`` does nothing for messages; so
examples are tokenised here, with the assistant's tokens as labels, where it can be seen
and tested.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import polars as pl
import torch
from datasets import Dataset
from torch.utils.data import Sampler
from transformers import (
    AutoTokenizer,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl import SFTConfig, SFTTrainer

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.checkpoints import (
    Layout,
    check_layout,
    last_checkpoint,
    seal,
    step_of,
)
from psyche_kedro.pipelines.training.parameters import SftParameters, StageParameters
from psyche_kedro.pipelines.training.runs import (
    RunResult,
    RunSpec,
    final_folder,
)
from psyche_kedro.pipelines.training.tokens import encode


class ResumableSFTTrainer(SFTTrainer):
    """An ``SFTTrainer`` that resumes to the same weights as an unbroken run."""

    def _get_train_sampler(self, dataset: Any = None) -> "EpochSampler":
        return EpochSampler(super()._get_train_sampler(dataset), self)


def run_sft(spec: RunSpec) -> RunResult:
    """Train, from the last checkpoint if there is one.

    Raises:
        TrainingFailedError: If there is no example, or one that TRL would cut.

    Source: §2.5, Equation 1.
    """
    assert spec.sft is not None  # noqa: S101 - for mypy; the specification is typed
    prepare_process(spec)
    tokenizer = AutoTokenizer.from_pretrained(spec.model)
    examples = pl.read_parquet(spec.rows)
    data = {
        split: Dataset.from_list(
            [
                encode(messages, tokenizer)
                for messages in examples.filter(split=split)["messages"].to_list()
            ]
        )
        for split in ("train", "validation")
    }
    _check_lengths(data, spec.sft.max_length)
    trainer = ResumableSFTTrainer(
        spec.model,
        args=options(SFTConfig, sft_options(spec.sft, spec.folder)),
        train_dataset=data["train"],
        eval_dataset=data["validation"] if len(data["validation"]) else None,
        processing_class=tokenizer,
    )
    counts = {f"rows/{split}": len(rows) for split, rows in data.items()}
    return train_to_the_end(trainer, spec, counts)


def _check_lengths(splits: Mapping[str, Dataset], limit: int) -> None:
    if not len(splits["train"]):
        raise TrainingFailedError(
            "no example to train on: sft_set has none, or none of it is at most "
            f"training.sft.max_length = {limit} tokens long, raise it"
        )
    lengths = [len(row["input_ids"]) for split in splits.values() for row in split]
    if max(lengths) > limit:
        # The one place where TRL would cut: no row may come this far.
        raise TrainingFailedError(
            f"an example has {max(lengths)} tokens, more than training.sft.max_length "
            f"= {limit}: train on what drop_long_sft_examples keeps"
        )


def sft_options(params: SftParameters, folder: str) -> dict[str, Any]:
    """Return the parameters by TRL's names."""
    return common_options(params, folder) | {
        "gradient_accumulation_steps": params.accumulation,
        "adam_epsilon": params.adam_epsilon,
        "warmup_steps": params.warmup_ratio,  # below 1 it is a share of the steps
        "max_length": params.max_length,
        **params.trainer,
    }


# ---- what both trainers share ----------------------------------------------------


def prepare_process(spec: RunSpec) -> None:
    """Set the threads of this process."""
    if spec.threads:
        torch.set_num_threads(spec.threads)


class EpochSampler(Sampler[int]):
    """A sampler whose order is a function of (seed, epoch).

    TRL 1.16's for GRPO restarts its generator with the process: a run resumed in the
    second epoch sees the first one's order, of 16 prompts 4 twice and 4 never
    (measured). transformers 5.23's for ``group_by_length`` draws from the process's
    own generator, which is restored only after the order is drawn. The epoch is read
    from the trainer's state: accelerate hands ``set_epoch`` through to the sampler of
    one process, not of several.
    """

    def __init__(self, sampler: Any, trainer: Trainer) -> None:
        self._sampler = sampler
        self._trainer = trainer
        if getattr(sampler, "generator", self) is None:
            sampler.generator = torch.Generator()

    def __len__(self) -> int:
        return len(self._sampler)

    def __iter__(self) -> Iterator[int]:
        if hasattr(self._sampler, "generator"):
            epoch = int(self._trainer.state.epoch or 0)
            seed = self._trainer.args.seed * 100_003 + epoch
            self._sampler.generator.manual_seed(seed)
        return iter(self._sampler)


def common_options(params: StageParameters, folder: str) -> dict[str, Any]:
    """Return what both stages tell TRL."""
    cuda = torch.cuda.is_available()
    return {
        "output_dir": folder,
        "num_train_epochs": params.epochs,
        "learning_rate": params.learning_rate,
        "lr_scheduler_type": params.scheduler,
        "per_device_train_batch_size": params.micro_batch_size,
        "per_device_eval_batch_size": params.micro_batch_size,
        "weight_decay": params.weight_decay,
        "max_grad_norm": params.max_grad_norm,
        "bf16": params.bf16,
        "gradient_checkpointing": cuda,
        "use_cpu": not cuda,
        "save_strategy": "steps",
        "save_steps": params.save_steps,
        "save_total_limit": 2,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "seed": params.seed,
        "report_to": "none",  # the parent logs to its MLflow run
        "disable_tqdm": True,
        "push_to_hub": False,
    }


def options(kind: type[Any], values: dict[str, Any]) -> Any:
    """Return ``kind(**values)``.

    Raises:
        TrainingFailedError: If TRL knows no such option; it renames some each release.
    """
    known = {field.name for field in fields(kind) if field.init}
    if unknown := sorted(set(values) - known):
        raise TrainingFailedError(
            f"{kind.__name__} of this TRL has no option {unknown}: correct "
            "`trainer` in training.yml"
        )
    return kind(**values)


def train_to_the_end(
    trainer: Trainer, spec: RunSpec, counts: dict[str, int]
) -> RunResult:
    """Train, save the final model if it is done, return what was reached.

    Args:
        trainer: Ready to train.
        spec: Its run.
        counts: Rows of each split; they stand at step 0 of the log.

    Raises:
        TrainingFailedError: If other processes train than were asked for.
    """
    _check_processes(trainer.args.world_size, spec)
    checkpoint = last_checkpoint(Path(spec.folder))
    if checkpoint:
        check_layout(checkpoint, _layout(trainer))
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Clock())  # before what writes the entries that it stamps
    trainer.add_callback(LogFile(Path(spec.folder, "log.jsonl")))
    trainer.add_callback(Seal(trainer))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    status = _status(trainer)
    if status == "complete":
        save_final(trainer, spec)
        if trainer.eval_dataset is not None and spec.stage == "sft":
            trainer.evaluate()
    return RunResult(
        status=status,
        steps=trainer.state.global_step,
        max_steps=trainer.state.max_steps,
        resumed_from=step_of(checkpoint) if checkpoint else None,
        log=[{"step": 0, **counts}, *trainer.state.log_history],
        seconds=_seconds(trainer.state),
    )


def _check_processes(n: int, spec: RunSpec) -> None:
    # accelerate starts one process where its configuration names no GPUs, and batches
    # are divided among them: with fewer, each step would be a smaller one, silently.
    asked = spec.launcher.processes
    if n != asked:
        raise TrainingFailedError(
            f"training.{spec.stage}.launcher.processes is {asked}, but the launcher "
            f"made a group of {n}: correct the number or the launcher's configuration"
        )


def _layout(trainer: Trainer) -> Layout:
    args = trainer.args
    return Layout(
        kind="fsdp"
        if trainer.is_fsdp_enabled
        else "deepspeed"
        if trainer.is_deepspeed_enabled
        else "plain",
        processes=args.world_size,
        sequences=args.per_device_train_batch_size
        * args.gradient_accumulation_steps
        * args.world_size,
    )


def _status(trainer: Trainer) -> Literal["complete", "interrupted"]:
    # `train` returns normally after SIGTERM too: only the steps tell.
    done = trainer.state.global_step >= trainer.state.max_steps
    return "complete" if done else "interrupted"


def save_final(trainer: Trainer, spec: RunSpec) -> None:
    """Write the trained model, whole, whatever shards the trainer keeps.

    Raises:
        TrainingFailedError: If no weights were written.
    """
    final = final_folder(spec)
    if trainer.is_fsdp_enabled:
        # With sharded state (FSDP2's default) save_model writes no weights, silently.
        plugin = trainer.accelerator.state.fsdp_plugin
        plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(final))
    if trainer.accelerator.is_main_process:
        trainer.processing_class.save_pretrained(str(final))
        if not list(final.glob("*.safetensors")):
            raise TrainingFailedError(f"{final} holds no weights after saving")


class Clock(TrainerCallback):
    """Stamps each entry of the log with the seconds of training until then.

    A checkpoint keeps the log, so that a resumed run counts on from where it goes on.
    """

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Start where the log ends."""
        self._start = time.monotonic() - _seconds(state)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Stamp the newest entry."""
        state.log_history[-1]["seconds"] = round(time.monotonic() - self._start, 3)


def _seconds(state: TrainerState) -> float:
    return state.log_history[-1].get("seconds", 0.0) if state.log_history else 0.0


class LogFile(TrainerCallback):
    """Writes each entry of the log as a line, for whoever follows the run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Append the newest entry."""
        if state.is_world_process_zero:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(state.log_history[-1]) + "\n")


class Seal(TrainerCallback):
    """Seals each checkpoint when every process has written its part of it."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Seal the newest checkpoint."""
        self._trainer.accelerator.wait_for_everyone()
        if state.is_world_process_zero:
            folder = Path(str(args.output_dir), f"checkpoint-{state.global_step}")
            seal(folder, _layout(self._trainer))
