"""Chapter 2: tables in normal form, without people's names."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
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


def create_pipeline() -> Pipeline:
    """Return the chapter: one node per table, then the judge of replies."""
    return Pipeline(
        [
            *_documents_and_questions(),
            *_posts(),
            *_public_sets(),
            account_node("cleaning", ACCOUNT),
        ]
    )


def _documents_and_questions() -> list[Node]:
    return [
        Node(
            nodes.clean_documents,
            inputs={
                "documents": "documents",
                "params": "params:cleaning.pages",
            },
            outputs=["clean_documents", "rejected_pages", "removed_text"],
            name="clean_documents",
        ),
        Node(
            nodes.clean_bank_questions,
            inputs={"bank_questions": "bank_questions"},
            outputs=["clean_bank_questions", "rejected_bank_questions"],
            name="clean_bank_questions",
        ),
        Node(
            nodes.clean_benchmark_items,
            inputs={"benchmark_items": "benchmark_items"},
            outputs="clean_benchmark_items",
            name="clean_benchmark_items",
        ),
    ]


def _posts() -> list[Node]:
    return [
        Node(
            taking(
                post_parts.clean_posts_in_parts,
                tagger="tagger",
                privacy_model="privacy_model",
            ),
            inputs={
                "posts": "posts",
                "map_engine": "map_engine",
                "tagger": "optional_tools",
                "deidentification_prompt": "params:prompts.deidentification",
                "privacy_model": "optional_tools",
                "params": "params:cleaning.posts",
                "replies_parameters": "params:cleaning.replies",
            },
            outputs=["clean_posts", "rejected_posts"],
            name="clean_posts",
        ),
        Node(
            post_parts.sample_masked_parts,
            inputs={
                "clean_posts": "clean_posts",
                "params": "params:cleaning.posts",
            },
            outputs="masked_posts_sample",
            name="sample_masked_posts",
        ),
        Node(
            taking(post_parts.judge_replies_in_parts, guard_model="guard_model"),
            inputs={
                "clean_posts": "clean_posts",
                "map_engine": "map_engine",
                "usefulness_prompt": "params:prompts.usefulness",
                "judge_model": "judge_model",
                "guard_model": "optional_tools",
                "params": "params:cleaning.replies",
            },
            outputs=["useful_posts", "rejected_replies"],
            name="judge_replies",
        ),
    ]


def _public_sets() -> list[Node]:
    return [
        Node(
            taking(nodes.clean_public_sets, tagger="tagger"),
            inputs={
                "public_samples": "public_samples",
                "public_questions": "public_questions",
                "tagger": "optional_tools",
                "params": "params:cleaning.posts",
            },
            outputs=[
                "clean_public_samples",
                "rejected_public_samples",
                "clean_public_questions",
                "rejected_public_questions",
            ],
            name="clean_public_sets",
        ),
    ]
