"""useful_posts → empathetic_dialogues."""

from kedro.pipeline import Pipeline

from psyche_kedro.partitions.parts import framed
from psyche_kedro.pipelines.synthesis.dialogues.nodes import (
    refine_posts,
    write_dialogues,
)
from psyche_kedro.pipelines.wiring import wire


def create_pipeline() -> Pipeline:
    """Wire the dialogues."""
    return Pipeline(
        [
            wire(
                framed(refine_posts),
                ["refined_posts", "rejected_refined_posts"],
                tagger="optional_tools/tagger",
                prompt="params:prompts.post",
                teacher="teacher_model",
                params="params:synthesis.dialogues",
            ),
            wire(
                framed(write_dialogues),
                ["empathetic_dialogues", "rejected_dialogues"],
                tagger="optional_tools/tagger",
                empathy_prompt="params:prompts.empathy",
                resonance_prompt="params:prompts.resonance",
                guidance_prompt="params:prompts.guidance",
                steps_prompt="params:prompts.steps",
                judge_prompt="params:prompts.dialogue_judge",
                teacher="teacher_model",
                judge="judge_model",
                params="params:synthesis.dialogues",
            ),
        ]
    )
