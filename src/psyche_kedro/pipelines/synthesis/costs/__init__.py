"""What synthesis will cost, before it is spent."""

from psyche_kedro.pipelines.synthesis.costs.pipeline import create_pipeline

__all__ = ["create_pipeline"]
