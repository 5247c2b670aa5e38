"""§2.5: supervised fine-tuning, then GRPO with the composite reward."""

from psyche_kedro.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
