"""One normal form: punctuation by context, protected spans untouched, idempotent."""

import re
import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth import takes_in_proportion
from psyche_kedro.pipelines.cleaning.conversations import clean_text
from psyche_kedro.pipelines.cleaning.stems import clean_stem
from psyche_kedro.pipelines.cleaning.text.characters import RADICALS
from psyche_kedro.pipelines.cleaning.text.normalise import (
    PLAIN,
    normalise,
    normalise_by_rules,
)
from psyche_kedro.pipelines.cleaning.text.punctuation import (
    PROTECTED,
    RULES,
    in_context,
)

RUNS = ["?", "!", "!?", ": ", ", ;", "。?", "…!"]
CASES = {
    "我很难过,不知道怎么办.": "我很难过，不知道怎么办。",
    '他说:"我不想活了!"': "他说：“我不想活了！”",
    "This is English, e.g. a test (p < .05). OK?": (
        "This is English, e.g. a test (p < .05). OK?"
    ),
    "参见 https://www.example.com/qa/1?x=1,2 了解详情.": (
        "参见 https://www.example.com/qa/1?x=1,2 了解详情。"
    ),
    "发邮件到 a.b@163.com,谢谢": "发邮件到 a.b@163.com，谢谢",
    "ＰＨＱ得分１８分": "PHQ得分18分",
    "为什么？？？！！！": "为什么？！",
    "真的！？不会吧？！": "真的！？不会吧？！",
    "好累啊。。。。": "好累啊……",
    "好累啊...": "好累啊……",
    "……好累": "……好累",
    "…好累": "…好累",
    "时间是12：30到14:45": "时间是12:30到14:45",
    "共1，000人": "共1,000人",
    "π约为3．14": "π约为3.14",
    "米勒(G. A. Miller, 1956)提出了组块": "米勒（G. A. Miller, 1956）提出了组块",
    "认知行为疗法(CBT)是一种(常用的)方法": "认知行为疗法（CBT）是一种（常用的）方法",
    "《梦的解析》（1900年)出版": "《梦的解析》（1900年）出版",
    "I don't know, 我也不知道": "I don't know，我也不知道",
    "公式 \\(x=1,2\\),其中x是": "公式 \\(x=1,2\\)，其中x是",
    "<table><tr><td>a,b</td></tr></table>": "<table><tr><td>a,b</td></tr></table>",
    "A.正确 B.错误": "A.正确 B.错误",
    "答案:A,B,D": "答案：A,B,D",
    "心 理 学 是 研 究": "心理学是研究",
    "第一章 记忆": "第一章 记忆",
    "我用 Python 3.11 写的": "我用 Python 3.11 写的",
    "信度为.85,效度为.70": "信度为.85，效度为.70",
    "焦虑--一种情绪": "焦虑——一种情绪",
    "see Fig. 3, Table 2.": "see Fig. 3, Table 2.",
    "零\u200b宽\ufeff字符": "零宽字符",
    "求助者， 女性， 25 岁": "求助者，女性，25 岁",
    "⼼理⻅⻓": "心理见长",
    "憂鬱症,軟體,網路": "抑郁症，软件，网络",
    "乾隆与《名著》": "乾隆与《名著》",
    "æŠ‘éƒ\x81": "抑郁",
    "①½㎡℃": "①½㎡℃",
    "中数&gt;平均数": "中数>平均数",
    "中数&gt；平均数，P &lt; 0.05": "中数>平均数，P < 0.05",
    "罗杰&#8226；斯佩里": "罗杰•斯佩里",
    "沃和诺曼(Waugh&amp;amp;Norman)": "沃和诺曼（Waugh&Norman）",
    "&amp;&amp": "&&",
    "R&D；A&B": "R&D；A&B",
    "http://a.cn/?a=1&lt=2": "http://a.cn/?a=1&lt=2",
}
CHINESE = (
    "心理学，。！？,.!?:;()（）[]\"'“”‘’ 　\n\t…—-~·１２ＡＢaZ09<>$`&#"
    "\\⼼⻅憂鬱後軟體的了在"
)
PIECES = (*CHINESE, "&amp", "&gt", "&lt；", "&#38;", "amp;", "lt")
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(
    max_size=40
)


@pytest.mark.parametrize("text", CASES)
def test_punctuation_goes_by_its_context(text):
    assert normalise(text) == CASES[text]


@settings(max_examples=600)
@given(TEXTS)
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize("held", ["!", "?", "?!", ",", ":", " ;"])
def test_a_key_held_down_is_normal_in_one_go(held):
    text = normalise(f"好累啊{held * 100}")
    assert len(text) < 6
    assert normalise(text) == text


MARKED = st.text(st.sampled_from("心理，。,.!?:; ”）3a\n"), max_size=30)
BRACKETED = st.text(
    st.sampled_from("我a1 .(（)）,，.。…—-！!?？\"'“”/<[\n"), max_size=20
)


@settings(max_examples=1500)
@given(MARKED | BRACKETED | TEXTS)
def test_the_short_ways_agree_with_the_rules(text):
    assert normalise(text) == normalise_by_rules(text)


def test_every_text_of_four_characters_is_what_the_rules_make_of_it():
    """One of each kind: Han, Latin, digit, space, and marks that have a context."""
    for characters in product("我a1 .,!:，：…”(—\n", repeat=4):
        text = "".join(characters)
        normal = normalise(text)
        assert normal == normalise_by_rules(text), text
        assert normal == normalise(normal), text


@settings(max_examples=1500)
@given(MARKED | BRACKETED | TEXTS)
def test_a_rule_matches_only_where_one_of_its_marks_stands_in_its_context(text):
    marks = set(in_context().findall(text))
    for rule in RULES:
        if not marks & rule.contexts.keys():
            changed = rule.pattern.sub(rule.replacement, text)
            assert changed == text, rule.pattern.pattern


def test_every_plain_character_is_left_to_its_context():
    plain = re.compile(f"[{PLAIN}]")
    characters = [c for c in map(chr, range(0x1FB00)) if plain.match(c)]
    assert len(characters) > 1500
    for text in (f"我{c}我" for c in characters):
        assert normalise(text) == normalise_by_rules(text)


@pytest.mark.parametrize("line", ["---", "...", "……", "——他说"])
def test_a_dash_or_an_ellipsis_stays_in_its_line(line):
    text = f"第一段\n{line}\n第二段（1）"
    assert normalise(text) == normalise_by_rules(text) == text


@pytest.mark.parametrize("run", ['"', "'", "(", "（", " " * 30_000])
def test_the_time_grows_with_the_length_of_a_line_only(run):
    """A bracket that nothing closes and a wide gap took its square: 5 to 8 s here."""
    text = f"我{run}{'我很好' * 13_000}"
    start = time.process_time()
    normalise(text)
    assert time.process_time() - start < 2


@settings(max_examples=400)
@given(TEXTS)
def test_cleaning_a_post_twice_changes_nothing(text):
    assert clean_text(clean_text(text)) == clean_text(text)


SPANS = (
    "https://example.com/a?b=1,2;c",
    "www.example.org/x_(y)",
    "someone.else@example.com",
    "\\(x_1,x_2\\)",
    "$E=mc^2,p<.05$",
    "`if a,b: c`",
    "<td a='1,2'>",
    "![图1,2](p_1,2.png)",
)


@settings(max_examples=400)
@given(
    st.text(st.sampled_from("心理，。,.!?:;() 的了"), max_size=12),
    st.sampled_from(SPANS),
    st.text(st.sampled_from("心理，。,!? 的了"), max_size=12),
)
def test_no_character_of_a_protected_span_changes(before, span, after):
    assert span in normalise(f"{before} {span} {after}")


def test_a_url_ends_where_the_sentence_goes_on():
    text = "看https://example.com/a/b这个回答写得很好，谢谢你"
    assert PROTECTED.search(text)[0] == "https://example.com/a/b"


def test_every_radical_of_both_blocks_has_its_ideograph():
    points = [*range(0x2E80, 0x2E9A), *range(0x2E9B, 0x2EF4), *range(0x2F00, 0x2FD6)]
    assert sorted(RADICALS) == points
    assert not re.search("[\u2e80-\u2fdf]", "".join(RADICALS.values()))


def test_the_nineteen_radicals_that_nfkc_misses_are_mapped():
    radicals = "⻅⻓⻆⻋⻘⻔⻝⻬⻢⻜⻩⻙⻮⻉⺠⻦⻛⻤⻨"
    assert normalise(radicals) == "见长角车青门食齐马飞黄韦齿贝民鸟风鬼麦"


@pytest.mark.parametrize("clean", [clean_text, clean_stem])
@pytest.mark.parametrize("run", RUNS)
def test_a_long_run_of_marks_takes_time_in_proportion(clean, run):
    clean("我" + run * 50 + "x")  # what is compiled once is no part of it
    assert takes_in_proportion(lambda n: clean("我" + run * n + "x"), 8_000)


@pytest.mark.parametrize("run", ["?", "!", ":", "?!"])
def test_a_long_run_of_marks_is_what_a_short_one_is(run):
    assert normalise(f"我{run * 100}") == normalise(f"我{run * 10}")
