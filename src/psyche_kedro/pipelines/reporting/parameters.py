"""Typed view of ``conf/base/parameters/reporting.yml``; the reasons stand there."""

from typing import Literal

from psyche_kedro.parameters import Parameters


class Curve(Parameters):
    """One line of the report's training charts."""

    stage: Literal["sft", "grpo"]
    metric: str
    title: str


class ReportParameters(Parameters):
    """``reporting``."""

    curves: tuple[Curve, ...]
    toy_below: int
    """Parameters below which a trained model is too small for its scores to mean
    anything."""
