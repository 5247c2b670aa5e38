import pytest

from psyche_kedro.questions import (
    bare_stem,
    duplicate_key,
    gold_texts,
    key_fault,
    option_lines,
    question_id,
)

QUESTION = {
    "type": "single",
    "case_text": None,
    "stem": "5±2与7±2相比",
    "options": [{"label": "A", "text": "更 大"}, {"label": "B", "text": "更小。"}],
    "gold": ["B"],
    "answer_text": None,
}


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("3．记忆是", "记忆是"),
        ("第3题 记忆是", "记忆是"),
        ("（3）记忆是", "记忆是"),
        ("12、[单选题]记忆是", "记忆是"),
        ("多选：1.记忆是", "记忆是"),
        ("3.5岁的儿童", "3.5岁的儿童"),
        ("2岁的儿童", "2岁的儿童"),
    ],
)
def test_a_stem_is_compared_without_its_number_and_kind(written, bare):
    assert bare_stem(written) == bare


def test_options_are_shown_by_label_and_gold_compared_by_text():
    assert option_lines(QUESTION) == ["A. 更 大", "B. 更小。"]
    assert gold_texts(QUESTION | {"gold": ["A", "B"]}) == ["更大", "更小"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"type": "essay"}, "open_question"),
        ({"gold": []}, "no_gold"),
        ({"gold": ["B", "C"]}, "gold_not_in_options"),
    ],
)
def test_a_key_that_nothing_can_be_checked_against_is_named(changes, fault):
    assert key_fault(QUESTION | changes) == fault


def test_copies_share_a_key_whatever_the_letters_but_no_id():
    turned = QUESTION | {"options": QUESTION["options"][::-1]}
    assert duplicate_key(turned) == duplicate_key(QUESTION)
    assert question_id(turned) != question_id(QUESTION)


def test_an_id_never_changes():
    assert question_id(QUESTION) == "a1b5d99c944d1d3c"
    assert duplicate_key(QUESTION) == "3c8a572861bcf6e7"
