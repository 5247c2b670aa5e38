"""§2.3, empathetic dialogue synthesis."""

from psyche_kedro.pipelines.synthesis.dialogues.pipeline import create_pipeline

__all__ = ["create_pipeline"]
