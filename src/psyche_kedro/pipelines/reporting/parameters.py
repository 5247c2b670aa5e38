"""Typed view of ``conf/base/parameters/reporting.yml``; the reasons stand there."""

from typing import Literal

from psyche_kedro.parameters import Parameters
from psyche_kedro.pipelines.evaluation.parameters import Role


class Curve(Parameters):
    """One line of the report's training charts."""

    stage: Literal["sft", "grpo"]
    metric: str
    title: str


class ReportParameters(Parameters):
    """``reporting``."""

    curves: tuple[Curve, ...]
    toys: tuple[Role, ...]
    """Roles whose model is too small for its scores to mean anything."""
