"""reviewed_questions → reasoning_samples."""

from kedro.pipeline import Pipeline

from psyche_kedro.pipelines.synthesis.rationales.nodes import (
    choose_best_rationales,
    refine_rationales,
    write_rationales,
)
from psyche_kedro.pipelines.synthesis.rationales.summary import summarise_rounds
from psyche_kedro.pipelines.wiring import wire


def create_pipeline() -> Pipeline:
    """Wire rationale generation, refinement and choice."""
    return Pipeline(
        [
            wire(
                write_rationales,
                ["rationales", "unsolved_questions"],
                prompt="params:prompts.rationale",
                teachers="rationale_models",
                params="params:synthesis.rationales",
            ),
            wire(
                refine_rationales,
                "rationale_rounds",
                rationale_prompt="params:prompts.rationale",
                refinement_prompt="params:prompts.refinement",
                revision_prompt="params:prompts.revision",
                teachers="rationale_models",
                params="params:synthesis.rationales",
            ),
            wire(
                choose_best_rationales,
                "reasoning_samples",
                prompt="params:prompts.choice",
                judge="judge_model",
                params="params:synthesis.rationales",
            ),
            wire(summarise_rounds, "round_summary", prices="params:prices"),
        ]
    )
