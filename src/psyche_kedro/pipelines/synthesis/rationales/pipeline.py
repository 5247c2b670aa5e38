"""reviewed_questions → reasoning_samples."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines.synthesis.rationales.nodes import (
    choose_best_rationales,
    refine_rationales,
    write_rationales,
)
from psyche_kedro.pipelines.synthesis.rationales.summary import summarise_rounds


def create_pipeline() -> Pipeline:
    """Wire rationale generation, refinement and choice."""
    return Pipeline([*_writing(), *_choice()])


def _writing() -> list[Node]:
    return [
        Node(
            write_rationales,
            inputs={
                "reviewed_questions": "reviewed_questions",
                "prompt": "params:prompts.rationale",
                "teachers": "rationale_models",
                "params": "params:synthesis.rationales",
            },
            outputs=["rationales", "unsolved_questions"],
            name="write_rationales",
        ),
        Node(
            refine_rationales,
            inputs={
                "reviewed_questions": "reviewed_questions",
                "rationales": "rationales",
                "rationale_prompt": "params:prompts.rationale",
                "refinement_prompt": "params:prompts.refinement",
                "revision_prompt": "params:prompts.revision",
                "teachers": "rationale_models",
                "params": "params:synthesis.rationales",
            },
            outputs="rationale_rounds",
            name="refine_rationales",
        ),
    ]


def _choice() -> list[Node]:
    return [
        Node(
            choose_best_rationales,
            inputs={
                "reviewed_questions": "reviewed_questions",
                "rationale_rounds": "rationale_rounds",
                "prompt": "params:prompts.choice",
                "judge": "judge_model",
                "params": "params:synthesis.rationales",
            },
            outputs="reasoning_samples",
            name="choose_best_rationales",
        ),
        Node(
            summarise_rounds,
            inputs={
                "rationales": "rationales",
                "rationale_rounds": "rationale_rounds",
                "reasoning_samples": "reasoning_samples",
                "prices": "params:prices",
            },
            outputs="round_summary",
            name="summarise_rounds",
        ),
    ]
