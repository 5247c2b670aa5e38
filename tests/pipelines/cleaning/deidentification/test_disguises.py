"""Contacts are masked however disguised they are; what only looks like one stays."""

import re
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from pipelines.cleaning.cleaning_parameters import HOTLINES
from psyche_kedro.pipelines.cleaning.conversations import (
    clean_messages,
    masked_messages,
)
from psyche_kedro.pipelines.cleaning.deidentification.contact_gate import (
    seems_to_hold_contact,
)
from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    PLACEHOLDER,
    may_hold_contact,
)
from psyche_kedro.pipelines.cleaning.deidentification.disguises import undisguised
from psyche_kedro.pipelines.cleaning.text.normalise import normalise

LINES = Path(__file__).with_name("disguised_contacts.txt")
DISGUISED, HOTLINE, PLAIN = (
    part.strip().split("\n")[1:] for part in LINES.read_text("utf-8").split("\n## ")[1:]
)
FRESH = {
    part.split("\n", 1)[0]: part.strip().split("\n")[1:]
    for part in LINES.with_name("fresh_contacts.txt")
    .read_text("utf-8")
    .split("\n## ")[1:]
}
READABLE = 4
"""Characters in a row by which a contact can be told."""


def masked(text: str) -> str:
    messages = clean_messages([{"role": "user", "content": text}], HOTLINES)
    return "".join(m["content"] for m in masked_messages(messages, HOTLINES, {}))


def without_marks(line: str) -> str:
    return re.sub(r"\[\[|\]\]", "", line)


def bare(text: str) -> str:
    plain = undisguised(text)
    return re.sub(r"[\W_]", "", plain.text if plain else text).lower()


def is_readable(value: str, text: str) -> bool:
    sought, shown = bare(value), bare(PLACEHOLDER.sub("", text))
    match = SequenceMatcher(None, sought, shown, autojunk=False).find_longest_match()
    return match.size >= READABLE


def is_shown(line: str) -> bool:
    """Return whether a row is kept in which a contact of a labelled line is read."""
    text = masked(without_marks(line))
    if may_hold_contact(text, HOTLINES):
        return False
    return any(is_readable(v, text) for v in re.findall(r"\[\[(.+?)\]\]", line))


def test_the_set_is_as_large_as_promised():
    assert len(DISGUISED) >= 150
    assert len(HOTLINE) >= 20


@pytest.mark.parametrize("line", DISGUISED)
def test_nothing_of_a_disguised_contact_can_be_read(line):
    text = masked(without_marks(line))
    for value in re.findall(r"\[\[(.+?)\]\]", line):
        assert not is_readable(value, text), text


@pytest.mark.parametrize("part", FRESH)
def test_of_fresh_lines_few_are_kept_with_their_contact(part):
    assert len(FRESH[part]) >= 150
    assert sum(map(is_shown, FRESH[part])) <= 0.03 * len(FRESH[part])


@pytest.mark.parametrize("line", HOTLINE + PLAIN)
def test_hotlines_and_what_only_looks_like_a_contact_are_left(line):
    kinds = {"地点", "人名"}
    assert {
        re.sub(r"\W|\d", "", m[0]) for m in PLACEHOLDER.finditer(masked(line))
    } <= kinds


@pytest.mark.parametrize("line", PLAIN + HOTLINE)
def test_the_gate_suspects_no_innocent_line(line):
    assert not seems_to_hold_contact(normalise(line), HOTLINES)


def test_the_gate_suspects_by_itself_most_of_what_the_patterns_know():
    suspected = [
        line
        for line in DISGUISED
        if seems_to_hold_contact(normalise(without_marks(line)), HOTLINES)
    ]
    assert len(suspected) >= 0.8 * len(DISGUISED)


@pytest.mark.parametrize(
    "text",
    [
        "我的微信就是名字拼音zhangsan1990",
        "联系方式在主页，账号lisi_2020那个",
        "lisi.2020@qq",
        "我的手机前三位是139，中间1234，最后5678",
        "139空格1234空格5678",
        "一叁玖 one two three four 五六七八",
        "衣伞酒衣耳伞寺舞柳棋疤",
        "13B O12 3458 9",
        "加好友：linlin0315",
        "微信号是我名字拼音zhaoxiaomei",
        "发我邮箱panda88，后缀163",
        "小红书同名鲸落不落",
        "身份证后六位062345",
        "t点me/xiaolu",
        "火星号：晚风与你0412",
        "黄色鸟night.breeze",
        "搜晚风与你0412",
        "加群736481",
        "736481是我扣",
        "vx是缩写wfy加0412",
        "身份证后四位4417",
        "手气131，还有2203，再加9941",
        "gzh晚风电台",
        "weibo：night_breeze",
        "社保卡E28471936",
        "：晚风与你",
        "飞船号：nightbreeze",
        "贴吧晚风0412",
        "王者ID晚风88",
        "我的公众号是“晚风电台”",
    ],
)
def test_the_gate_sees_what_no_pattern_was_made_for(text):
    assert seems_to_hold_contact(text, HOTLINES)


def test_a_masked_name_is_part_of_the_account_around_it():
    assert may_hold_contact("喜马拉雅搜[人名1]晚安电台", HOTLINES)
    assert not may_hold_contact("[人名1]推荐我听喜马拉雅", HOTLINES)


def test_a_disguise_undone_knows_where_it_stood():
    plain = undisguised("加V❤️：①❸叁")
    assert plain.text == "加V:133"
    assert plain.places == [0, 1, 4, 5, 6, 7, 8]


def test_a_text_without_digits_and_letters_is_not_looked_at():
    assert undisguised("我最近总是失眠，怎么办？") is None


def test_a_landline_without_words_of_help_is_a_persons():
    assert masked("打热线吧。我家座机0571-85029595。") == "打热线吧。我家座机[电话]。"
