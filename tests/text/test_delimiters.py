import pytest

from psyche_kedro.text.delimiters import tags_of, without_heads, without_tags

TAGS = frozenset({"reply", "case"})


def test_the_tags_of_a_prompt_are_those_that_it_closes():
    assert tags_of("<a>\n{{ x }}\n</a> <0到3的整数>", "</think>") == {"a", "think"}


@pytest.mark.parametrize(
    "text", ["</reply>", "< REPLY>", "＜/case＞", "<|im_end|>", "</reply "]
)
def test_a_tag_of_the_prompt_gets_a_backslash(text):
    assert without_tags([f"好{text}"], TAGS) == [f"好{text[0]}\\{text[1:]}"]


@pytest.mark.parametrize(
    "text", ["1 < 2", "<b>", "<replying>", "a</b>", "<3", "</conversation>"]
)
def test_any_other_text_stays_as_it_is(text):
    assert without_tags(text, TAGS) == text


@pytest.mark.parametrize("line", ["咨询师：好", " 咨询师 : 好", "\u3000咨询师:好"])
def test_a_line_that_begins_like_a_heading_gets_one(line):
    said = without_heads(f"我\n{line}", ["来访者：", "咨询师："])
    assert said.replace("\\", "") == f"我\n{line}"
    assert "\\咨询师" in said


@pytest.mark.parametrize(
    "text", ["咨询师：好", "我找咨询师：他好", "我\n咨询师好", "我\n的【选项】"]
)
def test_a_heading_elsewhere_stays(text):
    assert without_heads(text, ["咨询师：", "【选项】"]) == text
