"""Stage 2: GRPO with TRL (§2.5, Equation 2; Appendix C.3).

The paper trained with VeRL, whose defaults differ from TRL's in four places that change
the result: a constant learning rate, a KL term (k3, without TRL's bias correction), a
dual clip, and batches counted in prompts. ``trl_options`` translates.
"""

from pathlib import Path
from typing import Any

import polars as pl
import torch
from datasets import Dataset
from trl import GRPOTrainer

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.llm.chat_tokens import prompt_ids
from psyche_kedro.pipelines.training.loop import (
    EpochSampler,
    adapters,
    prepare_process,
    train_to_the_end,
)
from psyche_kedro.pipelines.training.parameters import GrpoParameters
from psyche_kedro.pipelines.training.runs import RunResult, RunSpec
from psyche_kedro.pipelines.training.tokens import read_tokenizer
from psyche_kedro.pipelines.training.trl_options import grpo_config
from psyche_kedro.rewards import AccuracyReward, FormatReward


class ResumableGRPOTrainer(GRPOTrainer):
    """A ``GRPOTrainer`` that resumes to the same weights as an unbroken run."""

    def _get_train_sampler(self, dataset: Any = None) -> EpochSampler:
        return EpochSampler(super()._get_train_sampler(dataset), self)

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[Any], None, Any]:
        # TRL would read the name of a control token in a question as the token.
        return [prompt_ids(p, self.processing_class) for p in prompts], None, {}

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        inputs = super()._prepare_inputs(generation_batch)
        return trimmed(inputs) if self.model.training else inputs

    def evaluate(self, *args: Any, **named: Any) -> dict[str, float]:
        """Look at held-out questions; what training draws next is as without it."""
        with torch.random.fork_rng():
            torch.manual_seed(self.args.seed)
            return dict(super().evaluate(*args, **named))


def trimmed(batch: dict[str, Any]) -> dict[str, Any]:
    """Return a micro-batch without the columns that are padding in all of its rows.

    TRL pads every sequence to the longest of the whole rollout, and computes with that
    width in each micro-batch.

    Args:
        batch: ``prompt_*``, ``[n, prompt]`` and padded before; ``completion_*`` and
            what else is ``[n, completion]``, padded behind; others stay as they are.
    """
    asked, said = batch["prompt_mask"].any(dim=0), batch["completion_mask"].any(dim=0)
    first = int(asked.nonzero().min())
    end = int(said.nonzero().max()) + 1 if said.any() else 1
    completions = {
        name: values[:, :end]
        for name, values in batch.items()
        if getattr(values, "shape", ())[1:] == said.shape
    }
    prompts = {name: batch[name][:, first:] for name in ("prompt_ids", "prompt_mask")}
    return batch | completions | prompts


def run_grpo(spec: RunSpec) -> RunResult:
    """Train, from the last checkpoint if there is one.

    Raises:
        TrainingFailedError: If there are fewer prompts than one rollout takes.

    Source: §2.5, Equation 2.
    """
    prepare_process(spec)
    return train_to_the_end(grpo_trainer(spec), spec)


def grpo_trainer(spec: RunSpec) -> ResumableGRPOTrainer:
    """Return the trainer of a run, ready to train; see ``run_grpo``."""
    assert spec.grpo is not None  # noqa: S101 - for mypy; the specification is typed
    assert spec.reward is not None  # noqa: S101
    examples = pl.read_parquet(spec.rows)
    rows = {split: _rows(examples, split) for split in ("train", "validation")}
    _check_enough(len(rows["train"]), spec.grpo)
    looks = spec.grpo.evaluate_steps and rows["validation"]
    return ResumableGRPOTrainer(
        spec.model,
        reward_funcs=[FormatReward(spec.reward), AccuracyReward(spec.reward)],
        args=grpo_config(spec.grpo, spec.folder),
        peft_config=adapters(spec.grpo),
        train_dataset=Dataset.from_list(rows["train"]),
        eval_dataset=Dataset.from_list(rows["validation"]) if looks else None,
        processing_class=read_tokenizer(Path(spec.model)),
    )


def _rows(examples: pl.DataFrame, split: str) -> list[dict[str, Any]]:
    wanted = examples.filter(split=split).select("prompt", "gold", "option_labels")
    return wanted.to_dicts()


def _check_enough(n: int, params: GrpoParameters) -> None:
    if n < params.batch_size:
        raise TrainingFailedError(
            f"grpo_set has {n} training prompts within max_prompt_length = "
            f"{params.max_prompt_length} tokens, but one rollout takes "
            f"training.grpo.batch_size = {params.batch_size}: lower it, or add "
            "questions"
        )
