"""Layouts of banks as people type them: every question is right, or refused."""

import json

import pytest

from pipelines.ingestion.bank_files import file
from psyche_kedro.pipelines.ingestion.nodes import read_question_banks

ABC = ["一", "二", "三"]
OPTIONS = "A. 一\nB. 二\nC. 三\n"


def read(text: str, name: str = "a.txt"):
    return read_question_banks([file(name, text.encode())])


def sound(text: str, name: str = "a.txt") -> list[tuple[str, list[str], str]]:
    """Stem, options and gold of every question that nothing is wrong with."""
    return [
        (
            q["stem"].strip("（ ）。"),
            [option["text"] for option in q["options"]],
            "".join(q["gold"]),
        )
        for q in read(text, name).rows.to_dicts()
        if not q["parse_errors"]
    ]


def errors(text: str, name: str = "a.txt") -> list[list[str]]:
    return read(text, name).rows["parse_errors"].to_list()


# ---- numbers ----------------------------------------------------------------------

TITLES = {
    "chapter": ("第一章 感觉", "第二章 记忆"),
    "year": ("2016年11月心理咨询师三级真题", "2017年5月心理咨询师三级真题"),
    "paper": ("模拟试卷一", "模拟试卷二"),
    "unknown": ("感知觉练习", "记忆练习"),
    "none": ("", ""),
}


@pytest.mark.parametrize("titles", TITLES.values(), ids=list(TITLES))
def test_numbers_may_restart(titles):
    first, second = (f"{t}\n1. 甲{t}（ ）\n{OPTIONS}答案：B\n" for t in titles)
    stems = [stem for stem, _, _ in sound(first + second)]
    assert stems == [f"甲{title}" for title in titles]


@pytest.mark.parametrize("titles", [TITLES["chapter"], TITLES["unknown"]])
def test_a_key_is_read_by_its_own_headings(titles):
    one, two = titles
    paper = f"{one}\n1. 甲（ ）\n{OPTIONS}{two}\n1. 乙（ ）\n{OPTIONS}"
    key = f"参考答案\n{two}\n1.C\n{one}\n1.B\n"
    assert [gold for _, _, gold in sound(paper + key)] == ["B", "C"]


def test_a_key_that_does_not_fit_answers_nothing():
    paper = f"第一章 甲\n1. 甲（ ）\n{OPTIONS}第二章 乙\n1. 乙（ ）\n{OPTIONS}"
    assert all("key_unclear" in e for e in errors(f"{paper}参考答案\n1.A\n"))


STEPS = {
    "arabic": "1. 先学会放松。\n2. 再建立等级。\n3. 最后脱敏。\n",
    "brackets": "（1）概念不清。\n（2）理论有误。\n",
    "longer than the paper": "1、放松\n2、等级\n3、脱敏\n4、随访\n5、结束\n",
    "decimals": "2.5个标准差以外也有人用。\n1.96是临界值。\n",
    "a ratio": "3:1的比例。\n",
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=list(STEPS))
def test_steps_of_an_explanation_are_no_questions(steps):
    first = f"1. 甲（ ）\n{OPTIONS}答案：A\n解析：如下。\n{steps}"
    text = f"{first}2．乙（ ）\n{OPTIONS}答案：C\n"
    assert [(stem, gold) for stem, _, gold in sound(text)] == [("甲", "A"), ("乙", "C")]
    explanation = read(text).rows["explanation"][0]
    assert steps.strip() in explanation


def test_a_list_in_a_stem_belongs_to_it():
    text = (
        f"1. 正确的是\n1. 甲\n2. 乙\n3. 丙\n{OPTIONS}答案：A\n2. 丁\n{OPTIONS}答案：B\n"
    )
    assert [stem for stem, _, _ in sound(text)] == [
        "正确的是\n1. 甲\n2. 乙\n3. 丙",
        "丁",
    ]


def test_what_no_question_takes_is_listed():
    first = f"1. 甲（ ）\n{OPTIONS}答案：A\n解析：见书。\n9、此外不算。\n"
    text = f"{first}2. 乙\n{OPTIONS}答案：B\n"
    (row,) = read(text).unreadable.to_dicts()
    assert row["reason"] == "unclear_text"
    assert row["detail"] == "1 numbered lines were taken for no question: line 7."


@pytest.mark.parametrize(
    "number",
    [
        "1．",
        "1.",
        "1、",
        "(1)",
        "（1）",
        "第1题",
        "【1】",
        "1 ",
        "单选：1．",
        "[单选题] 1.",
    ],
)
def test_a_number_is_written_in_many_ways(number):
    text = f"{number}甲（ ）\n{OPTIONS}答案：B\n"
    assert sound(text) == [("甲", ABC, "B")]


def test_a_number_may_stand_alone_or_be_chinese():
    assert sound(f"1\n甲（ ）\n{OPTIONS}答案：B\n") == [("甲", ABC, "B")]
    assert sound(f"一、甲（ ）\n{OPTIONS}答案：B\n") == [("甲", ABC, "B")]


def test_questions_without_numbers_are_aiken_s():
    text = f"甲？\n{OPTIONS}ANSWER: B\n\n乙？\n{OPTIONS}ANSWER: C\n"
    assert [(stem, gold) for stem, _, gold in sound(text)] == [
        ("甲？", "B"),
        ("乙？", "C"),
    ]


# ---- options ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        "A.一B.二C.三",
        "(A)一(B)二(C)三",
        "A. 一  C. 三\nB. 二",
        "A一\nB二\nC三",
        "A 一\nB 二\nC 三",
        "a. 一\nb. 二\nc. 三",
        "【A】一\n【B】二\n【C】三",
    ],
)
def test_options_are_laid_out_in_many_ways(options):
    assert sound(f"1. 甲（ ）\n{options}\n答案：B\n") == [("甲", ABC, "B")]


def test_options_may_stand_right_behind_the_stem():
    assert sound("1.甲( )。A.一B.二C.三\n答案：B\n")[0][1:] == (ABC, "B")


def test_a_whole_paper_may_stand_on_one_line():
    text = "1.甲( )。A.一B.二C.三 答案:B 解析:见书。 2.乙( )A.一B.二C.三 答案:C"
    assert [(options, gold) for _, options, gold in sound(text)] == [
        (ABC, "B"),
        (ABC, "C"),
    ]


@pytest.mark.parametrize(
    "options",
    ["A. 一 B. 二\nA. 三 B. 四", "A. 一 B. 二 A. 三 B. 四", "A.一B.二A.三B.四"],
)
def test_letters_that_come_twice_are_refused(options):
    assert "option_letters_repeated" in errors(f"1. 甲\n{options}\n答案：B\n")[0]


def test_letters_that_come_twice_in_a_list_are_refused():
    record = {"题干": "甲", "选项": ["A.一", "B.二", "A.三", "B.四"], "答案": "B"}
    assert "option_letters_repeated" in errors(json.dumps([record]), "a.json")[0]


def test_two_lists_of_options_that_differ_are_refused():
    record = {"question": "甲", "options": ["一", "二"], "choices": ["三", "四"]}
    (found,) = errors(json.dumps([record | {"answer": "A"}]), "a.json")
    assert "option_letters_repeated" in found


@pytest.mark.parametrize(
    "line",
    ["第二章 人格", "第 3 页 共 20 页", "- 3 -", "www.example.com", "更多资料请扫码"],
)
def test_a_heading_or_a_foot_is_no_part_of_an_option(line):
    text = f"1. 甲\n{OPTIONS}{line}\n2. 乙\n{OPTIONS}参考答案\n1.A 2.B\n"
    assert [options for _, options, _ in sound(text)] == [ABC, ABC]


def test_a_line_that_may_belong_to_an_option_or_not_is_refused():
    text = f"1. 甲\n{OPTIONS}人格心理学部分\n2. 乙\n{OPTIONS}参考答案\n1.A 2.B\n"
    assert errors(text) == [["unclear_line"], []]


def test_an_option_goes_on_where_its_line_was_full():
    long = "长" * 40
    text = f"1. 甲{long}\nA. {long}\n续\nB. 二\n答案：A\n"
    assert sound(text)[0][1] == [f"{long}续", "二"]


def test_shared_options_are_those_of_their_span():
    text = (
        "B1型题\n（1～2题共用备选答案）\nA．投射\nB．升华\n1．甲\n2．乙\n"
        "（3～4题共用备选答案）\nA．华生\nB．班杜拉\n3．丙\n4．丁\n参考答案\n1-4 ABAB\n"
    )
    assert [options for _, options, _ in sound(text)] == [
        ["投射", "升华"],
        ["投射", "升华"],
        ["华生", "班杜拉"],
        ["华生", "班杜拉"],
    ]


def test_a_stem_between_two_groups_of_options_is_refused():
    first, second = "A．投射\nB．升华\n1．甲\n2．乙\n", "A．华生\nB．班杜拉\n3．丙\n"
    text = f"B1型题\n{first}{second}答案：1-3 ABA\n"
    assert errors(text) == [[], ["option_letters_repeated"], []]


def test_letters_beyond_those_that_can_be_answered_are_refused():
    options = "\n".join(f"{letter}. 选{letter}" for letter in "ABCDEFGHIJ")
    assert errors(f"1. 甲\n{options}\n答案：J\n") == [["too_many_options"]]


# ---- answers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "golds"),
    [
        ("1. B 2. A 3. A B C", ["B", "A", "ABC"]),
        ("1、A、C  2、B  3、C", ["AC", "B", "C"]),
        ("1-3 AB、C、ABC", ["AB", "C", "ABC"]),
        (
            "1.【答案】B【解析】见书。\n2.【答案】A\n3.【答案】AB【解析】见书。",
            ["B", "A", "AB"],
        ),
        ("题号 1 2 3\n答案 B A AC", ["B", "A", "AC"]),
    ],
)
def test_a_key_is_written_in_many_ways(key, golds):
    paper = "".join(
        f"{n}. {stem}（ ）\n{OPTIONS}" for n, stem in enumerate("甲乙丙", 1)
    )
    assert [gold for _, _, gold in sound(f"{paper}参考答案\n{key}\n")] == golds


def test_the_explanations_of_a_key_are_its_questions():
    key = "1.【答案】B【解析】子。\n2.【答案】A【解析】丑。"
    text = f"1. 甲\n{OPTIONS}2. 乙\n{OPTIONS}参考答案\n{key}"
    assert read(text).rows["explanation"].to_list() == ["子。", "丑。"]


@pytest.mark.parametrize(
    "blank",
    ["（A、B）", "（A,B）", "（ A B ）", "[AB]", "【AB】", "__AB__", "（答案：AB）"],
)
def test_an_answer_in_the_stem_is_the_gold_and_leaves_it(blank):
    text = f"1. 属于甲的有{blank}\n{OPTIONS}"
    assert sound(text) == [("属于甲的有", ABC, "AB")]
    assert sound(f"{text}答案：AB\n") == [("属于甲的有", ABC, "AB")]


def test_an_answer_in_a_stem_that_differs_is_no_gold():
    assert "answers_differ" in errors(f"1. 甲（A、B）\n{OPTIONS}答案：C\n")[0]


def test_a_letter_in_brackets_may_be_what_is_asked_about():
    text = f"1. 维生素（C）缺乏会导致（ ）\n{OPTIONS}答案：A\n"
    assert sound(text) == [("维生素（C）缺乏会导致", ABC, "A")]


@pytest.mark.parametrize(
    "after",
    ["知识点：记忆", "难度：易\n来源：真题", "得分：1分", "米勒提出。", "我的答案：C"],
)
def test_a_line_after_the_answer_is_no_part_of_it(after):
    text = f"1. 甲\n{OPTIONS}答案：B\n{after}\n2. 乙\n{OPTIONS}答案：A（一）\n"
    assert [gold for _, _, gold in sound(text)] == ["B", "A"]


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("A-C", "ABC"),
        ("全选", "ABC"),
        ("②", "B"),
        ("乙", "B"),
        ("2", "B"),
        ("B:二;", "B"),
        ("AB:一;二", "AB"),
        ("A:一;B:二;", "AB"),
    ],
)
def test_an_answer_may_be_a_place_or_a_range(answer, gold):
    assert sound(f"1. 甲\n{OPTIONS}答案：{answer}\n") == [("甲", ABC, gold)]


@pytest.mark.parametrize("answer", ["A:一;B:三;", "AB:一;三"])
def test_letters_beside_texts_of_others_are_no_answer(answer):
    assert errors(f"1. 甲\n{OPTIONS}答案：{answer}\n") == [["no_gold"]]


@pytest.mark.parametrize(
    "options",
    [
        "A. 一\nB. 二（正确答案）\nC. 三",
        "A. 一\n*B. 二\nC. 三",
        "A. 一\nB. 二 √\nC. 三",
        "A. 一（×）\nB. 二（√）\nC. 三（×）",
    ],
)
def test_the_right_option_may_be_marked(options):
    assert sound(f"1. 甲\n{options}\n") == [("甲", ABC, "B")]
    assert "answers_differ" in errors(f"1. 甲\n{options}\n答案：C\n")[0]


def test_the_right_option_may_be_bold():
    assert sound("1. 甲\n- A. 一\n- **B. 二**\n- C. 三\n", "a.md") == [("甲", ABC, "B")]
    right = '<p><span style="color:red">B. 二</span></p>'
    red = f"<p>1. 甲</p><p>A. 一</p>{right}<p>C. 三</p>"
    assert sound(red, "a.html") == [("甲", ABC, "B")]


def test_options_of_figures_are_no_verdicts():
    assert sound("1. 范围\nA. 0\nB. 1\n答案：B\n") == [("范围", ["0", "1"], "B")]


def test_a_title_that_says_to_judge_may_be_of_choices():
    text = f"一、单选题（判断并选出最佳选项）\n1. 甲\n{OPTIONS}答案：B\n"
    assert read(text).rows["type"].to_list() == ["single"]


def test_traditional_headings_are_known():
    text = (
        "一、單選題\n1．甲\nA．一\nB．二\n【正確答案】A\n【答案解析】見書。\n"
        "二、是非題\n2．乙。\n參考答案：○\n"
    )
    rows = read(text).rows
    assert rows.select("type", "gold", "explanation").rows() == [
        ("single", ["A"], "見書。"),
        ("true_false", ["A"], None),
    ]


# ---- records ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        {"question": "甲\nA. 一\nB. 二\nC. 三", "answer": "B"},
        {"question": "甲", "options": "A一\nB二\nC三", "answer": "二"},
        {
            "question": "甲",
            "options": [{"text": t, "is_correct": t == "二"} for t in ABC],
        },
        {"question": "<p>甲</p>", "options": ["一", "<b>二</b>", "三"], "answer": "B"},
    ],
)
def test_records_have_their_options_in_many_ways(record):
    assert sound(json.dumps([record]), "a.json") == [("甲", ABC, "B")]


@pytest.mark.parametrize(("places", "golds"), [([0, 2], "AC"), ([1, 3], "AC")])
def test_answers_by_place_count_as_their_file_does(places, golds):
    records = [{"question": f"甲{n}", "options": ABC, "answer": n} for n in places]
    assert [gold for _, _, gold in sound(json.dumps(records), "a.json")] == [*golds]


def test_answers_by_place_without_a_base_are_no_golds():
    record = {"question": "甲", "options": ABC, "answer": 1}
    assert errors(json.dumps([record]), "a.json") == [["no_gold"]]


def test_what_a_group_shares_is_its_case():
    group = {"content": "患者，男。", "children": [{"question": "甲", "answer": "乙"}]}
    assert read(json.dumps([group]), "a.json").rows["case_text"].to_list() == [
        "患者，男。"
    ]


def test_a_question_with_a_picture_is_refused():
    record = {"question": "如图<img src='a.png'>", "options": ABC, "answer": "A"}
    assert errors(json.dumps([record]), "a.json") == [["needs_picture"]]


def test_entities_and_powers_are_what_they_show():
    text = '题目,A,B,答案,解析\n<p>x<sup>2</sup>&nbsp;≥?</p>,&lt;1,p<.05,A,"见<a href=""http://a.b"">书</a>"\n'
    (row,) = read(text, "a.csv").rows.to_dicts()
    assert (row["stem"], row["explanation"]) == ("x² ≥?", "见书")
    assert [option["text"] for option in row["options"]] == ["<1", "p<.05"]


# ---- exchange ----------------------------------------------------------------------

GIFT = """// a note
::T::甲{~一 =二#好 ~三}

乙{~%50%一 ~%50%二 ~%-100%三}

丙{T}

丁是{=米勒 =Miller}。

戊{=a -> b =c -> d}
"""


def test_gift_is_read():
    rows = read(GIFT).rows
    assert rows.select("type", "gold").rows() == [
        ("single", ["B"]),
        ("multiple", ["A", "B"]),
        ("true_false", ["A"]),
        ("fill_in", []),
        ("short_answer", []),
    ]
    assert rows["answer_text"][3] == "米勒 / Miller"
    assert rows["parse_errors"][4].to_list() == ["unknown_question_kind", "no_answer"]


def test_moodle_xml_is_read():
    answers = "".join(
        f'<answer fraction="{100 * (t == "二")}">'
        f"<text><![CDATA[<p>{t}</p>]]></text></answer>"
        for t in ABC
    )
    xml = (
        '<quiz><question type="category"/><question type="multichoice"><questiontext>'
        f"<text>甲</text></questiontext>{answers}</question></quiz>"
    )
    assert sound(xml, "a.xml") == [("甲", ABC, "B")]
    assert read("<html/>", "a.xml").unreadable["reason"].to_list() == ["unknown_type"]


def test_what_a_learning_platform_exports_is_read():
    text = (
        "1. (单选题) 甲\nA. 一\nB. 二\nC. 三\n我的答案: A:一;\n正确答案: B:二;\n0分\n"
        "答案解析：\n米勒提出。\n2. (多选题) 乙\nA. 一\nB. 二\nC. 三\n"
        "我的答案: AB:一;二;正确答案: AB:一;二;\n"
    )
    assert [gold for _, _, gold in sound(text)] == ["B", "AB"]


# ---- what cannot be told is refused -------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f"1. 属于甲的是　A、B　。\n{OPTIONS}答案：AB\n", "answer_left_in_stem"),
        (f"1. 甲是（A.一）\n{OPTIONS}答案：A\n", "answer_left_in_stem"),
        (f"1. 甲有A C\n{OPTIONS}答案：AC\n", "answer_left_in_stem"),
        (f"1. 甲是（一）\n{OPTIONS}答案：A\n", "answer_left_in_stem"),
        (f"1. 甲是_一_。\n{OPTIONS}答案：A\n", "answer_left_in_stem"),
        (f"1. 甲\n{OPTIONS}【答案】B；A B C；A D\n", "no_gold"),
        (f"1. 由（A）引起，表现为（C）\n{OPTIONS}答案：AC\n", "answer_left_in_stem"),
        ("1. 甲\nA. 一  B. 二  C. 三  考点二 气质\n答案：A\n", "unclear_option"),
        ("1. 甲\nA. 一\nB. 二\nC. 小脑【多选题】\n答案：A\n", "unclear_option"),
        ("1. 甲\nA．前额叶A．海马\nB．杏仁核\n答案：A\n", "unclear_option"),
        (
            "1. 甲\nA. A.一些\nB. B.二些\nC. A.三些\nD. B.四些\n答案：A\n",
            "unclear_option",
        ),
        (f"1. 下列~~正确~~错误的是\n{OPTIONS}答案：A\n", "struck_text"),
        ("1. 甲（ ）\nⒶ一 Ⓑ二\n答案：Ⓑ\n", "options_missing"),
        (f"1. 甲是（ ）。 第二章 学习\n{OPTIONS}答案：A\n", "unclear_stem"),
        (f"1. 甲是（ ）。\n收藏 纠错\n{OPTIONS}答案：A\n", "unclear_stem"),
        (f"1. 甲包括\n【知识拓展】\n{OPTIONS}答案：A\n", "unclear_stem"),
        (f"1. 甲（ ）第 2 页\n{OPTIONS}答案：A\n", "unclear_stem"),
        (f"3乙是\n{OPTIONS}答案：B\n", "unclear_stem"),
        ("1. 甲\nA. 一\nB. 二节 本题2分\nC. 三\n答案：A\n", "unclear_option"),
        ("1. 甲\nA. 一\nB. 二 P56\nC. 三\n答案：A\n", "unclear_option"),
        ("1. 甲\nA. 一\nB. 二 人格\nC. 三\n答案：A\n", "unclear_option"),
        ("1. 甲\nA. 一   一\nB. 二\n答案：A\n", "unclear_option"),
        ("1. 甲\nA. 海马 8. 脑桥\nB. 二\n答案：A\n", "unclear_option"),
        ("1. 甲\nA. 一\nB. 二\n第二章 人\nC. 三\n答案：A\n", "unclear_option"),
        ("1. 甲\nA. 一\nB. 二\n考点：人\nC. 三\n答案：A\n", "unclear_option"),
        (f"1. 甲\n{OPTIONS}答案：A\nBC\n", "answers_differ"),
        (
            f"1. 甲\n{OPTIONS}答案：A\n解析：略\n9. 乙（ ）\n2. 丙\n{OPTIONS}答案：A",
            "holds_another_question",
        ),
        (f"1. 甲</p>是<xy a='1'>\n{OPTIONS}答案：A\n", "markup_left"),
        (f"1. 甲型（A）的特点是（ ）\n{OPTIONS}答案：A\n", "answer_left_in_stem"),
        ("1. 测的是气质（ ）\nA. 气质\nB. 性格\n答案：A\n", "answer_left_in_stem"),
        ("1. 测的是（ ）气质\nA. 气质\nB. 性格\n答案：A\n", "answer_left_in_stem"),
        (f"1. 甲（ ） 收藏 分享\n{OPTIONS}答案：A\n", "unclear_stem"),
        ("1. 甲\nA. 一\nB. 二 2024-03-08 09:15\n答案：A\n", "unclear_option"),
        ("1. 甲\nA. 一\nB. 二\n2. 乙\nC. 三\nD. 四\n答案：1.A", "unclear_option"),
        ("第一章 绪论1．甲（ ）\nA. 一\nB. 二\n答案：A\n", "unclear_stem"),
        (f"1. （B）下列\n{OPTIONS}答案：A\n", "unclear_stem"),
        (f"1. 甲是( b )\n{OPTIONS}答案：B\n", "answer_left_in_stem"),
        ("1. 甲有（丙，丁）\nA. 丙\nB. 丁\nC. 戊\n答案：AB\n", "answer_left_in_stem"),
        ("1. 甲\nA. 一\nB. 二（选A）\n答案：A\n", "unclear_option"),
        (f"1. 甲\n右侧：\n{OPTIONS}答案：A\n", "unclear_stem"),
        (f"1. 上图表示的是\n{OPTIONS}答案：A\n", "needs_picture"),
        ("1. 甲是（气质A）的\nA. 气质\nB. 性格\n答案：A\n", "answer_left_in_stem"),
        ("1. 测的是气质。（ ）\nA. 气质\nB. 性格\n答案：A\n", "answer_left_in_stem"),
        ("1. 测的是A.气质\nA. 气质\nB. 性格\n答案：A\n", "answer_left_in_stem"),
    ],
)
def test_what_may_be_wrong_is_refused(text, error):
    assert error in errors(text)[0]


@pytest.mark.parametrize(
    "tail",
    [
        "多项选择题",
        "（2分）",
        "（2019年真题）",
        "★★",
        "-12-",
        "·12·",
        "下一题",
        "（完）",
    ],
)
def test_what_a_page_glued_to_an_option_or_a_stem_is_refused(tail):
    assert errors(f"1. 甲（ ）\nA. 一\nB. 二{tail}\n答案：A\n") == [["unclear_option"]]
    assert errors(f"1. 甲（ ）{tail}\n{OPTIONS}答案：A\n") == [["unclear_stem"]]


@pytest.mark.parametrize("option", ["第二阶段", "①③", "反应的正确率", "维生素B"])
def test_what_only_looks_glued_is_kept(option):
    record = {"题目": "甲", "选项": ["一", option], "答案": "A"}
    assert sound(json.dumps([record]), "a.json") == [("甲", ["一", option], "A")]


def test_a_schema_is_no_picture():
    assert errors(f"1. 在此基础上图式的改变是\n{OPTIONS}答案：A\n") == [[]]


def test_a_number_that_comes_twice_in_a_row_begins_no_sure_question():
    text = f"3. 被试完成\n3. 道题，比例是\n{OPTIONS}答案：A\n"
    assert errors(text) == [["no_answer"], ["unclear_stem"]]


def test_a_letter_beside_an_open_blank_may_be_a_name():
    ((stem, _, gold),) = sound(f"1. 甲型（B）的特点是（ ）\n{OPTIONS}答案：A\n")
    assert (stem, gold) == ("甲型（B）的特点是", "A")


def test_questions_and_shared_options_that_none_took_are_listed():
    text = f"第一章 绪论1. 甲（ ）\n{OPTIONS}2. 乙（ ）\n{OPTIONS}答案：A\n"
    details = read(text).unreadable["detail"].to_list()
    assert details == [
        "1 answers belong to no question: line 9.",
        "1 lines that ask stand in no question: line 1.",
    ]


def test_letters_of_a_span_that_may_be_read_in_two_ways_answer_nothing():
    text = f"1. 甲\n{OPTIONS}2. 乙\n{OPTIONS}3. 丙\n{OPTIONS}答案：1-3 A BC\n"
    assert not sound(text)


def test_a_key_whose_entry_goes_on_in_the_next_line_is_unsure_of_it():
    text = f"1. 甲\n{OPTIONS}2. 乙\n{OPTIONS}参考答案\n1.B 2.A\nBC 3.A\n"
    assert [gold for _, _, gold in sound(text)] == ["B"]


def test_a_list_of_steps_in_one_line_begins_no_question():
    text = f"1. 顺序是（ ）\n(1)甲 (2)乙 (3)丙\n{OPTIONS}答案：A\n"
    assert [stem for stem, _, _ in sound(text)] == ["顺序是（ ）\n(1)甲 (2)乙 (3)丙"]


def test_what_a_question_scores_is_no_part_of_it():
    text = f"1. (单选题, 20.0分)甲\n{OPTIONS}答案：A\n20.0分\n"
    assert [stem for stem, _, _ in sound(text)] == ["甲"]
    assert read(text).rows["explanation"][0] is None


def test_a_verdict_or_letters_in_brackets_leave_the_stem():
    (row,) = sound("1. 共情就是同情。[×]\n")
    assert row == ("共情就是同情", ["正确", "错误"], "B")
    assert sound(f"1. 甲是（选B）。\n{OPTIONS}") == [("甲是", ABC, "B")]


def test_letters_for_several_questions_answer_none_of_them():
    papers = "".join(f"{n}\n1. 问{n}（ ）\n{OPTIONS}" for n in "一二三")
    assert all("key_unclear" in found for found in errors(f"{papers}答案：C B C\n"))


def test_one_letter_under_two_names_of_a_column_is_two_options():
    record = {"题目": "甲", "A": "一", "B": "二", "选项A": "三", "答案": "A"}
    (found,) = errors(json.dumps([record]), "a.json")
    assert "option_letters_repeated" in found


def test_a_decimal_at_a_lines_start_ends_no_stem():
    text = f"7. 均分为\n82.5，则（ ）\n{OPTIONS}答案：A\n8. 乙（ ）\n{OPTIONS}答案：B\n"
    assert [stem for stem, _, _ in sound(text)] == ["均分为\n82.5，则", "乙"]


def test_decimals_at_several_lines_starts_end_no_stem():
    first = f"2. 数据为\n1.5，2.5，\n3.5的均值（ ）\n{OPTIONS}答案：A\n"
    text = f"{first}4. 乙\n{OPTIONS}答案：B\n"
    assert [stem for stem, _, _ in sound(text)] == ["乙"]
    assert errors(text)[0] == ["unclear_line"]


def test_a_page_number_behind_an_option_takes_no_option_along():
    text = "1. 甲（ ）\nA. 一\nB. 小脑 心理学 第45页\nP12\n答案：A\n"
    ((found,),) = [errors(text)]
    assert found == ["unclear_option"]
    assert read(text).rows["options"][0].len() == 2


def test_a_tag_of_source_and_year_stands_before_a_number():
    text = f"【2021·上海】1. 甲（ ）\n{OPTIONS}答案：B\n"
    assert sound(text) == [("甲", ABC, "B")]


def test_cells_of_a_web_page_are_read_as_its_paragraphs_are():
    rows = (
        "<tr><th>题目</th><th>A</th><th>B</th><th>答案</th></tr>"
        "<tr><td>若</td><td>H<sub>0</sub></td><td>H<sub>1</sub></td><td>A</td></tr>"
        "<tr><td>图</td><td><img src='a.png'/></td><td>乙</td><td>A</td></tr>"
    )
    page = f"<table>{rows}</table>"
    assert sound(page, "a.html") == [("若", ["H₀", "H₁"], "A")]
    assert errors(page, "a.html")[1] == ["needs_picture"]


def test_a_question_is_numbered_as_its_group_of_shared_options_is():
    text = (
        "问题 1—2 共用下列选项：\n  A) 首因效应   B) 近因效应   C) 晕轮效应\n"
        "问题 1. 第一印象\n问题 2. 爱屋及乌\n问题 3. 甲\n"
        f"{OPTIONS}答案：1.A  2.C  3.B\n"
    )
    shared = ["首因效应", "近因效应", "晕轮效应"]
    assert sound(text) == [
        ("第一印象", shared, "A"),
        ("爱屋及乌", shared, "C"),
        ("甲", ABC, "B"),
    ]


def test_a_key_with_more_entries_than_questions_answers_none_that_has_no_number():
    unknown = (
        "练 1 与练 2 的选项：\n  A) 首因效应   B) 近因效应   C) 晕轮效应\n"
        "练 1. 第一印象的作用\n练 2. 爱屋及乌\n练 3. 甲\n"
        "  A) 一二三四五   B) 一二三四六   C) 一二三四七\n答案：1.A  2.C  3.B\n"
    )
    assert all("key_unclear" in found for found in errors(unknown))


@pytest.mark.parametrize(("first", "second"), ["⒈⒉", "⑴⑵"])
def test_a_number_may_be_one_character_with_its_mark(first, second):
    text = f"{first}甲（ ）\n{OPTIONS}{second}乙（ ）\n{OPTIONS}"
    key = f"【练习答案】{first}A {second}B\n"
    assert sound(text + key) == [("甲", ABC, "A"), ("乙", ABC, "B")]


def test_a_key_may_be_a_table_in_markdown():
    text = f"1. 甲（ ）\n{OPTIONS}2. 乙（ ）\n{OPTIONS}"
    key = "| 题号 | 1 | 2 |\n|---|---|---|\n| 答案 | A | B C |\n"
    assert [gold for _, _, gold in sound(text + key, "a.md")] == ["A", "BC"]


@pytest.mark.parametrize("title", ["◆多项选择", "§2 发展心理"])
def test_an_ornament_before_a_heading_leaves_it_one(title):
    text = f"1. 甲（ ）\n{OPTIONS}{title}\n2. 乙（ ）\n{OPTIONS}答案：1.B 2.AC\n"
    assert [gold for _, _, gold in sound(text)] == ["B", "AC"]


def test_a_verdict_may_stand_before_its_statement():
    text = "1. (×)共情就是同情。\n2. 晕轮效应又称光环效应〔√〕\n"
    assert [gold for _, _, gold in sound(text)] == ["B", "A"]


def test_a_number_in_a_broken_stem_is_no_question_of_its_own():
    broken = f"8. 标准差为\n15、平均数为100，则（ ）\n{OPTIONS}答案：A\n"
    text = f"{broken}9. 乙\n{OPTIONS}答案：B\n"
    assert errors(text) == [["no_answer"], ["unclear_stem"], []]


def test_options_under_letters_and_in_a_list_are_two_lists_where_they_differ():
    record = {"题目": "甲", "A": "一", "B": "二", "options": {"A": "三", "B": "四"}}
    (found,) = errors(json.dumps([record | {"答案": "A"}]), "a.json")
    assert "option_letters_repeated" in found
    same = record | {"options": {"A": "一", "B": "二"}, "答案": "A"}
    assert sound(json.dumps([same]), "a.json") == [("甲", ABC[:2], "A")]


def test_options_may_stand_between_bars():
    table = "题目,选项,答案\n甲,A.一|B.二|C.三,B\n乙,A.一|B.二|B.三,B\n"
    assert sound(table, "a.csv") == [("甲", ABC, "B")]


def test_the_next_option_within_the_last_is_one():
    record = {"question": "甲", "options": {"A": "冯特", "B": "华生 C．霍尔"}}
    ((_, options, gold),) = sound(json.dumps([record | {"answer": "B"}]), "a.json")
    assert (options, gold) == (["冯特", "华生", "霍尔"], "B")


FOUR = "A. 一\nB. 二\nC. 三\nD. 四\n"


def test_the_one_question_with_fewer_options_than_all_others_lost_some():
    papers = "".join(f"{n}. 甲\n{FOUR}答案：A\n" for n in range(1, 5))
    assert errors(f"{papers}5. 乙\n{OPTIONS}答案：B\n")[-1] == ["options_missing"]
    mixed = "".join(f"{n}. 乙\n{OPTIONS}答案：B\n" for n in range(5, 7))
    assert not any(errors(papers + mixed))
    assert not any(errors(f"{papers}5. 乙\nA. 对\nB. 错\n答案：B\n"))


def test_a_question_of_another_kind_has_as_many_options_as_it_has():
    several = "".join(
        f"{n}. 题{n}\nA. 一\nB. 二\nC. 三\nD. 四\nE. 五\n答案：A{'BCDE'[n - 1]}\n"
        for n in range(1, 5)
    )
    one = "5. 乙\nA. 一\nB. 二\nC. 三\nD. 四\n答案：B\n"
    assert errors(several + one) == [[]] * 5


def test_options_that_an_explanation_took_from_the_next_question_are_no_words_of_it():
    taken = "1. 甲\nA. 一\nB. 二\n答案：A\nA. 三\n2. 乙\nB. 四\n答案：B\n"
    assert errors(taken)[0] == ["unclear_option"]


def test_an_answer_that_lists_options_answers_no_open_question():
    (found,) = errors(
        json.dumps([{"题目": "甲（ ）", "答案": "A. 一 B. 二"}]), "a.json"
    )
    assert found == ["unclear_stem"]


# ---- layouts that were refused ------------------------------------------------------


@pytest.mark.parametrize("head", ["[1~2]", "（1-2题）", "问题 1-2"])
def test_a_span_alone_may_stand_above_shared_options(head):
    second = head.replace("1", "3").replace("2", "4").replace("3-2", "3-4")
    text = f"{head}\n{OPTIONS}1. 甲\n2. 乙\n{second}\nA. 五\nB. 六\n3. 丙\n4. 丁\n"
    read_ = sound(f"{text}答案：1.A 2.C 3.B 4.A\n")
    assert [options for _, options, _ in read_] == [
        ABC,
        ABC,
        ["五", "六"],
        ["五", "六"],
    ]


def test_questions_behind_options_that_none_took_do_not_share_those_before():
    text = (
        f"共用备选答案\n{OPTIONS}1. 甲\n答案：A\n又一组\nA. 五\nB. 六\n2. 乙\n答案：B\n"
    )
    assert errors(text)[1] == ["option_letters_repeated"]


@pytest.mark.parametrize(
    "key",
    [
        "（期中卷答案）1-2 BC",
        "期中卷答案：1.B 2.C",
        "一、1. B 2. C",
        "二、多选题：1.B 2.C",
        "1-B 2-C",
        "答案：1.[B] 2.[C]",
        "答案\n1. B（解析：见书）\n2. C（见书）",
        "| 1 | 2 |\n|---|---|\n| B | C |",
        "答案\n1.【解析】略，故选B。\n2.【解析】略，因此正确答案为C。",
        "——答案——\n1.B\t2.C",
        "【答案】\n1．答案：B。\n解析：略。\n2．答案：C。",
        "1-2题答案：B C",
        "题号：1、2\n答案：B、C",
        "答案\n1. 选B。\n2. 选C。",
    ],
)
def test_a_key_may_be_written_so(key):
    text = f"1. 甲\n{OPTIONS}2. 乙\n{OPTIONS}{key}\n"
    assert [gold for _, _, gold in sound(text)] == ["B", "C"]


def test_an_answer_to_each_open_question_in_turn_is_a_key():
    text = "".join(f"{n}. 甲\n{OPTIONS}" for n in range(1, 4))
    assert [gold for *_, gold in sound(f"{text}答案：C B C\n")] == ["C", "B", "C"]


def test_a_chapter_may_stand_in_the_line_of_its_key():
    units = "".join(
        f"{u}\n1. 甲{u}\n{OPTIONS}2. 乙\n{OPTIONS}" for u in ("感觉", "记忆")
    )
    key = "答案\n感觉：1.A 2.B\n记忆：1.C 2.A\n"
    assert [gold for _, _, gold in sound(units + key)] == ["A", "B", "C", "A"]


@pytest.mark.parametrize("said", ["（答案：B）", "(答案: B)", "答案：（1）B"])
def test_an_answer_may_stand_in_brackets_or_behind_its_number(said):
    assert sound(f"1. 甲\n{OPTIONS}{said}\n") == [("甲", ABC, "B")]


@pytest.mark.parametrize("said", ["。【答案】B", "。正确答案：B", "选B", "（答：B）"])
def test_an_answer_behind_a_stem_leaves_it(said):
    record = {"题目": f"甲是（ ）{said}", "A": "一", "B": "二", "C": "三", "答案": "B"}
    assert sound(json.dumps([record]), "a.json") == [("甲是", ABC, "B")]


def test_a_line_of_options_that_was_broken_goes_on_in_the_next():
    first = f"A. {'一' * 20}  B. {'二' * 20}"
    text = f"1. 甲\n{first}\n完 C. 三  D. 四\n答案：B\n"
    ((_, options, _),) = sound(text)
    assert options == ["一" * 20, "二" * 20 + "完", "三", "四"]


def test_a_list_counted_in_words_stands_in_its_stem():
    steps = "1. 阶段是：\n一、初期\n二、中期\n第二个是（ ）\n"
    assert [
        s for s, _, _ in sound(f"{steps}{OPTIONS}答案：B\n2. 乙\n{OPTIONS}答案：A")
    ] == [
        "阶段是：\n一、初期\n二、中期\n第二个是",
        "乙",
    ]


def test_a_question_of_a_group_may_have_its_own_options():
    own = {"question": "乙", "options": {"A": "三", "B": "四"}, "answer": "B"}
    group = {"option": {"A": "一", "B": "二"}, "items": [own]}
    assert sound(json.dumps([group]), "a.json") == [("乙", ["三", "四"], "B")]


@pytest.mark.parametrize("number", ["Q1. ", "【例1】", "[例题1] "])
def test_a_question_may_be_numbered_so(number):
    assert [s for s, _, _ in sound(f"{number}“甲”是\n{OPTIONS}答案：A\n")] == ["“甲”是"]


def test_the_label_of_one_question_is_no_part_of_the_one_before():
    text = f"[1题]\n1. 甲\n{OPTIONS}答案：A\n[2题]\n2. 乙\n{OPTIONS}答案：B\n"
    assert [s for s, _, _ in sound(text)] == ["甲", "乙"]
    assert read(text).rows["explanation"].to_list() == [None, None]
