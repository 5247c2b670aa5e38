"""What language models make of the benchmark."""

from psyche_kedro.pipelines.cedar.alignment.pipeline import create_pipeline

__all__ = ["create_pipeline"]
