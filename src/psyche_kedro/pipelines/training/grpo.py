"""Stage 2: GRPO with TRL (§2.5, Equation 2; Appendix C.3).

The paper trained with VeRL, whose defaults differ from TRL's in four places that change
the result: a constant learning rate, a KL term (k3, without TRL's bias correction), a
dual clip, and batches counted in prompts. ``trl_options`` translates.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import polars as pl
import torch
from datasets import Dataset
from torch.nn.functional import pad
from trl import GRPOTrainer

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.llm.chat_tokens import prompt_ids
from psyche_kedro.pipelines.training.loop import (
    EpochSampler,
    adapters,
    quantization,
)
from psyche_kedro.pipelines.training.parameters import GrpoParameters
from psyche_kedro.pipelines.training.runs import RunSpec
from psyche_kedro.pipelines.training.tokens import read_tokenizer
from psyche_kedro.pipelines.training.trl_options import grpo_config
from psyche_kedro.rewards import AccuracyReward, FormatReward

Batch = dict[str, Any]


class ResumableGRPOTrainer(GRPOTrainer):
    """A ``GRPOTrainer`` that resumes to the same weights as an unbroken run."""

    _buffered_inputs: Any

    def _get_train_sampler(self, dataset: Any = None) -> EpochSampler:
        return EpochSampler(super()._get_train_sampler(dataset), self)

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[Any], None, Any]:
        # TRL would read the name of a control token in a question as the token.
        return [prompt_ids(p, self.processing_class) for p in prompts], None, {}

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        known = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        if self._buffered_inputs is known:
            return inputs
        alike = share_alike(
            self._logs["rewards"], self.reward_weights, self.num_generations
        )
        self._metrics["train"]["frac_reward_zero_std"][-1] = alike
        accumulated = self.args.gradient_accumulation_steps
        self._buffered_inputs = dealt_by_length(self._buffered_inputs, accumulated)
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **named: Any,
    ) -> tuple[Any, ...]:
        score = super()._get_per_token_logps_and_entropies
        parts = rows_by_length(attention_mask, batch_size or len(input_ids))
        back, scored = torch.cat(parts).argsort(), []
        for rows in parts:
            kept = columns(attention_mask[rows], logits_to_keep)
            n = logits_to_keep + kept.stop - attention_mask.shape[1]
            cut = input_ids[rows, kept], attention_mask[rows, kept]
            scored.append(score(model, *cut, n, **named))
        logps, entropies, aux_losses = zip(*scored, strict=True)
        logps, entropies = (
            _joined(v, logits_to_keep, back) for v in (logps, entropies)
        )
        # The routers' loss is asked for in training only, where there is one part.
        return logps, entropies, aux_losses[0]

    def evaluate(self, *args: Any, **named: Any) -> dict[str, float]:
        """Look at held-out questions; what training draws next is as without it."""
        with torch.random.fork_rng():
            torch.manual_seed(self.args.seed)
            return dict(super().evaluate(*args, **named))


def share_alike(
    rewards: Mapping[str, Iterable[float]], weights: torch.Tensor, n: int
) -> float:
    """Return the share of groups of ``n`` completions that all earn the same.

    TRL 1.16 counts by standard deviation: that of eight times 1.25 + 2/3 is 1e-7, and
    with ``scale_rewards: batch`` it is that of the whole rollout.

    Args:
        rewards: ``[groups * n]`` of each term, group by group.
        weights: Of the terms.
        n: Completions of a prompt.
    """
    terms = zip(*rewards.values(), strict=True)
    earned = [
        sum(r * w for r, w in zip(t, weights.tolist(), strict=True)) for t in terms
    ]
    groups = (earned[i : i + n] for i in range(0, len(earned), n))
    return fmean(len({*group}) == 1 for group in groups)


def columns(mask: torch.Tensor, completion: int) -> slice:
    """Return the columns of a batch that are not padding in all of its rows.

    TRL pads every sequence to the longest of the whole rollout, and computes with that
    width in each micro-batch.

    Args:
        mask: ``[n, prompt + completion]``, padded before and behind.
        completion: Columns of the completions; one of them is kept at least.
    """
    used = mask.any(dim=0).nonzero()
    behind_prompts = mask.shape[1] - completion
    return slice(int(used[0]), max(int(used[-1]), behind_prompts) + 1)


def rows_by_length(mask: torch.Tensor, n: int) -> list[torch.Tensor]:
    """Return the rows of a batch in parts of ``n``, each of about one length."""
    if len(mask) <= n:
        return [torch.arange(len(mask), device=mask.device)]
    return list(mask.sum(dim=1).argsort(stable=True).split(n))


def dealt_by_length(batches: list[Batch], accumulated: int) -> list[Batch]:
    """Return a rollout's micro-batches with the rows of each step dealt by length.

    Which of them are computed together changes nothing of the step's gradient: it is a
    mean over all of its rows, or over their tokens (TRL's ``bnpo`` alone takes those of
    each micro-batch).

    Args:
        batches: Of one size each; tensors ``[n, …]``, or numbers of the whole rollout.
        accumulated: Micro-batches of a step.
    """
    dealt = []
    for first in range(0, len(batches), accumulated):
        step = batches[first : first + accumulated]
        whole = {
            k: torch.cat([b[k] for b in step]) for k, v in step[0].items() if v.ndim
        }
        mask = torch.cat([whole["prompt_mask"], whole["completion_mask"]], dim=1)
        for rows in rows_by_length(mask, len(mask) // len(step)):
            dealt.append(step[0] | {k: v[rows] for k, v in whole.items()})
    return dealt


def _joined(parts: Sequence[Any], width: int, order: torch.Tensor) -> Any:
    if parts[0] is None:
        return None
    return torch.cat([pad(part, (0, width - part.shape[1])) for part in parts])[order]


def grpo_trainer(spec: RunSpec) -> ResumableGRPOTrainer:
    """Return the trainer of a run, ready to train.

    Raises:
        TrainingFailedError: If there are fewer prompts than one rollout takes.

    Source: §2.5, Equation 2.
    """
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
        quantization_config=quantization(spec.grpo),
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
