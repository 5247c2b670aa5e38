"""A book falls into passages, and nothing of it is lost."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_kedro.pipelines.synthesis.parameters import ChunkParameters
from psyche_kedro.pipelines.synthesis.questions.chunks import CAPTION, ends_sentence
from psyche_kedro.pipelines.synthesis.questions.nodes import split_chunks
from psyche_kedro.tables import BookTopics, Documents, content_id, frame

PARAMS = ChunkParameters(
    max_length=120, min_length=40, floor_length=5, measure="characters"
)
UNJUDGED = frame(BookTopics, [])


def sentence(word: str, n: int = 18) -> str:
    return f"{word}{'的' * (n - len(word) - 1)}。"


def paragraph(word: str, sentences: int = 2) -> str:
    return sentence(word) * sentences


def pages(*texts: str, status: str = "ok") -> pl.DataFrame:
    return frame(
        Documents,
        [
            {
                "page_id": content_id("page", str(n)),
                "document_id": content_id("book"),
                "source": "book.md",
                "page": n,
                "text": text,
                "status": status,
                "engine": "markdown",
            }
            for n, text in enumerate(texts, start=1)
        ],
    )


def letters(texts: list[str]) -> str:
    return "".join(sorted(re.sub(r"\s", "", "".join(texts))))


def split(
    *texts: str, params: ChunkParameters = PARAMS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    chunks, ledger = split_chunks(pages(*texts), UNJUDGED, params)
    assert letters(chunks["text"].to_list() + ledger["detail"].to_list()) == letters(
        list(texts)
    )
    return chunks, ledger


def test_a_chapter_is_a_border_and_a_full_section_too() -> None:
    chunks, _ = split(
        "# 第一章 甲\n\n## 第一节 子\n\n"
        f"{paragraph('甲子', 3)}\n\n## 第二节 丑\n\n{paragraph('甲丑', 3)}\n\n"
        f"# 第二章 乙\n\n{paragraph('乙', 1)}"
    )
    assert chunks["heading_path"].to_list() == [
        ["第一章 甲", "第一节 子"],
        ["第一章 甲", "第二节 丑"],
        ["第二章 乙"],
    ]


def test_short_sections_of_one_chapter_share_a_chunk_with_their_headings() -> None:
    chunks, ledger = split(
        f"# 第一章 甲\n\n## 子\n\n{paragraph('甲子', 1)}"
        f"\n\n## 丑\n\n{paragraph('甲丑', 1)}"
    )
    (text,) = chunks["text"]
    assert text.startswith("甲子") and "\n\n## 丑\n\n甲丑" in text
    assert ledger.select("reason", "detail").rows() == [
        ("heading", "# 第一章 甲"),
        ("heading", "## 子"),
    ]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    chunks, _ = split(f"# 第一章 甲\n\n{paragraph('甲', 20)}")
    assert chunks.height == 4
    assert all(map(ends_sentence, chunks["text"]))
    assert chunks["n_chars"].max() <= PARAMS.max_length


def test_a_short_rest_joins_the_chunk_before_it() -> None:
    chunks, _ = split(f"# 第一章 甲\n\n{paragraph('甲', 4)}\n\n{paragraph('乙', 2)}")
    assert chunks.height == 1


def test_a_paragraph_broken_by_a_page_is_whole_again() -> None:
    chunks, _ = split(f"{paragraph('甲')}工作记", f"忆是指{sentence('乙')}")
    (row,) = chunks.iter_rows(named=True)
    assert "工作记忆是指乙" in row["text"]
    assert row["page_ids"] == [content_id("page", "1"), content_id("page", "2")]


@pytest.mark.parametrize(
    "whole",
    [
        "<table>" + "<tr><td>信度</td></tr>" * 20 + "</table>",
        "|甲|乙|\n|-|-|\n" + "|信度|效度|\n" * 20,
        "$$" + "x+" * 100 + "1$$",
        "```\n" + "代码\n" * 60 + "```",
    ],
    ids=["html table", "pipe table", "formula", "code"],
)
def test_tables_and_formulas_stay_whole(whole: str) -> None:
    chunks, _ = split(f"{paragraph('甲', 4)}\n\n{whole}\n\n{paragraph('乙', 4)}")
    assert sum(whole.strip() in text for text in chunks["text"]) == 1


def test_a_caption_goes_with_its_table() -> None:
    table = "|甲|乙|\n|-|-|\n|信度|效度|"
    chunks, _ = split(
        f"{paragraph('甲', 6)}\n\n表1-1 测量指标\n\n{table}\n\n{paragraph('乙', 6)}"
    )
    assert any(f"表1-1 测量指标\n\n{table}" in text for text in chunks["text"])


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("目 录", "table_of_contents"),
        ("参考文献", "references"),
        ("名词索引", "index"),
        ("前言", "front_matter"),
        ("思考题", "exercises"),
        ("本章习题", "exercises"),
    ],
)
def test_what_is_no_content_goes_to_the_ledger(title: str, reason: str) -> None:
    chunks, ledger = split(
        f"# 第一章 甲\n\n{paragraph('甲', 3)}\n\n## {title}\n\n{paragraph('乙', 3)}\n\n"
        f"# 第二章 丙\n\n{paragraph('丙', 3)}"
    )
    assert not any("乙" in text for text in chunks["text"])
    assert ledger.filter(reason=reason).height == 2
    assert chunks["heading_path"].to_list() == [["第一章 甲"], ["第二章 丙"]]


def test_headings_without_marks_are_headings() -> None:
    chunks, _ = split(
        f"第一章 记忆\n{paragraph('甲', 3)}\n第一节 编码\n{paragraph('乙', 3)}"
    )
    assert chunks["heading_path"].to_list() == [
        ["第一章 记忆"],
        ["第一章 记忆", "第一节 编码"],
    ]


def test_a_sentence_about_a_chapter_is_no_heading() -> None:
    chunks, _ = split(f"第一章讨论了记忆，第二章讨论遗忘。{paragraph('甲', 3)}")
    assert chunks["heading_path"].to_list() == [[]]


def test_thin_chunks_are_dropped_with_the_reason() -> None:
    roomy = PARAMS.model_copy(update={"floor_length": 20})
    _, ledger = split(
        f"# 第一章 甲\n\n{paragraph('甲', 4)}\n\n# 第二章 乙\n\n乙如上所述。",
        params=roomy,
    )
    assert ledger.filter(reason="thin_chunk")["detail"].to_list() == ["乙如上所述。"]


LINES = st.sampled_from(
    ["# 第一章 记忆", "# 第二章 注意", "## 第一节 工作记忆", "### 中央执行系统"]
    + [sentence("甲", n) for n in (3, 17, 40, 118, 119, 120, 121, 300)]
    + ["没有说完的半句", "- 一项", "", "- 二项，" * 40, "词" * 130]
)


@settings(max_examples=400)
@given(st.lists(LINES, max_size=30), st.sampled_from(["\n", "\n\n"]))
def test_no_chunk_is_longer_than_the_limit(lines: list[str], between: str) -> None:
    chunks, _ = split(between.join(lines))
    assert all(len(text) <= PARAMS.max_length for text in chunks["text"])


TABLE = "|量表|信度|\n|-|-|\n" + "|焦虑|0.85|\n" * 12


@settings(max_examples=200)
@given(st.lists(LINES | st.just(TABLE), max_size=20))
def test_a_longer_chunk_is_one_table_with_its_caption(lines: list[str]) -> None:
    chunks, _ = split("\n\n".join(lines))
    for text in chunks["text"].filter(chunks["n_chars"] > PARAMS.max_length):
        caption, _, table = text.partition("|")
        assert len(caption.strip()) <= CAPTION
        assert f"|{table}".strip() == TABLE.strip()


def test_pages_that_could_not_be_read_are_no_text() -> None:
    chunks, _ = split_chunks(
        pages(paragraph("甲", 4), status="failed"), UNJUDGED, PARAMS
    )
    assert chunks.is_empty()


def test_length_by_a_tokenizer_file(tmp_path: object) -> None:
    from pathlib import Path

    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    tokenizer = Tokenizer(WordLevel({"?": 0}, "?"))
    tokenizer.pre_tokenizer = Split("。", "isolated")
    path = Path(str(tmp_path)) / "tokenizer.json"
    tokenizer.save(str(path))
    by_tokens = ChunkParameters(
        max_length=4, min_length=1, floor_length=0,
        measure=f"tokenizer:{path}",
    )  # fmt: skip
    chunks, _ = split(paragraph("甲", 6), params=by_tokens)
    assert chunks.height == 3
