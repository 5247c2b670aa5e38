"""Chapter 1: raw files become tables."""

from kedro.pipeline import Pipeline

from psyche_kedro.pipelines.accounts import account_node, beside, kept, rejected
from psyche_kedro.pipelines.ingestion import nodes, post_parts
from psyche_kedro.pipelines.wiring import wire

ACCOUNT = (
    kept("documents"),
    kept("bank_questions"),
    kept("posts"),
    kept("public_samples"),
    kept("public_questions"),
    rejected("unreadable_sources", of="sources", node="read_sources"),
    beside("benchmark_items"),
    beside("textbook_inventory"),
)


def create_pipeline() -> Pipeline:
    """Return the chapter: one node per kind of source, then what could not be read."""
    limits = {"limits": "params:ingestion.limits"}
    return Pipeline(
        [
            wire(
                nodes.read_textbooks,
                ["documents", "unreadable_textbooks", "textbook_inventory"],
                textbook_files="raw_files/textbooks",
                ocr_model="optional_tools/ocr_model",
                map_engine="map_engine",
                params="params:ingestion.textbooks",
                **limits,
            ),
            wire(
                nodes.read_question_banks,
                ["bank_questions", "unreadable_question_banks"],
                question_bank_files="raw_files/question_banks",
                **limits,
            ),
            wire(
                post_parts.read_posts_in_parts,
                ["posts", "unreadable_posts"],
                name="read_posts",
                post_files="raw_files/posts",
                **limits,
            ),
            wire(
                nodes.read_public_sets,
                ["public_samples", "public_questions", "unreadable_public_sets"],
                public_files="raw_files/public",
                **limits,
            ),
            wire(
                nodes.read_benchmarks,
                ["benchmark_items", "unreadable_benchmarks"],
                benchmark_files="raw_files/benchmarks",
                benchmarks="params:benchmarks",
                **limits,
            ),
            wire(nodes.list_unreadable_sources, "unreadable_sources"),
            account_node("ingestion", ACCOUNT),
        ]
    )
