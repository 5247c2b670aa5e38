"""Reasoning samples, dialogues and public sets → ``sft_set`` and ``grpo_set``."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines.selection.nodes import (
    account_lengths,
    answer_as_students,
    audit_answer_keys,
    build_sets,
    choose_exemplars,
    decontaminate,
    describe_difficulty,
    find_repeated_examples,
    refine_exam_questions,
    split_by_difficulty,
    trace_examples,
    write_release,
)

PROMPTS = ("exam_case", "exam_knowledge", "counselling", "knowledge")
PUBLIC = ("empathetic_dialogues", "clean_public_samples", "exam_questions")


def create_pipeline() -> Pipeline:
    """Return Sections 2.2 (question selection) and 2.4 (data split)."""
    return Pipeline([*_difficulty(), *_sets()])


def _named(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _difficulty() -> list[Node]:
    return [
        Node(
            answer_as_students,
            inputs={
                "reasoning_samples": "reasoning_samples",
                "prompt": "student_prompt",
                "models": "student_models",
                "parameters": "params:selection.students",
            },
            outputs="student_answers",
            name="answer_as_students",
        ),
        Node(
            refine_exam_questions,
            inputs={
                "clean_public_questions": "clean_public_questions",
                "prompt": "screening_prompt",
                "examples": "screening_examples",
                "judge": "judge_model",
                "parameters": "params:synthesis.deduplication",
            },
            outputs=["exam_questions", "rejected_exam_questions"],
            name="refine_exam_questions",
        ),
        Node(
            choose_exemplars,
            inputs=_named("clean_benchmark_items")
            | {"parameters": "params:selection.exemplars"},
            outputs="exemplars",
            name="choose_exemplars",
        ),
        Node(
            decontaminate,
            inputs=_named("reasoning_samples", *PUBLIC)
            | _named("clean_benchmark_items", "exemplars")
            | {"parameters": "params:selection.decontamination"},
            outputs="contamination_hits",
            name="decontaminate",
        ),
        Node(
            audit_answer_keys,
            inputs=_named("reasoning_samples", "student_answers")
            | {"parameters": "params:selection.audit"},
            outputs="answer_key_audit",
            name="audit_answer_keys",
        ),
        Node(
            split_by_difficulty,
            inputs=_named(
                "reasoning_samples",
                "student_answers",
                "contamination_hits",
                "answer_key_audit",
            )
            | {"parameters": "params:selection.difficulty"},
            outputs=["challenging", "non_challenging", "held_out_questions"],
            name="split_by_difficulty",
        ),
        Node(
            describe_difficulty,
            inputs=_named("challenging", "non_challenging", "student_answers")
            | {"parameters": "params:selection.difficulty"},
            outputs=["difficulty_summary", "student_agreement"],
            name="describe_difficulty",
        ),
    ]


def _sets() -> list[Node]:
    parts = ("challenging", "non_challenging", *PUBLIC, "contamination_hits")
    return [
        Node(
            find_repeated_examples,
            inputs=_named(*parts, "held_out_questions", "useful_posts")
            | {
                "parameters": "params:selection.sets",
                "deduplication": "params:synthesis.deduplication",
                "decontamination": "params:selection.decontamination",
            },
            outputs="repeated_examples",
            name="find_repeated_examples",
        ),
        Node(
            build_sets,
            inputs=_named(*parts, "rationale_rounds", "repeated_examples")
            | _named(*(f"{name}_prompt" for name in PROMPTS))
            | {
                "parameters": "params:selection.sets",
                "decontamination": "params:selection.decontamination",
            },
            outputs=["sft_set", "grpo_set", "rejected_examples"],
            name="build_sets",
        ),
        Node(
            account_lengths,
            inputs=_named("sft_set", "grpo_set")
            | {"parameters": "params:selection.lengths"},
            outputs="length_account",
            name="account_lengths",
        ),
        Node(
            trace_examples,
            inputs=_named(
                "sft_set",
                "grpo_set",
                "reasoning_samples",
                "rationale_rounds",
                "useful_posts",
                *PUBLIC,
            ),
            outputs="example_provenance",
            name="trace_examples",
        ),
        Node(
            write_release,
            inputs=_named(
                "sft_set", "grpo_set", "example_provenance", "contamination_hits"
            )
            | {"parameters": "params:selection.release"},
            outputs=["release", "withheld_examples"],
            name="write_release",
        ),
    ]
