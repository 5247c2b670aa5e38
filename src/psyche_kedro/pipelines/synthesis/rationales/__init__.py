"""§2.2, rationale generation, refinement and choice."""

from psyche_kedro.pipelines.synthesis.rationales.pipeline import create_pipeline

__all__ = ["create_pipeline"]
