"""Accounts, scores, logs and summaries → funnel and report."""

from psyche_kedro.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
