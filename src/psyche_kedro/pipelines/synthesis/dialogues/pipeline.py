"""useful_posts → empathetic_dialogues."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines.synthesis.dialogues.nodes import (
    refine_posts,
    write_dialogues,
)


def create_pipeline() -> Pipeline:
    """Wire the dialogues."""
    return Pipeline(
        [
            Node(
                refine_posts,
                inputs={
                    "useful_posts": "useful_posts",
                    "prompt": "post_prompt",
                    "teacher": "teacher_model",
                    "params": "params:synthesis.dialogues",
                },
                outputs=["refined_posts", "rejected_refined_posts"],
                name="refine_posts",
            ),
            Node(
                write_dialogues,
                inputs={
                    "useful_posts": "useful_posts",
                    "refined_posts": "refined_posts",
                    "empathy_prompt": "empathy_prompt",
                    "resonance_prompt": "resonance_prompt",
                    "guidance_prompt": "guidance_prompt",
                    "steps_prompt": "steps_prompt",
                    "judge_prompt": "dialogue_judge_prompt",
                    "teacher": "teacher_model",
                    "judge": "judge_model",
                    "params": "params:synthesis.dialogues",
                },
                outputs=["empathetic_dialogues", "rejected_dialogues"],
                name="write_dialogues",
            ),
        ]
    )
