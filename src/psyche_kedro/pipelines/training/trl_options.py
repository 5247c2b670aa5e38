"""The stages' parameters by TRL's names, and whether the installed TRL takes them."""

import warnings
from contextlib import suppress
from dataclasses import fields
from typing import Any

import torch
from accelerate.state import PartialState
from transformers import Trainer, get_scheduler
from trl import GRPOConfig, SFTConfig

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.parameters import (
    GrpoParameters,
    SftParameters,
    StageParameters,
)


def sft_config(params: SftParameters, folder: str) -> SFTConfig:
    """Return what ``SFTTrainer`` reads.

    Raises:
        TrainingFailedError: If TRL does not take an option.
    """
    return _read(SFTConfig, _sft_options(params, folder))


def grpo_config(params: GrpoParameters, folder: str) -> GRPOConfig:
    """Return what ``GRPOTrainer`` reads; prompts have become sequences.

    Raises:
        TrainingFailedError: If TRL does not take an option.
    """
    return _read(GRPOConfig, _grpo_options(params, folder))


def check_options(sft: SftParameters, grpo: GrpoParameters) -> None:
    """Have TRL read both stages' options as so many processes would.

    Raises:
        TrainingFailedError: If it does not take one of them.
    """
    stages = (
        (SFTConfig, sft, _sft_options(sft, sft.runs)),
        (GRPOConfig, grpo, _grpo_options(grpo, grpo.runs)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of options that TRL sets itself
        for kind, params, values in stages:
            one = _as_one_of(kind, params.launcher.processes)
            # On the CPU, so that this process takes no memory of a GPU.
            _check_late(_read(one, values | {"use_cpu": True}))
    PartialState._reset_state()


_ONE_OF = {
    "importance_sampling_level": ("token", "sequence"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
    "scale_rewards": ("group", "batch", "none"),
    "vllm_mode": ("colocate", "server"),
}
_N_REWARDS = 2
"""The terms of Equation 2."""


def _check_late(config: Any) -> None:
    """Look at what TRL and transformers look at when training begins, and no sooner.

    Raises:
        TrainingFailedError: If they would not take it.
    """
    for name, values in _ONE_OF.items():
        value = getattr(config, name, values[0])
        if value not in values:
            raise TrainingFailedError(
                f"trainer.{name} is {value!r}, and TRL knows {', '.join(values)}"
            )
    weights = getattr(config, "reward_weights", None)
    if weights and len(weights) != _N_REWARDS:
        raise TrainingFailedError(
            f"trainer.reward_weights are {len(weights)}, and the reward has "
            f"{_N_REWARDS} terms: format and accuracy"
        )
    named = config.lr_scheduler_type, config.lr_scheduler_kwargs
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    try:
        get_scheduler(named[0], optimizer, 1, 10, scheduler_specific_kwargs=named[1])
        with suppress(ValueError):  # some read the model, too
            Trainer.get_optimizer_cls_and_kwargs(config)
    except (ImportError, TypeError, ValueError) as error:
        raise TrainingFailedError(
            f"scheduler, trainer.lr_scheduler_kwargs or trainer.optim: {error}"
        ) from error


def _as_one_of(kind: type[Any], processes: int) -> type[Any]:
    """Return TRL's class as it is in one of several processes."""
    return type(kind.__name__, (kind,), {"world_size": processes})


def _sft_options(params: SftParameters, folder: str) -> dict[str, Any]:
    """Return the parameters by TRL's names."""
    return _common_options(params, folder) | {
        "gradient_accumulation_steps": params.accumulation,
        "adam_epsilon": params.adam_epsilon,
        "warmup_steps": params.warmup_ratio,  # below 1 it is a share of the steps
        "max_length": params.max_length,
        **params.trainer,
    }


def _grpo_options(params: GrpoParameters, folder: str) -> dict[str, Any]:
    """Return the parameters by TRL's names; prompts become sequences.

    Source: Appendix C.3; VeRL's defaults where the paper is silent.
    """
    accumulation = params.accumulation
    return _common_options(params, folder) | {
        "gradient_accumulation_steps": accumulation,
        "steps_per_generation": accumulation * params.steps_per_rollout,
        "num_generations": params.group_size,
        "num_iterations": 1,
        "num_generations_eval": 1,
        "beta": params.beta,
        "use_bias_correction_kl": False,
        "epsilon": params.epsilon,
        "delta": params.delta,
        "loss_type": params.loss,
        "scale_rewards": "group",
        "temperature": params.temperature,
        "top_p": params.top_p,
        "top_k": 0,
        "warmup_steps": params.warmup_steps,
        "max_completion_length": params.max_completion_length,
        # Rewards exist on generation steps only: other intervals leave holes.
        "logging_steps": params.steps_per_rollout,
        "metric_for_best_model": "eval_reward" if params.keep == "best" else None,
        **params.trainer,
    }


def _common_options(params: StageParameters, folder: str) -> dict[str, Any]:
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
        # The default writes another figure in the place of one that is not finite.
        "logging_nan_inf_filter": False,
        "seed": params.seed,
        "report_to": "none",  # the parent logs to its MLflow run
        "disable_tqdm": True,
        "push_to_hub": False,
        **_looks(params),
    }


def _looks(params: StageParameters) -> dict[str, Any]:
    if params.evaluate_steps is None:
        return {"eval_strategy": "no"}
    looks = {"eval_strategy": "steps", "eval_steps": params.evaluate_steps}
    if params.keep == "last":
        return looks
    return looks | {
        "load_best_model_at_end": True,
        # A count of looks goes on where it was.
        "restore_callback_states_from_checkpoint": params.patience is not None,
    }


def _read(kind: type[Any], values: dict[str, Any]) -> Any:
    """Return ``kind(**values)``.

    Raises:
        TrainingFailedError: If TRL knows no such option (it renames some each
            release), or refuses its value.
    """
    known = {field.name for field in fields(kind) if field.init}
    if unknown := sorted(set(values) - known):
        raise TrainingFailedError(
            f"{kind.__name__} of this TRL has no option {unknown}: correct "
            "`trainer` in training.yml"
        )
    try:
        return kind(**values)
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        raise TrainingFailedError(f"{kind.__name__} of TRL: {error}") from error
