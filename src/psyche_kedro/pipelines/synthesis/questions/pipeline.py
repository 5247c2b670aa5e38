"""clean_documents, clean_bank_questions → reviewed_questions."""

from kedro.pipeline import Node, Pipeline

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
from psyche_kedro.pipelines.wiring import wire
from psyche_kedro.review.verdicts import (
    apply_review,
    export_review_batch,
    read_review_verdicts,
    summarise_review,
)


def create_pipeline() -> Pipeline:
    """Wire question generation, control and review."""
    return Pipeline([*_writing(), *_sieving(), *_review()])


def _writing() -> list[Node]:
    return [
        wire(
            measure_topics,
            "book_topics",
            distillation="params:synthesis.distillation",
            params="params:synthesis.topics",
        ),
        wire(
            split_chunks,
            ["chunks", "dropped_text"],
            params="params:synthesis.chunks",
        ),
        wire(
            generate_questions,
            ["generated_questions", "rejected_generated_questions"],
            prompt="params:prompts.question",
            teacher="teacher_model",
            params="params:synthesis.questions",
        ),
        wire(
            distil_questions,
            ["distilled_questions", "rejected_distilled_questions"],
            prompt="params:prompts.distillation",
            teacher="teacher_model",
            params="params:synthesis.distillation",
        ),
        wire(pool_questions, ["question_pool", "rejected_pool_questions"]),
    ]


def _sieving() -> list[Node]:
    return [
        wire(
            cluster_questions,
            "question_clusters",
            params="params:synthesis.deduplication",
        ),
        wire(
            pick_representatives,
            ["distinct_questions", "duplicate_questions"],
            prompt="params:prompts.ranking",
            judge="judge_model",
        ),
        wire(
            screen_questions,
            ["screened_questions", "rejected_questions"],
            prompt="params:prompts.screening",
            examples="params:prompts.screening_examples",
            judge="judge_model",
        ),
    ]


def _review() -> list[Node]:
    return [
        wire(
            export_review_batch,
            "review_batch",
            params="params:synthesis.review",
            words="params:prompts.words",
        ),
        wire(
            read_review_verdicts,
            "review_verdicts",
            review_files="raw_files/reviews",
        ),
        wire(apply_review, ["reviewed_questions", "rejected_by_review"]),
        wire(summarise_review, "review_summary"),
    ]
