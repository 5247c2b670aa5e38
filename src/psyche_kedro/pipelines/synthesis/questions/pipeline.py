"""clean_documents, clean_bank_questions → reviewed_questions."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
from psyche_kedro.pipelines.synthesis.questions.nodes import (
    cluster_questions,
    distil_questions,
    generate_questions,
    measure_topics,
    pick_representatives,
    pool_questions,
    screen_questions,
    split_chunks,
)
from psyche_kedro.review.verdicts import (
    apply_review,
    export_review_batch,
    read_review_verdicts,
    summarise_review,
)


def create_pipeline() -> Pipeline:
    """Wire question generation, control and review."""
    return Pipeline([*_chunks(), *_writing(), *_sieving(), *_review()])


def _chunks() -> list[Node]:
    return [
        Node(
            measure_topics,
            inputs={
                "clean_documents": "clean_documents",
                "distillation": "params:synthesis.distillation",
                "params": "params:synthesis.topics",
            },
            outputs="book_topics",
            name="measure_topics",
        ),
        Node(
            split_chunks,
            inputs={
                "clean_documents": "clean_documents",
                "book_topics": "book_topics",
                "params": "params:synthesis.chunks",
            },
            outputs=["chunks", "dropped_text"],
            name="split_chunks",
        ),
    ]


def _writing() -> list[Node]:
    return [
        Node(
            generate_questions,
            inputs={
                "chunks": "chunks",
                "prompt": "params:prompts.question",
                "teacher": "teacher_model",
                "params": "params:synthesis.questions",
            },
            outputs=["generated_questions", "rejected_generated_questions"],
            name="generate_questions",
        ),
        Node(
            distil_questions,
            inputs={
                "generated_questions": "generated_questions",
                "clean_bank_questions": "clean_bank_questions",
                "prompt": "params:prompts.distillation",
                "teacher": "teacher_model",
                "params": "params:synthesis.distillation",
            },
            outputs=["distilled_questions", "rejected_distilled_questions"],
            name="distil_questions",
        ),
        Node(
            pool_questions,
            inputs={
                "generated_questions": "generated_questions",
                "distilled_questions": "distilled_questions",
                "clean_bank_questions": "clean_bank_questions",
                "chunks": "chunks",
            },
            outputs=["question_pool", "rejected_pool_questions"],
            name="pool_questions",
        ),
    ]


def _sieving() -> list[Node]:
    return [
        Node(
            cluster_questions,
            inputs={
                "question_pool": "question_pool",
                "params": "params:synthesis.deduplication",
            },
            outputs="question_clusters",
            name="cluster_questions",
        ),
        Node(
            pick_representatives,
            inputs={
                "question_pool": "question_pool",
                "question_clusters": "question_clusters",
                "prompt": "params:prompts.ranking",
                "judge": "judge_model",
            },
            outputs=["distinct_questions", "duplicate_questions"],
            name="pick_representatives",
        ),
        Node(
            screen_questions,
            inputs={
                "distinct_questions": "distinct_questions",
                "prompt": "params:prompts.screening",
                "examples": "params:prompts.screening_examples",
                "judge": "judge_model",
            },
            outputs=["screened_questions", "rejected_questions"],
            name="screen_questions",
        ),
    ]


def _review() -> list[Node]:
    return [
        Node(
            export_review_batch,
            inputs={
                "screened_questions": "screened_questions",
                "params": "params:synthesis.review",
                "words": "params:prompts.words",
            },
            outputs="review_batch",
            name="export_review_batch",
        ),
        Node(
            taking(read_review_verdicts, review_files="reviews"),
            inputs={"review_files": "raw_files"},
            outputs="review_verdicts",
            name="read_review_verdicts",
        ),
        Node(
            apply_review,
            inputs={
                "screened_questions": "screened_questions",
                "review_verdicts": "review_verdicts",
            },
            outputs=["reviewed_questions", "rejected_by_review"],
            name="apply_review",
        ),
        Node(
            summarise_review,
            inputs={
                "screened_questions": "screened_questions",
                "review_verdicts": "review_verdicts",
            },
            outputs="review_summary",
            name="summarise_review",
        ),
    ]
