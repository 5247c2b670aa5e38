"""Provisional labels isolate what cultures feel differently."""

from psyche_kedro.pipelines.cedar.isolation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
