"""What the printer added goes into a ledger; the text stays whole and in order."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cleaning.cleaning_parameters import PAGES
from psyche_kedro import tables
from psyche_kedro.pipelines.cleaning.nodes import clean_documents
from psyche_kedro.pipelines.cleaning.pages.page_lines import HEADINGS, heading
from psyche_kedro.tables import content_id

BODY = "工作记忆是对信息进行暂时加工和储存的容量有限的记忆系统。"


def book(*pages: str, engine: str = "text_layer", status: str = "ok") -> pl.DataFrame:
    return tables.frame(
        tables.Documents,
        [
            {
                "page_id": content_id("book", str(number)),
                "document_id": content_id("book"),
                "source": "书.pdf",
                "page": number,
                "text": text,
                "status": status,
                "engine": engine,
            }
            for number, text in enumerate(pages, 1)
        ],
    )


def clean(*pages: str, **options):
    return clean_documents(book(*pages, **options), PAGES)


def texts(*pages: str, **options) -> list[str]:
    return clean(*pages, **options).kept["text"].to_list()


def ledger(*pages: str, **options) -> list[tuple[str, str]]:
    return clean(*pages, **options).removed.select("reason", "text").rows()


def test_running_heads_and_page_numbers_are_taken_off():
    pages = [f"{n} 普通心理学\n{BODY}\n· {n} ·" for n in (11, 12, 13)]
    assert texts(*pages) == [BODY] * 3
    assert ledger(*pages)[:2] == [
        ("running_head", "11 普通心理学"),
        ("page_number", "· 11 ·"),
    ]


def test_a_line_that_stands_on_two_pages_only_is_no_running_head():
    pages = [f"同一句\n{BODY}", f"同一句\n{BODY}", BODY]
    assert [t.startswith("同一句") for t in texts(*pages)] == [True, True, False]


def test_a_line_in_the_middle_of_most_pages_is_a_watermark():
    pages = [
        f"甲{n}在上。\n乙在上。\n某某图书馆藏\n丙在下。\n丁{n}在下。"
        for n in "子丑寅卯"
    ]
    assert ("watermark", "某某图书馆藏") in ledger(*pages)
    assert not [text for text in texts(*pages) if "图书馆" in text]


def test_margin_numbers_are_taken_off_alone_and_beside_a_line():
    pages = [f"{BODY}\n14(1)\n{BODY[:-1]}表15(Ⅰ)\n示。"]
    assert "15" not in texts(*pages)[0]
    assert [text for reason, text in ledger(*pages)] == ["14(1)", "15(Ⅰ)"]


def test_figure_placeholders_are_taken_off():
    page = f"{BODY}\n\n![图](page_1_2_3_4.png)\n\n{BODY}"
    assert texts(page, engine="olmocr") == [f"{BODY}\n\n{BODY}"]


def test_lines_become_paragraphs_and_short_ends_end_them():
    lines = f"{BODY[:20]}\n{BODY[20:]}\n{BODY[:20]}\n{BODY[20:]}"
    assert texts(lines) == [f"{BODY}\n\n{BODY}"]


def test_a_sentence_that_a_page_break_cuts_stands_on_the_page_it_begins_on():
    assert texts(f"{BODY}\n{BODY[:12]}", f"{BODY[12:]}{BODY}") == [BODY * 2, BODY]


def test_a_footnote_below_a_cut_sentence_does_not_take_its_end():
    first = f"{BODY[:12]}\n\n（3）注释。"
    assert texts(first, BODY[12:] + BODY) == [f"{BODY}\n\n（3）注释。", BODY]


def test_a_new_chapter_is_not_joined_to_what_stands_before_it():
    kept = texts(BODY[:12], f"第二章 记忆\n{BODY}")
    assert kept == [BODY[:12], f"# 第二章 记忆\n\n{BODY}"]


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("参考文献", "references"),
        ("思考与练习", "exercises"),
        ("前言", "preface"),
        ("名词索引", "index"),
    ],
)
def test_front_and_back_matter_goes_into_the_ledger_until_the_next_chapter(
    title, reason
):
    pages = [f"{title}\n[1] 林知远. 感知的秩序.", f"第一章 感觉\n{BODY}"]
    cleaned = clean(*pages)
    assert cleaned.kept["text"].to_list() == [f"# 第一章 感觉\n\n{BODY}"]
    assert cleaned.rejected["reason"].to_list() == [reason]
    assert set(cleaned.removed["reason"]) == {reason}


def test_a_table_of_contents_is_told_by_its_dots():
    page = f"第一章 感觉 ………… 1\n第二章 记忆 . . . . . 15\n{BODY}"
    assert texts(page) == [BODY]


def test_the_imprint_is_told_by_its_words():
    page = "版权所有 侵权必究\nISBN 000-0-0000-0000-0\n定价：30.00元"
    assert clean(page, BODY).rejected["reason"].to_list() == ["copyright"]


@pytest.mark.parametrize("status", ["blank", "failed", "rejected"])
def test_a_page_without_text_is_rejected_with_its_status(status):
    (row,) = clean("", status=status).rejected.to_dicts()
    assert row["reason"] == f"page_{status}"


LINES = st.sampled_from(
    [
        BODY,
        BODY[:9],
        "第一章 感觉",
        "参考文献",
        "12",
        "普通心理学",
        "14(1)",
        "",
        "1. 一",
    ]
)


@settings(max_examples=150)
@given(st.lists(st.lists(LINES, max_size=6).map("\n".join), min_size=1, max_size=5))
def test_pages_in_are_pages_kept_and_rejected_and_no_character_is_lost(pages):
    cleaned = clean(*pages)
    assert cleaned.kept.height + cleaned.rejected.height == len(pages)
    assert _characters(pages) == _characters(
        [*cleaned.kept["text"], *cleaned.removed["text"]]
    )


def _characters(parts: list[str]) -> list[str]:
    return sorted("".join(parts).replace("#", "").replace(" ", "").replace("\n", ""))


@pytest.mark.parametrize("example", HEADINGS)
def test_a_heading_is_told_by_its_own_wording(example):
    level, _ = HEADINGS[example]
    told = [n for n, wording in HEADINGS.values() if wording.match(example)]
    assert told == [level]
    assert heading(example) == (level, example)
