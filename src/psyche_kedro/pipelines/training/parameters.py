"""Typed view of ``conf/base/parameters/training.yml``; the reasons stand there."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.parameters import Parameters
from psyche_kedro.pipelines.training.health import HealthParameters

_COMPUTED = (
    "launcher",
    "micro_batch_size",
    "save_steps",
    "keep_checkpoints",
    "samples",
    "health",
)
"""Parameters of a stage that say how it is computed, not what."""

# TRL's options of that kind; its others are a method's.
_HOW = re.compile(
    r"(?:gradient|activation)_(?:checkpointing|offloading)|(?:use_)?liger_kernel"
    r"|use_vllm$|vllm_(?!importance|structured)|eval_accumulation"
    r"|dataloader_(?!drop_last)|ddp_|fsdp|deepspeed|torch_|log_|save_total_limit"
    r"|num_completions_to_print|ds3_|skip_memory_metrics|include_num_input"
)

_NEVER = "nothing: this project never does"
_RESUMES = "nothing: a run with it resumes to other weights"
_BATCH = "micro_batch_size, launcher.processes and the batch sizes"
_SET = {
    "output_dir": "runs",
    "num_train_epochs": "epochs",
    "max_steps": "epochs",
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "scheduler",
    "warmup_steps": "warmup_ratio or warmup_steps",
    "adam_epsilon": "adam_epsilon",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "bf16": "bf16",
    "fp16": "bf16",
    "seed": "seed",
    "data_seed": "seed",
    "max_length": "max_length",
    "save_steps": "save_steps",
    "save_strategy": "save_steps",
    "per_device_train_batch_size": _BATCH,
    "per_device_eval_batch_size": _BATCH,
    "gradient_accumulation_steps": _BATCH,
    "auto_find_batch_size": _BATCH,
    "steps_per_generation": _BATCH,
    "generation_batch_size": _BATCH,
    "num_generations": "group_size",
    "num_generations_eval": "evaluate_steps",
    "accelerator_config": _BATCH,
    "num_iterations": _RESUMES,
    "sync_ref_model": _RESUMES,
    "beta": "beta",
    "epsilon": "epsilon",
    "delta": "delta",
    "loss_type": "grpo.loss; that of SFT is Equation 1",
    "temperature": "temperature",
    "top_p": "top_p",
    "max_completion_length": "max_completion_length",
    "eval_strategy": "evaluate_steps",
    "eval_steps": "evaluate_steps",
    "do_eval": "evaluate_steps",
    "load_best_model_at_end": "keep",
    "metric_for_best_model": "keep",
    "greater_is_better": "keep",
    "logging_steps": "nothing: every rollout is logged",
    "logging_strategy": "nothing: every rollout is logged",
    "logging_nan_inf_filter": "health",
    "log_completions": "samples",
    "report_to": "nothing: the run's MLflow gets all that is logged",
    "use_cpu": "launcher",
    "resume_from_checkpoint": "nothing: a run goes on by itself",
    "ignore_data_skip": "nothing: a run goes on where it was",
    "save_only_model": "keep_checkpoints",
    "assistant_only_loss": "sft.chat_template: its span carries the loss",
    "completion_only_loss": "sft.chat_template: its span carries the loss",
    "chat_template_path": "sft.chat_template",
    "chat_template_kwargs": "nothing: every prompt is written by the template alone",
    "remove_unused_columns": "nothing: the rewards read the other columns",
    "model_init_kwargs.dtype": "bf16, export",
    "model_init_kwargs.torch_dtype": "bf16, export",
    "model_init_kwargs.quantization_config": "lora.quantization",
    "generation_kwargs.temperature": "temperature",
    "generation_kwargs.top_p": "top_p",
    "generation_kwargs.max_new_tokens": "max_completion_length",
    "generation_kwargs.max_length": "max_completion_length",
    "trust_remote_code": _NEVER,
    "model_init_kwargs.trust_remote_code": _NEVER,
    "push_to_hub": _NEVER,
    "log_completions_hub_repo": _NEVER,
    "hub_model_id": _NEVER,
    "hub_strategy": _NEVER,
    "hub_token": _NEVER,
}
"""TRL's options that the project sets, and what to use instead; dotted in another."""


def _names(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of options, and ``outer.inner`` of those that hold others."""
    for name, value in options.items():
        yield name
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)


def _is_how(option: str) -> bool:
    return _HOW.match(option) is not None


class TinyModelParameters(Parameters):
    """Shape of the model made offline."""

    vocabulary: int = Field(ge=300)
    hidden: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    seed: int


class BaseModelParameters(Parameters):
    """``training.base_model``: a folder to start from, or a tiny model to make."""

    runs: str
    """Folder of the training runs."""
    path: str | None
    """Folder of a downloaded model; null makes ``tiny``."""
    tiny: TinyModelParameters


class LauncherParameters(Parameters):
    """How a trainer is started."""

    kind: Literal["in_process", "child", "accelerate"]
    processes: int = Field(ge=1)
    """Of all machines together."""
    machines: int = Field(ge=1)
    rendezvous: str | None = Field(pattern=r".:\d+$")
    """``host:port`` of the first machine, where there are several."""
    config_file: str | None
    """``accelerate``'s own configuration, for that kind."""
    prefix: tuple[str, ...]
    """A command that starts the launcher, once on every node."""
    arguments: tuple[str, ...]
    """Further arguments of ``accelerate launch``."""
    threads: int | None = Field(ge=1)
    """CPU threads of each process; null leaves it to torch."""

    @model_validator(mode="after")
    def _consistent(self) -> "LauncherParameters":
        if self.processes > 1 and self.kind != "accelerate":
            raise ValueError(
                f"launcher.processes is {self.processes}, which takes kind: accelerate,"
                f" not {self.kind}"
            )
        if self.machines > 1 and not (self.prefix and self.rendezvous):
            raise ValueError(
                f"launcher.machines is {self.machines}, which takes a prefix that"
                " starts the launcher on each, and a rendezvous, host:port of the first"
            )
        if self.processes % self.machines:
            raise ValueError(
                f"launcher.processes is {self.processes}, which {self.machines}"
                " machines cannot share evenly"
            )
        return self


class LoraParameters(Parameters):
    """Low-rank adapters in place of all weights; merged before the model is saved."""

    r: int = Field(ge=1)
    alpha: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    target_modules: str | tuple[str, ...]
    """Names of linear layers, or ``all-linear``."""
    quantization: Literal["nf4"] | None = None
    """Type in which the other weights are held meanwhile (QLoRA); it takes the extra
    ``qlora``. Adapters are merged into weights as they were before."""


class StageParameters(Parameters):
    """What both stages share."""

    runs: str
    launcher: LauncherParameters
    learning_rate: float = Field(gt=0)
    scheduler: str
    epochs: float = Field(gt=0)
    micro_batch_size: int = Field(ge=1)
    """Sequences per device and forward pass; it changes memory, not the method."""
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)
    bf16: bool
    """Compute in bf16; weights stay in fp32, because AdamW at 1e-6 moves bf16 weights
    by 1/100 of what it should (measured)."""
    save_steps: int = Field(ge=1)
    keep_checkpoints: bool
    """Whether a finished run keeps what it would have gone on from; its final weights
    stay in any case."""
    evaluate_steps: int | None = Field(ge=1)
    """Optimizer steps between two looks at the validation rows; null for none."""
    keep: Literal["last", "best"]
    """Whether the final weights are the last, or those of the best look."""
    patience: int | None = Field(ge=1)
    """Looks without a better one that end the training; null trains to the end."""
    health: HealthParameters
    lora: LoraParameters | None
    export: Literal["float32", "bfloat16"]
    """Type of the final model's weights; training is in float32 whatever it is."""
    seed: int
    trainer: dict[str, Any]
    """Further options of TRL's own configuration class, by its names."""

    @field_validator("trainer")
    @classmethod
    def _leaves_the_project_its_own(cls, trainer: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted({*_names(trainer)} & set(_SET)):
            instead = "; ".join(f"{name}: use {_SET[name]}" for name in taken)
            raise ValueError(f"trainer may not name what the project sets ({instead})")
        return trainer

    @model_validator(mode="after")
    def _keeps_what_it_looks_at(self) -> "StageParameters":
        looks = self.evaluate_steps
        if self.patience is not None and self.keep != "best":
            raise ValueError("patience counts looks without a better one: keep: best")
        if self.keep == "best" and (looks is None or self.save_steps % looks):
            raise ValueError(
                "keep: best takes a save_steps that is a multiple of evaluate_steps, "
                f"not {self.save_steps} and {looks}"
            )
        return self

    def method(self) -> dict[str, Any]:
        """Return what determines the trained model by intent."""
        values = self.model_dump(mode="json", exclude=set(_COMPUTED) | {"runs"})
        return values | {
            "trainer": {k: v for k, v in self.trainer.items() if not _is_how(k)}
        }

    def computed(self) -> dict[str, Any]:
        """Return how it is computed: a run goes on when any of it changes."""
        values = self.model_dump(mode="json", include=set(_COMPUTED))
        return values | {
            "trainer": {k: v for k, v in self.trainer.items() if _is_how(k)}
        }


class SftParameters(StageParameters):
    """``training.sft``."""

    batch_size: int = Field(ge=1)
    """Examples per optimizer step."""
    warmup_ratio: float = Field(ge=0, lt=1)
    adam_epsilon: float = Field(gt=0)
    max_length: int = Field(ge=8)
    """Tokens; longer examples are rejected as ``over_long``."""
    chat_template: str | None
    """A ``.jinja`` file whose generation span carries the loss; null marks the model's
    own, where it is one that is known."""

    def template(self) -> str | None:
        """Return the text of ``chat_template``, if there is one.

        Raises:
            TrainingFailedError: If the file is not there.
        """
        if self.chat_template is None:
            return None
        try:
            return Path(self.chat_template).read_text("utf-8")
        except FileNotFoundError as error:
            raise TrainingFailedError(
                f"training.sft.chat_template is {self.chat_template}, and there is no "
                "such file"
            ) from error

    def method(self) -> dict[str, Any]:
        """Return what determines the trained model by intent; the template's text."""
        return super().method() | {"chat_template": self.template()}

    @property
    def accumulation(self) -> int:
        """Micro-batches per optimizer step and device."""
        return self.batch_size // (self.micro_batch_size * self.launcher.processes)

    @model_validator(mode="after")
    def _divides(self) -> "SftParameters":
        if self.batch_size % (self.micro_batch_size * self.launcher.processes):
            raise ValueError(
                f"sft.batch_size {self.batch_size} is no multiple of micro_batch_size "
                f"{self.micro_batch_size} x {self.launcher.processes} processes"
            )
        return self


class GrpoParameters(StageParameters):
    """``training.grpo``. Batches count prompts, as VeRL does; TRL counts sequences."""

    batch_size: int = Field(ge=1)
    """Prompts per rollout."""
    mini_batch_size: int = Field(ge=1)
    """Prompts per optimizer step."""
    group_size: int = Field(ge=2)
    """Completions per prompt."""
    beta: float = Field(ge=0)
    """Weight of the KL term."""
    epsilon: float = Field(gt=0)
    """Clipping of the probability ratio."""
    delta: float | None = Field(gt=1)
    """Upper clip for negative advantages (VeRL's dual clip)."""
    loss: Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]
    """TRL's ``loss_type``; GSPO is ``grpo`` with ``importance_sampling_level``."""
    temperature: float = Field(gt=0)
    top_p: float = Field(gt=0, le=1)
    warmup_steps: int = Field(ge=0)
    max_prompt_length: int = Field(ge=8)
    """Tokens; longer prompts are rejected as ``over_long``."""
    max_completion_length: int = Field(ge=1)
    samples: int = Field(ge=0)
    """Completions of each rollout that are kept for people to read."""

    @property
    def accumulation(self) -> int:
        """Micro-batches per optimizer step and device."""
        sequences = self.mini_batch_size * self.group_size
        return sequences // (self.micro_batch_size * self.launcher.processes)

    @property
    def steps_per_rollout(self) -> int:
        """Optimizer steps between two generations."""
        return self.batch_size // self.mini_batch_size

    @model_validator(mode="after")
    def _divides(self) -> "GrpoParameters":
        per_pass = self.micro_batch_size * self.launcher.processes
        if self.batch_size % self.mini_batch_size:
            raise ValueError("grpo.batch_size must be a multiple of mini_batch_size")
        if self.mini_batch_size * self.group_size % per_pass:
            raise ValueError(
                f"grpo: mini_batch_size x group_size = "
                f"{self.mini_batch_size * self.group_size} sequences is no multiple of "
                f"micro_batch_size x processes = {per_pass}"
            )
        # A checkpoint inside a rollout loses its completions: the resumed run drifts.
        if self.save_steps % self.steps_per_rollout:
            raise ValueError(
                f"grpo.save_steps {self.save_steps} must be a multiple of "
                f"{self.steps_per_rollout} (batch_size / mini_batch_size)"
            )
        return self
