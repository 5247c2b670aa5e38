"""A bank reads the same whatever it is written in; what is wrong with it is named."""

import json
from pathlib import Path

import pytest

from growth import takes_in_proportion
from pipelines.ingestion import bank_files as banks
from psyche_kedro import tables
from psyche_kedro.pipelines.ingestion.banks.question_banks import bank_row
from psyche_kedro.pipelines.ingestion.nodes import read_question_banks
from psyche_kedro.questions import bare_stem, read_options

EXPECTED = [
    (
        "single",
        "短时记忆的容量是",
        ["5±2", "7±2", "9±2", "3±2"],
        ["B"],
        "米勒提出组块的概念",
    ),
    (
        "multiple",
        "属于抑郁障碍症状的有",
        ["心境低落", "兴趣减退", "幻听", "精力下降"],
        ["A", "B", "D"],
        "见手册",
    ),
    (
        "single",
        "提出需要层次理论的是",
        ["马斯洛", "罗杰斯", "弗洛伊德", "斯金纳"],
        ["A"],
        "人本主义",
    ),
    ("true_false", "信度是效度的必要条件", ["正确", "错误"], ["A"], "信度低则效度低"),
]
XLS = Path(__file__).with_name("bank.xls").read_bytes()
FORMATS = {
    "bank.json": banks.as_json(),
    "bank.jsonl": banks.as_jsonl(),
    "utf8.csv": banks.as_csv("utf-8"),
    "bom.csv": banks.as_csv("utf-8-sig"),
    "gbk.csv": banks.as_csv("gbk"),
    "gb18030.csv": banks.as_csv("gb18030"),
    "utf16.csv": banks.as_csv("utf-16"),
    "tabs.tsv": banks.as_csv("utf-8", "\t"),
    "two_sheets.xlsx": banks.as_xlsx(),
    "old.xls": XLS,
    "typed.txt": banks.as_text().encode(),
    "typed_gbk.txt": banks.as_text().encode("gb18030"),
    "typed_bom.txt": banks.as_text().encode("utf-8-sig"),
    "typed.md": banks.as_text().encode(),
    "numbered_by_word.docx": banks.as_docx(),
    "table.docx": banks.as_docx_table(),
    "hidden_answers.html": banks.as_html(),
}


def read(name: str, data: bytes):
    return read_question_banks([banks.file(name, data)])


def questions(name: str, data: bytes) -> list[dict]:
    return read(name, data).rows.to_dicts()


@pytest.mark.parametrize("name", FORMATS)
def test_a_bank_reads_the_same_in_every_format_and_encoding(name):
    found = [
        (
            q["type"],
            q["stem"].strip("（ ）"),
            [option["text"] for option in q["options"]],
            q["gold"],
            q["explanation"],
        )
        for q in questions(name, FORMATS[name])
    ]
    assert found == EXPECTED


def test_traditional_characters_in_big5_are_told_from_gb18030():
    text = "題目,選項A,選項B,正確答案\n下列屬於心理學的是,記憶,天氣,A\n"
    (question,) = questions("big5.csv", text.encode("big5"))
    assert question["stem"] == "下列屬於心理學的是"


def test_a_key_at_the_end_answers_by_number_and_by_range():
    text = (
        "一、单选题\n1.甲\nA.一 B.二\n2.乙\nA.一 B.二\n3.丙\nA.一 B.二\n答案：1-3 BAB\n"
    )
    assert [q["gold"] for q in questions("a.txt", text.encode())] == [
        ["B"],
        ["A"],
        ["B"],
    ]


def test_options_laid_out_in_a_table_belong_to_the_stem_above_it():
    html = (
        "<p>一、单选题</p><p>1. 短时记忆的容量是</p>"
        "<table><tr><td>A. 5±2</td><td>B. 7±2</td></tr></table><p>答案：B</p>"
    )
    (question,) = questions("a.html", html.encode())
    assert [o["text"] for o in question["options"]] == ["5±2", "7±2"]
    assert question["gold"] == ["B"]


def test_a_hidden_answer_is_read_and_its_button_is_not():
    html = (
        "<p>1. 甲？</p><ol type='A'><li>一</li><li>二</li></ol><details>"
        "<summary>点击查看答案与解析</summary><p>答案：B</p></details>"
    )
    (question,) = questions("a.html", html.encode())
    assert [o["text"] for o in question["options"]] == ["一", "二"]
    assert question["gold"] == ["B"]


def test_a_header_over_several_columns_of_a_page_names_them_all():
    html = (
        "<table><tr><th>题目</th><th colspan=2>选项</th><th>答案</th></tr>"
        "<tr><td>甲？</td><td>一</td><td>二</td><td>B</td></tr></table>"
    )
    (question,) = questions("a.html", html.encode())
    assert [o["text"] for o in question["options"]] == ["一", "二"]
    assert question["gold"] == ["B"]


@pytest.mark.parametrize("name", ["bank.xlsx", "bank.csv", "bank"])
def test_an_old_workbook_is_told_by_its_content(name):
    assert len(questions(name, XLS)) == len(questions("bank.xls", XLS))


def test_a_case_text_is_carried_by_each_of_its_questions():
    shell = {
        "general_info": "求助者，女性，24岁。",
        "case_introduction": "三个月来失眠。",
        "questions_and_answers": banks.records()[:2],
    }
    found = questions("case.json", json.dumps([shell]).encode())
    assert {q["case_text"] for q in found} == {"求助者，女性，24岁。\n三个月来失眠。"}
    assert [q["locator"] for q in found] == ["item 1 question 1", "item 1 question 2"]


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("B,D", ["B", "D"]),
        ("DB", ["B", "D"]),
        ("B、D。", ["B", "D"]),
        (["D", "B"], ["B", "D"]),
        ("ＢＤ", ["B", "D"]),
        ("b d", ["B", "D"]),
        ("正确答案：BD", ["B", "D"]),
        ("C,", ["C"]),
        ("C. 三", ["C"]),
        ("三", ["C"]),
        ("三；四", ["C", "D"]),
        ("【A】", ["A"]),
        ("选项A", ["A"]),
        ("A项", ["A"]),
        ("A和C", ["A", "C"]),
        ("A|C", ["A", "C"]),
        ("B或C", []),
        ("以上都是", []),
        ("三；五", []),
        ("1", []),
    ],
)
def test_golds_are_sets_of_labels_however_they_are_written(answer, gold):
    record = {"题干": "甲", "选项": ["一", "二", "三", "四"], "答案": answer}
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert question["gold"] == gold


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("正确", ["A"]),
        ("正确。", ["A"]),
        ("是", ["A"]),
        ("（√）", ["A"]),
        ("V", ["A"]),
        ("对的", ["A"]),
        ("A(对)", ["A"]),
        ("错误", ["B"]),
        ("不正确", ["B"]),
        ("不对", ["B"]),
        ("B、错", ["B"]),
        ("B(对)", []),
        ("也许", []),
    ],
)
def test_a_truth_is_read_however_it_is_written(answer, gold):
    record = {"题干": "智力是天生的。", "题型": "判断题", "答案": answer}
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert (question["type"], question["gold"]) == ("true_false", gold)


def test_the_word_for_true_makes_a_judgement_of_a_question_without_options():
    (question,) = questions("a.txt", "1. 智力是天生的。\n答案：正确\n".encode())
    assert (question["type"], question["gold"]) == ("true_false", ["A"])


@pytest.mark.parametrize(
    ("options", "answer", "gold"),
    [
        (["正确", "错误"], "B", "B"),
        (["错误", "正确"], "A", "B"),
        (["是", "否"], "A", "A"),
    ],
)
def test_a_choice_between_true_and_false_is_a_judgement(options, answer, gold):
    record = {"题干": "智力是天生的。", "选项": options, "答案": answer}
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert (question["type"], question["gold"]) == ("true_false", [gold])


def test_options_by_number_are_answered_by_number():
    text = '题目,选项1,选项2,选项3,答案\n甲？,一,二,三,2\n乙？,一,二,三,"1,3"\n'
    found = questions("a.csv", text.encode())
    assert [q["gold"] for q in found] == [["B"], ["A", "C"]]
    assert [o["label"] for o in found[0]["options"]] == ["A", "B", "C"]


@pytest.mark.parametrize("options", ["①一 ②二 ③三", "1.一 2.二", ["", ""], "甲|乙"])
def test_options_that_cannot_be_read_are_missing_and_make_no_short_answer(options):
    record = {"题干": "甲", "选项": options, "答案": "①③"}
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert question["parse_errors"] == ["options_missing", "no_gold"]


def test_a_ninth_option_is_no_column_to_pass_over():
    text = "题目,A,B,C,D,E,F,G,H,I,答案\n甲？,1,2,3,4,5,6,7,8,9,A\n"
    (question,) = questions("a.csv", text.encode())
    assert question["parse_errors"] == ["too_many_options"]


@pytest.mark.parametrize(
    "options",
    [
        "A：一；B：二；C：三",
        [{"A": "一"}, {"B": "二"}, {"C": "三"}],
        [{"id": "ABC"[n], "content": "一二三"[n]} for n in range(3)],
    ],
)
def test_options_are_read_in_more_notations(options):
    record = {"题干": "甲", "选项": options, "答案": "B"}
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert [o["text"] for o in question["options"]] == ["一", "二", "三"]


def choice(stem: str, **more) -> dict:
    return {"question": stem, "options": ["一", "二"], "answer": "A"} | more


@pytest.mark.parametrize(
    ("value", "places", "types"),
    [
        ({"code": 0, "data": {"list": [choice("甲")]}}, ["item 1 data list 1"], None),
        ({"1": choice("甲"), "2": choice("乙")}, ["item 1 1", "item 1 2"], None),
        (
            {"单选题": [choice("甲")], "多选题": [choice("乙", answer="AB")]},
            ["item 1 单选题 1", "item 1 多选题 1"],
            ["single", "multiple"],
        ),
        (
            {"判断题": [{"question": "甲", "answer": "F"}]},
            ["item 1 判断题 1"],
            ["true_false"],
        ),
    ],
)
def test_questions_are_found_below_any_keys(value, places, types):
    found = questions("a.json", json.dumps(value).encode())
    assert [q["locator"] for q in found] == places
    assert {q["parse_status"] for q in found} == {"ok"}
    assert types in (None, [q["type"] for q in found])


def test_a_record_that_is_no_question_is_listed_and_costs_no_other():
    case = {"case": "女，20岁。", "questions": [choice("甲"), "乙"]}
    lines = [json.dumps(case), '{"question": "丙",', json.dumps({"foo": 1})]
    found = read("a.jsonl", "\n".join([*lines, json.dumps(choice("丁"))]).encode())
    assert found.rows["stem"].to_list() == ["甲", "丁"]
    assert found.unreadable["reason"].unique().to_list() == ["unknown_layout"]
    assert [d.split(" holds")[0] for d in found.unreadable["detail"]] == [
        "line 1 question 2",
        "line 2",
        "line 3",
    ]


def test_lists_in_lists_without_a_question_end_somewhere():
    deep = ("[" * 400 + "]" * 400).encode()
    assert read("a.json", deep).unreadable["reason"].to_list() == ["unknown_layout"]


def test_an_explanation_may_stand_in_the_line_of_its_answer():
    text = "1.甲\nA.一 B.二\n答案：B。 解析：二对。\n"
    (question,) = questions("a.txt", text.encode())
    assert (question["gold"], question["explanation"]) == (["B"], "二对。")


def test_two_answers_that_differ_are_no_gold():
    text = "1.甲（ B ）\nA.一 B.二\n[答案] {}\n"
    golds = [questions("a.txt", text.format(a).encode())[0]["gold"] for a in "AB"]
    assert golds == [[], ["B"]]


def test_a_case_ends_with_the_last_question_it_names():
    text = (
        "（1～2题共用题干）\n患者，男，30岁。\n1.甲\nA.一 B.二\n2.乙\nA.一 B.二\n"
        "3.丙\nA.一 B.二\n答案：1.A 2.B 3.A\n"
    )
    found = questions("a.txt", text.encode())
    assert [q["case_text"] for q in found] == [
        "患者，男，30岁。",
        "患者，男，30岁。",
        None,
    ]
    assert [q["gold"] for q in found] == [["A"], ["B"], ["A"]]


@pytest.mark.parametrize("answer", ["D、四", "D", "AD", ["A", "D"]])
def test_an_answer_that_is_no_option_makes_neither_an_option_nor_a_gold(answer):
    record = {
        "题干": "甲",
        "options": {"A": "一", "B": "二", "C": "三", "D": ""},
        "答案": answer,
    }
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert [option["label"] for option in question["options"]] == ["A", "B", "C"]
    assert question["gold"] == []
    assert question["parse_errors"] == ["answer_not_among_options"]


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("B、二", ["B"]),
        ("B、第二个", ["B"]),
        ("B、三", []),
        ("D、一", []),
        ("二", ["B"]),
    ],
)
def test_a_letter_beside_the_text_of_another_option_is_no_answer(answer, gold):
    record = {
        "题干": "甲",
        "options": {"A": "一", "B": "二", "C": "三"},
        "答案": answer,
    }
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert question["gold"] == gold
    assert question["parse_errors"] == ([] if gold else ["no_gold"])


def test_two_options_of_one_label_are_no_options():
    options = [{"label": "A", "text": t} for t in "一二"] + [
        {"label": "B", "text": "三"}
    ]
    record = {"题干": "甲", "options": options, "答案": "A", "题型": "单选题"}
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert question["options"] == []
    assert "options_missing" in question["parse_errors"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"question": " "}, "empty_stem"),
        ({"answer": ""}, "no_gold"),
        ({"answer": "E"}, "answer_not_among_options"),
        ({"answer": "AB", "type": "单选题"}, "several_golds_for_single"),
        ({"options": {"A": "一", "C": "三"}, "answer": "A"}, "options_missing"),
        (
            {"options": dict(zip("ABCDEFGHI", "一二三四五六七八九", strict=True))},
            "too_many_options",
        ),
        ({"type": "简答题", "options": {}, "answer": ""}, "no_answer"),
    ],
)
def test_a_malformed_question_is_a_row_that_says_what_is_wrong(change, error):
    record = banks.records()[0] | change
    (question,) = questions("a.json", json.dumps([record]).encode())
    assert question["parse_status"] == "malformed"
    assert error in question["parse_errors"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.json", b"  ", "empty_file"),
        ("broken.json", b'[{"question": "a"', "invalid_json"),
        ("notes.txt", "今天天气很好。".encode(), "no_questions"),
        ("columns.csv", "甲,乙\n1,2\n".encode(), "no_header"),
        ("torn.pdf", b"%PDF-1.7 ", "damaged_pdf"),
        ("page.png", b"\x89PNG\r\n\x1a\n", "unknown_type"),
        ("torn.xlsx", b"PK\x03\x04 torn", "truncated"),
        ("torn.xls", XLS[:4104], "damaged_workbook"),
        ("shorter.xls", XLS[:2000], "damaged_workbook"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "unknown_type"),
        ("torn.docx", banks.as_docx()[:900], "truncated"),
        ("bytes.csv", b"\xff\xfa\x80\x81\xff", "unknown_encoding"),
    ],
)
def test_an_unreadable_file_is_listed_and_the_others_are_read(name, data, reason):
    good = banks.file("z.json", banks.as_json())
    read = read_question_banks([banks.file(name, data), good])
    assert read.rows.height == len(EXPECTED)
    (row,) = read.unreadable.to_dicts()
    assert (row["source"], row["chapter"], row["reason"]) == (
        name,
        "question_banks",
        reason,
    )
    assert row["detail"]


def test_ids_do_not_change_from_run_to_run_and_differ_within_a_bank():
    first, second = (read("a.json", banks.as_json()).rows for _ in range(2))
    assert first.equals(second)
    assert first["question_id"].n_unique() == first.height
    tables.BankQuestions.validate(first)


@pytest.mark.parametrize("name", ["题目", "答案", "选项", "A", "解析"])
@pytest.mark.parametrize("filling", [" ", "\n", ";", ")", "A. "])
def test_a_cell_with_thirty_thousand_of_anything_takes_its_time_and_no_more(
    name, filling
):
    def read(n):
        cells = {"题目": "x", "类型": "判断", "答案": "A", name: f"x{filling * n}y"}
        bank_row(cells, source="s", locator="1")
        read_options(cells[name])
        bare_stem(cells[name])

    assert takes_in_proportion(read, 30_000)


def test_beyond_the_alphabet_an_option_has_its_number():
    listed = {"question": "短时记忆？", "options": ["一"] * 28, "answer": "A"}
    row = bank_row(listed, source="a.json", locator="item 1")
    labels = [option["label"] for option in row["options"]]
    assert {"Z", "26", "27"} < {*labels}
