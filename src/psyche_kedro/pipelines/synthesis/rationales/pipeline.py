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
                "prompt": "rationale_prompt",
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
                "rationale_prompt": "rationale_prompt",
                "refinement_prompt": "refinement_prompt",
                "revision_prompt": "revision_prompt",
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
                "prompt": "choice_prompt",
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
                "prices": "prices",
            },
            outputs="round_summary",
            name="summarise_rounds",
        ),
    ]
