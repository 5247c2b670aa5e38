"""Stage 2: GRPO with TRL (Section 2.5, Equation 2; Appendix C.3).

The paper trained with VeRL, whose defaults differ from TRL's in four places that change
the result: a constant learning rate, a KL term (k3, without TRL's bias correction), a
dual clip, and batches counted in prompts. ``grpo_options`` translates.
"""

from typing import Any

import polars as pl
from datasets import Dataset
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from psyche_kedro.pipelines.training.parameters import GrpoParameters
from psyche_kedro.pipelines.training.runs import (
    RunResult,
    RunSpec,
    TrainingFailedError,
)
from psyche_kedro.pipelines.training.sft import (
    EpochSampler,
    common_options,
    options,
    prepare_process,
    train_to_the_end,
)
from psyche_kedro.rewards import AccuracyReward, FormatReward


class ResumableGRPOTrainer(GRPOTrainer):
    """A ``GRPOTrainer`` that resumes to the same weights as an unbroken run."""

    def _get_train_sampler(self, dataset: Any = None) -> EpochSampler:
        return EpochSampler(super()._get_train_sampler(dataset), self)


def run_grpo(spec: RunSpec) -> RunResult:
    """Train, from the last checkpoint if there is one.

    Raises:
        TrainingFailedError: If fewer prompts are short enough than one rollout takes.

    Source: Section 2.5, Equation 2.
    """
    assert spec.grpo is not None  # noqa: S101 - for mypy; the specification is typed
    assert spec.reward is not None  # noqa: S101
    prepare_process(spec)
    tokenizer = AutoTokenizer.from_pretrained(spec.model, padding_side="left")
    examples = pl.read_parquet(spec.rows).filter(split="train")
    rows = examples.select("prompt", "gold", "option_labels").to_dicts()
    short = [
        row
        for row in rows
        if prompt_length(row["prompt"], tokenizer) <= spec.grpo.max_prompt_length
    ]
    _check_enough(len(short), len(rows), spec.grpo)
    trainer = ResumableGRPOTrainer(
        spec.model,
        reward_funcs=[FormatReward(spec.reward), AccuracyReward(spec.reward)],
        args=options(GRPOConfig, grpo_options(spec.grpo, spec.folder)),
        train_dataset=Dataset.from_list(short),
        processing_class=tokenizer,
    )
    counts = {
        "rows/train_kept": len(short),
        "rows/train_too_long": len(rows) - len(short),
    }
    return train_to_the_end(trainer, spec, counts)


def prompt_length(prompt: list[dict[str, str]], tokenizer: Any) -> int:
    """Return how many tokens the policy reads before it writes."""
    encoded = tokenizer.apply_chat_template(
        prompt, tokenize=True, return_dict=True, add_generation_prompt=True
    )
    return len(encoded["input_ids"])


def _check_enough(short: int, n: int, parameters: GrpoParameters) -> None:
    if short < parameters.batch_size:
        raise TrainingFailedError(
            f"grpo_set has {n} training prompts, {short} of them within "
            f"max_prompt_length = {parameters.max_prompt_length} tokens, but one "
            f"rollout takes training.grpo.batch_size = {parameters.batch_size}: lower "
            "it, or add questions"
        )


def grpo_options(parameters: GrpoParameters, folder: str) -> dict[str, Any]:
    """Return the parameters by TRL's names; prompts become sequences.

    Source: Appendix C.3; VeRL's defaults where the paper is silent.
    """
    accumulation = parameters.accumulation
    return common_options(parameters, folder) | {
        "gradient_accumulation_steps": accumulation,
        "steps_per_generation": accumulation * parameters.steps_per_rollout,
        "num_generations": parameters.group_size,
        "num_iterations": 1,
        "beta": parameters.beta,
        "use_bias_correction_kl": False,
        "epsilon": parameters.epsilon,
        "delta": parameters.delta,
        "loss_type": parameters.loss,
        "scale_rewards": "group",
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        "top_k": 0,
        "warmup_steps": parameters.warmup_steps,
        "max_completion_length": parameters.max_completion_length,
        # Rewards exist on generation steps only: other intervals leave holes.
        "logging_steps": parameters.steps_per_rollout,
        **parameters.trainer,
    }
