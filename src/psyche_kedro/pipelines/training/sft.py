"""Stage 1: supervised fine-tuning with TRL (§2.5, Equation 1; Appendix C.3).

The loss is on every assistant turn and on nothing else. TRL 1.16 trains on the whole
conversation by default, and its ``completion_only_loss`` does nothing for messages; so
it is given tokens, with the assistant's as labels: ``sft_tokens``, where they can be
seen.
"""

from typing import Any

import polars as pl
from datasets import Dataset
from transformers import AutoTokenizer
from trl import SFTTrainer

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.loop import (
    EpochSampler,
    adapters,
    quantization,
)
from psyche_kedro.pipelines.training.runs import RunSpec
from psyche_kedro.pipelines.training.trl_options import sft_config


class ResumableSFTTrainer(SFTTrainer):
    """An ``SFTTrainer`` that resumes to the same weights as an unbroken run."""

    def _get_train_sampler(self, dataset: Any = None) -> EpochSampler:
        return EpochSampler(super()._get_train_sampler(dataset), self)


def sft_trainer(spec: RunSpec) -> ResumableSFTTrainer:
    """Return the trainer of a run, ready to train.

    Raises:
        TrainingFailedError: If there is no example, or one that TRL would cut.

    Source: §2.5, Equation 1.
    """
    assert spec.sft is not None  # noqa: S101 - for mypy; the specification is typed
    tokenizer = AutoTokenizer.from_pretrained(spec.model, trust_remote_code=False)
    tokens = pl.read_parquet(spec.rows)
    _check_lengths(tokens, spec.sft.max_length)
    data = {
        split: Dataset.from_list(
            tokens.filter(split=split).select("input_ids", "labels").to_dicts()
        )
        for split in ("train", "validation")
    }
    return ResumableSFTTrainer(
        spec.model,
        args=sft_config(spec.sft, spec.folder),
        peft_config=adapters(spec.sft),
        quantization_config=quantization(spec.sft),
        train_dataset=data["train"],
        eval_dataset=data["validation"] if len(data["validation"]) else None,
        processing_class=tokenizer,
    )


def _check_lengths(tokens: pl.DataFrame, limit: int) -> None:
    if tokens.filter(split="train").is_empty():
        raise TrainingFailedError(
            "no example to train on: sft_set has none, or none of it is at most "
            f"training.sft.max_length = {limit} tokens long, raise it"
        )
    longest = max(tokens["n_tokens"].to_list())
    if longest > limit:
        # The one place where TRL would cut: no row may come this far.
        raise TrainingFailedError(
            f"an example has {longest} tokens, more than training.sft.max_length "
            f"= {limit}: train on what drop_long_sft_examples keeps"
        )
