"""Typed view of ``conf/base/parameters/training.yml``; the reasons stand there."""

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from psyche_kedro.parameters import Parameters

_COMPUTED = ("launcher", "micro_batch_size", "save_steps", "keep_checkpoints")
"""Parameters of a stage that say how it is computed, not what."""

# TRL's options of that kind; its others are a method's.
_HOW = re.compile(
    r"gradient_checkpointing|activation_offloading|use_vllm$|vllm_(?!importance)"
    r"|dataloader_(?!drop_last)|ddp_|fsdp|deepspeed|torch_|use_liger|logging_|log_"
    r"|num_completions_to_print|ds3_|skip_memory_metrics|include_num_input"
)


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
    config_file: str | None
    """``accelerate``'s own configuration, for that kind."""
    threads: int | None
    """CPU threads of each process; null leaves it to torch."""

    @model_validator(mode="after")
    def _consistent(self) -> "LauncherParameters":
        if self.processes > 1 and self.kind != "accelerate":
            raise ValueError(
                f"launcher.processes is {self.processes}, which takes kind: accelerate,"
                f" not {self.kind}"
            )
        return self


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
    seed: int
    trainer: dict[str, Any]
    """Further options of TRL's own configuration class, by its names."""

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
    delta: float | None
    """Upper clip for negative advantages (VeRL's dual clip)."""
    loss: str
    temperature: float = Field(gt=0)
    top_p: float = Field(gt=0, le=1)
    warmup_steps: int = Field(ge=0)
    max_prompt_length: int = Field(ge=8)
    """Tokens; longer prompts are rejected as ``over_long``."""
    max_completion_length: int = Field(ge=1)

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
