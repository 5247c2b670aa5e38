"""Ingestion: raw files become documents, questions, posts and benchmark items."""

from psyche_kedro.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
