import pytest

from psyche_kedro.text.words import name_of_word, word_list, word_lists

PLACE = "psyche_kedro.pipelines.ingestion"


def test_lists_keep_their_order_and_name_every_word() -> None:
    types = word_lists(PLACE, "names.yml")["types"]
    assert list(types)[:3] == ["true_false", "multiple", "single"]
    assert types["multiple"][:4] == ("多选", "多项", "不定项", "multi")
    assert name_of_word(types)["填空"] == "fill_in"


@pytest.mark.parametrize("section", ["fields", "truths", "roles", "columns"])
def test_no_word_stands_in_two_lists_of_a_section(section: str) -> None:
    lists = word_lists(PLACE, "names.yml")[section]
    words = [word for name in lists for word in lists[name]]
    assert len(words) == len(set(words))


def test_notes_are_no_words() -> None:
    stickers = word_list("psyche_kedro.pipelines.cleaning.text", "stickers.txt")
    assert {"破涕为笑", "666", "OK"} < stickers
    assert not any("#" in word for word in stickers)
