"""Inputs of the chapter + what earlier runs measured → cost_estimate."""

from kedro.pipeline import Pipeline

from psyche_kedro.partitions.parts import framed
from psyche_kedro.pipelines.synthesis.costs.nodes import estimate_costs
from psyche_kedro.pipelines.wiring import wire

PARTS = ("questions", "distillation", "rationales", "dialogues")


def create_pipeline() -> Pipeline:
    """Wire the estimate."""
    parts = {part: f"params:synthesis.{part}" for part in PARTS}
    known = {"basis": "params:estimate_basis", "prices": "params:prices"}
    return Pipeline([wire(framed(estimate_costs), "cost_estimate", **known, **parts)])
