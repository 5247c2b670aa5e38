"""useful_posts → empathetic_dialogues."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
from psyche_kedro.partitions.parts import framed
from psyche_kedro.pipelines.synthesis.dialogues.nodes import (
    refine_posts,
    write_dialogues,
)


def create_pipeline() -> Pipeline:
    """Wire the dialogues."""
    return Pipeline(
        [
            Node(
                taking(framed(refine_posts), tagger="tagger"),
                inputs={
                    "tagger": "optional_tools",
                    "useful_posts": "useful_posts",
                    "prompt": "params:prompts.post",
                    "teacher": "teacher_model",
                    "params": "params:synthesis.dialogues",
                },
                outputs=["refined_posts", "rejected_refined_posts"],
                name="refine_posts",
            ),
            Node(
                taking(framed(write_dialogues), tagger="tagger"),
                inputs={
                    "tagger": "optional_tools",
                    "useful_posts": "useful_posts",
                    "refined_posts": "refined_posts",
                    "empathy_prompt": "params:prompts.empathy",
                    "resonance_prompt": "params:prompts.resonance",
                    "guidance_prompt": "params:prompts.guidance",
                    "steps_prompt": "params:prompts.steps",
                    "judge_prompt": "params:prompts.dialogue_judge",
                    "teacher": "teacher_model",
                    "judge": "judge_model",
                    "params": "params:synthesis.dialogues",
                },
                outputs=["empathetic_dialogues", "rejected_dialogues"],
                name="write_dialogues",
            ),
        ]
    )
