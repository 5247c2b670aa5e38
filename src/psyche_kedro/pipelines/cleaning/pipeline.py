"""Chapter 2: tables in normal form, without people's names."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.pipelines.accounts import (
    account_node,
    beside,
    kept,
    rejected,
    showing,
    written,
)
from psyche_kedro.pipelines.cleaning import nodes, post_parts
from psyche_kedro.pipelines.examples import QUESTION
from psyche_kedro.pipelines.wiring import wire

ACCOUNT = (
    showing(kept("clean_documents"), "page_id", "source", "page", "text"),
    rejected("rejected_pages", of="clean_documents"),
    showing(kept("clean_bank_questions"), *QUESTION),
    rejected("rejected_bank_questions", of="clean_bank_questions"),
    kept("clean_posts", by="deid_level"),
    rejected("rejected_posts", of="clean_posts"),
    kept("useful_posts"),
    rejected("rejected_replies", of="useful_posts"),
    written("useful_posts"),
    kept("clean_public_samples"),
    rejected("rejected_public_samples", of="clean_public_samples"),
    showing(kept("clean_public_questions"), *QUESTION),
    rejected("rejected_public_questions", of="clean_public_questions"),
    beside("clean_benchmark_items"),
    beside("removed_text", by="reason"),
    beside("masked_posts_sample"),
)
POSTS, REPLIES = "params:cleaning.posts", "params:cleaning.replies"


def create_pipeline() -> Pipeline:
    """Return the chapter: one node per table, then the judge of replies."""
    return Pipeline(
        [
            wire(
                nodes.clean_documents,
                ["clean_documents", "rejected_pages", "removed_text"],
                params="params:cleaning.pages",
            ),
            wire(
                nodes.clean_bank_questions,
                ["clean_bank_questions", "rejected_bank_questions"],
            ),
            wire(nodes.clean_benchmark_items, "clean_benchmark_items"),
            *_posts(),
            wire(
                nodes.clean_public_sets,
                [
                    "clean_public_samples",
                    "rejected_public_samples",
                    "clean_public_questions",
                    "rejected_public_questions",
                ],
                tagger="optional_tools/tagger",
                params=POSTS,
            ),
            account_node("cleaning", ACCOUNT),
        ]
    )


def _posts() -> list[Node]:
    return [
        wire(
            post_parts.clean_posts_in_parts,
            ["clean_posts", "rejected_posts"],
            name="clean_posts",
            tagger="optional_tools/tagger",
            deidentification_prompt="params:prompts.deidentification",
            privacy_model="optional_tools/privacy_model",
            params=POSTS,
            replies_parameters=REPLIES,
        ),
        wire(
            post_parts.sample_masked_parts,
            "masked_posts_sample",
            name="sample_masked_posts",
            params=POSTS,
        ),
        wire(
            post_parts.judge_replies_in_parts,
            ["useful_posts", "rejected_replies"],
            name="judge_replies",
            usefulness_prompt="params:prompts.usefulness",
            guard_model="optional_tools/guard_model",
            params=REPLIES,
        ),
    ]
