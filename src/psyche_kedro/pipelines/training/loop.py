"""What both trainers share: the order of the rows, and the way to the end."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import polars as pl
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.utils.data import Sampler
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PrinterCallback,
    Trainer,
)

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.callbacks import (
    Clock,
    EarlyStop,
    Health,
    LogFile,
    Resumed,
    Samples,
    Seal,
    seconds,
)
from psyche_kedro.pipelines.training.checkpoints import (
    Layout,
    check_layout,
    last_checkpoint,
    step_of,
)
from psyche_kedro.pipelines.training.health import Watch
from psyche_kedro.pipelines.training.model_folder import export
from psyche_kedro.pipelines.training.parameters import StageParameters
from psyche_kedro.pipelines.training.runs import RunResult, RunSpec, final_folder


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


def train_to_the_end(trainer: Trainer, spec: RunSpec) -> RunResult:
    """Train, save the final model if it is done, return what was reached.

    Args:
        trainer: Ready to train.
        spec: Its run; how many rows each split of it has stands at step 0 of the log.

    Raises:
        TrainingFailedError: If other processes train than were asked for.
    """
    _check_processes(trainer.args.world_size, spec)
    if trainer.is_fsdp_enabled:
        sum_gradients_in_float32(trainer.accelerator.state.fsdp_plugin)
    checkpoint = last_checkpoint(Path(spec.folder))
    if checkpoint:
        check_layout(checkpoint, _layout(trainer))
        trainer.add_callback(Resumed(checkpoint))
    health = Health(Watch(spec.params.health), spec.stage)
    stop = EarlyStop(spec.params.patience or 1)
    _add_callbacks(trainer, spec, health)
    if spec.params.patience:
        trainer.add_callback(stop)
    _train(trainer, checkpoint, health)
    status = "complete" if stop.stopped else _status(trainer)
    if status == "complete":
        health.check_end(trainer.model)
        save_final(trainer, spec)
        if trainer.eval_dataset is not None and spec.stage == "sft":
            trainer.evaluate()
    return RunResult(
        status=status,
        steps=trainer.state.global_step,
        max_steps=trainer.state.max_steps,
        resumed_from=step_of(checkpoint) if checkpoint else None,
        log=[{"step": 0, **_counts(spec)}, *trainer.state.log_history],
        seconds=seconds(trainer.state),
    )


def _train(trainer: Trainer, checkpoint: Path | None, health: Health) -> None:
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except RuntimeError as error:
        if "probability tensor contains" not in str(error):
            raise
        raise TrainingFailedError(health.diverged("a rollout's logits")) from error


def _counts(spec: RunSpec) -> dict[str, int]:
    splits = pl.read_parquet(spec.rows, columns=["split"])["split"]
    return {f"rows/{n}": int((splits == n).sum()) for n in ("train", "validation")}


def sum_gradients_in_float32(plugin: Any) -> None:
    """Have FSDP sum the devices' gradients in float32; accelerate would in bfloat16.

    Args:
        plugin: accelerate's, before it has wrapped the model.
    """
    policy = plugin.mixed_precision_policy
    if policy is not None:
        changed = replace(policy, reduce_dtype=torch.float32)
        plugin.mixed_precision_policy = changed


def _add_callbacks(trainer: Trainer, spec: RunSpec, health: Health) -> None:
    """Add them in their order: who writes an entry comes after who adds to it."""
    folder = Path(spec.folder)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Clock())
    trainer.add_callback(health)
    trainer.add_callback(LogFile(folder / "log.jsonl"))
    if spec.grpo and spec.grpo.samples:
        trainer.add_callback(Samples(trainer, spec.samples, spec.grpo.samples))
    trainer.add_callback(Seal(trainer, _layout(trainer)))


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
    if spec.params.lora is not None:
        trainer.model = _merged(trainer.accelerator.unwrap_model(trainer.model), spec)
    trainer.save_model(str(final))
    if trainer.accelerator.is_main_process:
        trainer.processing_class.save_pretrained(str(final))
        if not list(final.glob("*.safetensors")):
            raise TrainingFailedError(f"{final} holds no weights after saving")
        export(final, spec.params.export)


def _merged(model: Any, spec: RunSpec) -> Any:
    """Return the model with its adapters in its weights, which are whole again."""
    if quantization(spec.params) is not None:
        with TemporaryDirectory(dir=spec.folder) as adapters_only:
            model.save_pretrained(adapters_only)
            base = AutoModelForCausalLM.from_pretrained(spec.model, dtype="float32")
            model = PeftModel.from_pretrained(base, adapters_only)
    return model.merge_and_unload()


def quantization(params: StageParameters) -> BitsAndBytesConfig | None:
    """Return how the weights beside the adapters are held, if not as they are."""
    if params.lora is None or params.lora.quantization is None:
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=params.lora.quantization,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype="bfloat16" if params.bf16 else "float32",
    )


def adapters(params: StageParameters) -> LoraConfig | None:
    """Return what peft reads of ``lora``, if adapters are trained."""
    if params.lora is None:
        return None
    targets = params.lora.target_modules
    return LoraConfig(
        r=params.lora.r,
        lora_alpha=params.lora.alpha,
        lora_dropout=params.lora.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )


def misfit(params: StageParameters, folder: Path) -> str | None:
    """Return why the adapters asked for do not fit a model, if they do not."""
    wanted = adapters(params)
    if wanted is None:
        return None
    with torch.device("meta"):  # takes no memory
        config = AutoConfig.from_pretrained(folder)
        model = AutoModelForCausalLM.from_config(config)
    try:
        get_peft_model(model, wanted)
    except ValueError as error:
        return str(error)
    return None
