"""§2.2 and §2.3: questions, verified rationales, empathetic dialogues."""

from kedro.pipeline import Pipeline

from psyche_kedro.pipelines.accounts import (
    account_node,
    beside,
    kept,
    rejected,
    showing,
    written,
)
from psyche_kedro.pipelines.cleaning.deidentification.deidentify import READ_BY_MODEL
from psyche_kedro.pipelines.examples import QUESTION, WRITTEN
from psyche_kedro.pipelines.synthesis import costs, dialogues, questions, rationales

_CHOSEN = ("rationale", "round", "chosen_by", "choice_reason")
_RATIONALE = ("rationale", "prediction", "outcome")
_ROUND = ("prompt", *_RATIONALE, "candidate_prompt", "candidate_rationale")
ACCOUNT = (
    beside("book_topics", by="verdict"),
    showing(kept("chunks"), "chunk_id", "source", "heading_path", "text"),
    rejected("dropped_text", of="chunks"),
    showing(kept("generated_questions"), *WRITTEN),
    rejected("rejected_generated_questions", of="generated_questions"),
    written("generated_questions"),
    showing(kept("distilled_questions"), *WRITTEN),
    rejected("rejected_distilled_questions", of="distilled_questions"),
    written("distilled_questions"),
    showing(kept("question_pool"), *QUESTION),
    rejected("rejected_pool_questions", of="question_pool"),
    kept("distinct_questions"),
    rejected(
        "duplicate_questions", of="distinct_questions", node="pick_representatives"
    ),
    kept("screened_questions"),
    rejected("rejected_questions", of="screened_questions"),
    kept("reviewed_questions"),
    rejected("rejected_by_review", of="reviewed_questions"),
    showing(kept("reasoning_samples", by="chosen_by"), *QUESTION, *_CHOSEN),
    showing(
        rejected(
            "unsolved_questions",
            of="reasoning_samples",
            node="write_rationales",
            reason="no_verified_rationale",
        ),
        *WRITTEN,
    ),
    showing(written("rationales"), "question_id", "attempt", *_RATIONALE),
    showing(written("rationale_rounds"), "question_id", "round", *_ROUND),
    beside("reasoning_samples", called="votes_agree", by="votes_agree"),
    kept("refined_posts"),
    rejected("rejected_refined_posts", of="refined_posts"),
    showing(written("refined_posts"), "post_id", "messages"),
    showing(
        kept("empathetic_dialogues"),
        *("dialogue_id", "messages", "empathy", "guidance", "steps"),
        only=READ_BY_MODEL,
    ),
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
