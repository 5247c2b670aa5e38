"""Reasoning samples, dialogues and public sets → ``sft_set`` and ``grpo_set``."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines.selection.nodes import (
    answer_as_student,
    build_sets,
    decontaminate,
    split_by_difficulty,
)

STUDENTS = ("a", "b", "c")
"""Another student: one letter here and in ``split_by_difficulty``, a model role
``student_<x>_model``, a table ``student_<x>_answers``, ``selection.students.<x>``."""

PARTS = (
    "challenging",
    "non_challenging",
    "empathetic_dialogues",
    "clean_public_samples",
    "clean_public_questions",
)
PROMPTS = ("exam_case", "exam_knowledge", "counselling", "knowledge")


def create_pipeline() -> Pipeline:
    """Return Sections 2.2 (question selection) and 2.4 (data split)."""
    return Pipeline([*map(_student, STUDENTS), *_rest()])


def _student(letter: str) -> Node:
    return Node(
        answer_as_student,
        inputs={
            "reasoning_samples": "reasoning_samples",
            "prompt": "student_prompt",
            "model": f"student_{letter}_model",
            "parameters": f"params:selection.students.{letter}",
        },
        outputs=f"student_{letter}_answers",
        name=f"answer_as_student_{letter}",
    )


def _rest() -> list[Node]:
    return [
        Node(
            split_by_difficulty,
            inputs={
                "reasoning_samples": "reasoning_samples",
                **{f"student_{x}_answers": f"student_{x}_answers" for x in STUDENTS},
                "parameters": "params:selection.difficulty",
            },
            outputs=["challenging", "non_challenging"],
            name="split_by_difficulty",
        ),
        Node(
            decontaminate,
            inputs={
                **{part: part for part in PARTS},
                "clean_benchmark_items": "clean_benchmark_items",
                "parameters": "params:selection.decontamination",
            },
            outputs="contamination_hits",
            name="decontaminate",
        ),
        Node(
            build_sets,
            inputs={
                **{part: part for part in PARTS},
                **{f"{name}_prompt": f"{name}_prompt" for name in PROMPTS},
                "contamination_hits": "contamination_hits",
                "parameters": "params:selection.sets",
            },
            outputs=["sft_set", "grpo_set", "rejected_examples"],
            name="build_sets",
        ),
    ]
