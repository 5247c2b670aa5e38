"""Chapter 1: raw files become tables."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
from psyche_kedro.pipelines.accounts import account_node, beside, kept, rejected
from psyche_kedro.pipelines.ingestion import nodes, post_parts

LIMITS = "params:ingestion.limits"
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
    return Pipeline(
        [
            *_sources(),
            *_public_sources(),
            *_unreadable(),
            account_node("ingestion", ACCOUNT),
        ]
    )


def _sources() -> list[Node]:
    return [
        Node(
            taking(
                nodes.read_textbooks,
                textbook_files="textbooks",
                ocr_model="ocr_model",
            ),
            inputs={
                "textbook_files": "raw_files",
                "ocr_model": "optional_tools",
                "map_engine": "map_engine",
                "params": "params:ingestion.textbooks",
                "limits": LIMITS,
            },
            outputs=["documents", "unreadable_textbooks", "textbook_inventory"],
            name="read_textbooks",
        ),
        Node(
            taking(nodes.read_question_banks, question_bank_files="question_banks"),
            inputs={"question_bank_files": "raw_files", "limits": LIMITS},
            outputs=["bank_questions", "unreadable_question_banks"],
            name="read_question_banks",
        ),
        Node(
            taking(post_parts.read_posts_in_parts, post_files="posts"),
            inputs={
                "post_files": "raw_files",
                "map_engine": "map_engine",
                "limits": LIMITS,
            },
            outputs=["posts", "unreadable_posts"],
            name="read_posts",
        ),
    ]


def _public_sources() -> list[Node]:
    return [
        Node(
            taking(nodes.read_public_sets, public_files="public"),
            inputs={"public_files": "raw_files", "limits": LIMITS},
            outputs=[
                "public_samples",
                "public_questions",
                "unreadable_public_sets",
            ],
            name="read_public_sets",
        ),
        Node(
            taking(nodes.read_benchmarks, benchmark_files="benchmarks"),
            inputs={
                "benchmark_files": "raw_files",
                "benchmarks": "params:benchmarks",
                "limits": LIMITS,
            },
            outputs=["benchmark_items", "unreadable_benchmarks"],
            name="read_benchmarks",
        ),
    ]


def _unreadable() -> list[Node]:
    return [
        Node(
            nodes.list_unreadable_sources,
            inputs={
                name: name
                for name in (
                    "unreadable_textbooks",
                    "unreadable_question_banks",
                    "unreadable_posts",
                    "unreadable_public_sets",
                    "unreadable_benchmarks",
                )
            },
            outputs="unreadable_sources",
            name="list_unreadable_sources",
        ),
    ]
