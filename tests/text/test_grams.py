"""Runs of characters and words, as numbers that are equal where the runs are."""

import polars as pl
import pytest

from psyche_kedro.text.grams import character_trigrams, word_grams


def shared(one: str, other: str, length: int) -> bool:
    grams = word_grams(pl.Series([one, other]), length)
    return grams["gram"].is_duplicated().any()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("我常常想起墙", "你也常常想起吗"),
        ("常 常，想\n起", "常常想起"),
        ("she walks to work", "They say SHE walks: to work"),
        ("电话13900", "139００号"),
    ],
)
def test_texts_share_words_in_a_row_whatever_stands_between(one, other):
    assert shared(one, other, 4)


@pytest.mark.parametrize(
    ("one", "other"),
    [("常常想起", "想起常常"), ("常常想", "常常想"), ("she walks to", "she walks to")],
)
def test_other_orders_and_fewer_words_are_no_run(one, other):
    assert not shared(one, other, 4)


def test_no_run_goes_from_one_text_into_the_next():
    texts = pl.Series(["甲乙", "丙丁", "甲乙丙丁", None])
    assert word_grams(texts, 3)["at"].to_list() == [2, 2]
    assert character_trigrams(texts.fill_null(""))["at"].to_list() == [2, 2]


def test_a_run_of_a_text_is_told_once_and_only_those_that_are_asked_for():
    texts = pl.Series(["甲乙甲乙甲乙", "丙丁"] * 1500)
    grams = word_grams(texts, 2)
    assert grams.unique().height == grams.height == 1500 * 3
    wanted = word_grams(pl.Series(["丙丁"]), 2)["gram"]
    found = word_grams(texts, 2, wanted)["at"].sort()
    assert found.to_list() == list(range(1, 3000, 2))


def test_three_characters_are_one_number_exactly():
    texts = pl.Series(["a\U0010ffffb", "甲乙丙"])
    one, other = character_trigrams(texts).sort("at")["gram"]
    assert one == (ord("a") << 42) + (0x10FFFF << 21) + ord("b")
    assert other == (ord("甲") << 42) + (ord("乙") << 21) + ord("丙")
