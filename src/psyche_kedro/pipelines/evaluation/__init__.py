"""Model × benchmark → predictions → scores (§3)."""

from psyche_kedro.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
