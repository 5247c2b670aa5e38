"""People make the ground truth: nothing without them becomes gold."""

from psyche_kedro.pipelines.cedar.annotation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
