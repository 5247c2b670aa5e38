"""Inputs of the chapter + what earlier runs measured → cost_estimate."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.partitions.parts import framed
from psyche_kedro.pipelines.synthesis.costs.nodes import estimate_costs

PARTS = ("questions", "distillation", "rationales", "dialogues")


def create_pipeline() -> Pipeline:
    """Wire the estimate."""
    tables = ("chunks", "clean_bank_questions", "useful_posts")
    return Pipeline(
        [
            Node(
                framed(estimate_costs),
                inputs={name: name for name in tables}
                | {"basis": "params:estimate_basis", "prices": "params:prices"}
                | {part: f"params:synthesis.{part}" for part in PARTS},
                outputs="cost_estimate",
                name="estimate_costs",
            )
        ]
    )
