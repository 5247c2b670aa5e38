"""§2.2 and §2.3: questions, verified rationales, empathetic dialogues."""

from kedro.pipeline import Pipeline

from psyche_kedro.pipelines.accounts import (
    account_node,
    beside,
    kept,
    rejected,
    written,
)
from psyche_kedro.pipelines.synthesis import costs, dialogues, questions, rationales

ACCOUNT = (
    beside("book_topics", by="verdict"),
    kept("chunks"),
    rejected("dropped_text", of="chunks"),
    kept("generated_questions"),
    rejected("rejected_generated_questions", of="generated_questions"),
    written("generated_questions"),
    kept("distilled_questions"),
    rejected("rejected_distilled_questions", of="distilled_questions"),
    written("distilled_questions"),
    kept("question_pool"),
    rejected("rejected_pool_questions", of="question_pool"),
    kept("distinct_questions"),
    rejected(
        "duplicate_questions", of="distinct_questions", node="pick_representatives"
    ),
    kept("screened_questions"),
    rejected("rejected_questions", of="screened_questions"),
    kept("reviewed_questions"),
    rejected("rejected_by_review", of="reviewed_questions"),
    kept("reasoning_samples", by="chosen_by"),
    rejected(
        "unsolved_questions",
        of="reasoning_samples",
        node="write_rationales",
        reason="no_verified_rationale",
    ),
    written("rationales"),
    written("rationale_rounds"),
    beside("reasoning_samples", called="votes_agree", by="votes_agree"),
    kept("refined_posts"),
    rejected("rejected_refined_posts", of="refined_posts"),
    written("refined_posts"),
    kept("empathetic_dialogues"),
    rejected("rejected_dialogues", of="empathetic_dialogues"),
    written("empathetic_dialogues"),
    beside("review_summary"),
    beside("round_summary"),
    beside("cost_estimate"),
)


def create_pipeline() -> Pipeline:
    """Join the rooms of the chapter."""
    rooms = (questions, rationales, dialogues, costs)
    account = Pipeline([account_node("synthesis", ACCOUNT)])
    return sum((room.create_pipeline() for room in rooms), account)
