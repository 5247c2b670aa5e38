import unicodedata

import polars as pl

from psyche_kedro.text.bare import bare, bare_texts, nfkc


def test_nfkc_is_that_of_unicode_beside_every_character() -> None:
    points = [*range(0xD800), *range(0xE000, 0x110000)]
    for first in range(0, len(points), 48):
        some = points[first : first + 48]
        text = "".join(f"{mark}{chr(p)}" for mark in "，…" for p in some)
        assert nfkc(text) == unicodedata.normalize("NFKC", text)


def test_a_text_of_signs_for_whole_words_grows_no_longer_than_others() -> None:
    assert nfkc("\ufdfa。" * 50) == unicodedata.normalize("NFKC", "\ufdfa。" * 50)
    for sign in "\ufdfa\ufdfb\u3316":
        assert nfkc(f"{sign}A" * 200) == " A" * 200


def test_texts_are_bare_as_one_by_one_so_all_at_once() -> None:
    # Python and polars know different versions of Unicode: unassigned there, a letter
    # here. Surrogates are no text.
    every = map(chr, range(0x20, 0x30000))
    texts = [c for c in every if unicodedata.category(c) not in {"Cn", "Cs"}]
    assert bare_texts(pl.Series(texts)).to_list() == list(map(bare, texts))


def test_a_missing_text_is_empty() -> None:
    assert bare_texts(pl.Series(["Ａ-1", None])).to_list() == ["a1", ""]
