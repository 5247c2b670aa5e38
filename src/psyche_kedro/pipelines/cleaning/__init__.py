"""Cleaning: normalised, de-identified, judged; everything dropped has a reason."""

from psyche_kedro.pipelines.cleaning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
