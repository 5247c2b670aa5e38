"""Books that do not speak of psychology are listed, and dropped where that is asked."""

import polars as pl
import pytest

from psyche_kedro.pipelines.synthesis.parameters import (
    ChunkParameters,
    DistillationParameters,
    TopicParameters,
)
from psyche_kedro.pipelines.synthesis.questions.nodes import (
    measure_topics,
    split_chunks,
)
from psyche_kedro.pipelines.synthesis.questions.topics import term_density
from psyche_kedro.tables import Documents, content_id, frame

TAXONOMY = DistillationParameters(
    target=0,
    asks=({"type": "single", "count": 1},),
    taxonomy=(
        {"name": "认知", "words": ("工作记忆", "记忆")},
        {"name": "社会", "words": ("从众",)},
    ),
)
LISTED = TopicParameters(min_density=1, min_characters=60, off_topic="list")
DROPPED = LISTED.model_copy(update={"off_topic": "drop"})
CHUNKS = ChunkParameters(
    max_length=200, min_length=40, floor_length=0, measure="characters"
)
MEMORY = "工作记忆的容量有限，复述使信息保持得更久。" * 4
BOOK_OF_BOTH = "# 第一章 记忆\n\n{}\n\n# 第二章 价格\n\n{}\n\n# 第三章 税\n\n税率。"
PRICES = "商品的价格由供给和需求决定，厂商追求利润。" * 4


def books(**texts: str) -> pl.DataFrame:
    return frame(
        Documents,
        [
            {
                "page_id": content_id("page", name),
                "document_id": content_id(name),
                "source": name,
                "page": 1,
                "text": text,
                "status": "ok",
                "engine": "markdown",
            }
            for name, text in texts.items()
        ],
    )


def measured(params: TopicParameters = LISTED, **texts: str) -> pl.DataFrame:
    return measure_topics(books(**texts), TAXONOMY, params)


def verdicts(topics: pl.DataFrame) -> list[tuple[str, str | None, str]]:
    return sorted(
        topics.select("source", "chapter", "verdict").rows(),
        key=lambda row: (row[0], row[1] or ""),
    )


def test_density_counts_each_occurrence_once_and_does_not_grow_with_length():
    texts = pl.Series(
        ["工作记忆" + "的" * 96, ("工作记忆" + "的" * 96) * 5, "从众", ""]
    )
    figures = term_density(texts, TAXONOMY.taxonomy)
    assert figures.rows() == [(100, 1, 1.0), (500, 5, 1.0), (2, 1, 50.0), (0, 0, 0.0)]


def test_a_book_of_another_field_is_listed_with_its_figures_and_kept(caplog):
    topics = measured(a=MEMORY, b=PRICES)
    assert verdicts(topics) == [("a", None, "on_topic"), ("b", None, "off_topic?")]
    assert topics.filter(source="b").select("n_chars", "n_terms", "density").rows() == [
        (len(PRICES), 0, 0.0)
    ]
    assert "1 of 2 books and chapters" in caplog.text
    chunks, ledger = split_chunks(books(a=MEMORY, b=PRICES), topics, CHUNKS)
    assert set(chunks["source"]) == {"a", "b"}
    assert ledger.is_empty()


def test_a_long_chapter_is_judged_alone_and_a_short_one_with_its_book():
    text = BOOK_OF_BOTH.format(MEMORY, PRICES)
    assert verdicts(measured(a=text)) == [
        ("a", None, "on_topic"),
        ("a", "第一章 记忆", "on_topic"),
        ("a", "第二章 价格", "off_topic?"),
    ]


def test_what_is_no_content_counts_for_nothing():
    topics = measured(a=f"{PRICES}\n\n# 参考文献\n\n{MEMORY}")
    assert verdicts(topics) == [("a", None, "off_topic?")]


@pytest.mark.parametrize(
    ("params", "kept"), [(LISTED, ["记忆", "价格", "税"]), (DROPPED, ["记忆", "税"])]
)
def test_dropped_chapters_stand_in_the_ledger(params, kept):
    text = BOOK_OF_BOTH.format(MEMORY, PRICES)
    chunks, ledger = split_chunks(books(a=text), measured(params, a=text), CHUNKS)
    assert [path[0].split()[1] for path in chunks["heading_path"]] == kept
    off_topic = ledger.filter(reason="off_topic")["detail"].to_list()
    assert off_topic == ([] if "价格" in kept else [PRICES])


def test_no_book_is_no_topic():
    assert measured().is_empty()
