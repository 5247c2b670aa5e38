"""§2.2, question generation and control."""

from psyche_kedro.pipelines.synthesis.questions.pipeline import create_pipeline

__all__ = ["create_pipeline"]
