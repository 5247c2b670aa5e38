"""Chapter 1: raw files become tables."""

from kedro.pipeline import Pipeline, node

from psyche_kedro.pipelines.ingestion import nodes


def create_pipeline(**kwargs: object) -> Pipeline:
    """Return the chapter: one node per kind of source, then what could not be read."""
    return Pipeline(
        [
            node(
                nodes.read_textbooks,
                {
                    "textbook_files": "textbook_files",
                    "ocr_model": "ocr_model",
                    "parameters": "params:ingestion.textbooks",
                },
                ["documents", "unreadable_textbooks"],
            ),
            node(
                nodes.read_question_banks,
                {"question_bank_files": "question_bank_files"},
                ["bank_questions", "unreadable_question_banks"],
            ),
            node(
                nodes.read_posts,
                {"post_files": "post_files"},
                ["posts", "unreadable_posts"],
            ),
            node(
                nodes.read_public_sets,
                {"public_files": "public_files"},
                ["public_samples", "public_questions", "unreadable_public_sets"],
            ),
            node(
                nodes.read_benchmarks,
                {"benchmark_files": "benchmark_files"},
                ["benchmark_items", "unreadable_benchmarks"],
            ),
            node(
                nodes.list_unreadable_sources,
                {
                    name: name
                    for name in (
                        "unreadable_textbooks",
                        "unreadable_question_banks",
                        "unreadable_posts",
                        "unreadable_public_sets",
                        "unreadable_benchmarks",
                    )
                },
                "unreadable_sources",
            ),
        ]
    )
