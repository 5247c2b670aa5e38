"""One small bank, written in every format and encoding that banks come in."""

import csv
import io
import json
from collections.abc import Sequence
from functools import partial

import docx
import xlsxwriter

from psyche_kedro.datasets.source_files import SourceFile

QUESTIONS = (
    ("single", "短时记忆的容量是", "5±2|7±2|9±2|3±2", "B", "米勒提出组块的概念"),
    (
        "multiple",
        "属于抑郁障碍症状的有",
        "心境低落|兴趣减退|幻听|精力下降",
        "ABD",
        "见手册",
    ),
    (
        "single",
        "提出需要层次理论的是",
        "马斯洛|罗杰斯|弗洛伊德|斯金纳",
        "A",
        "人本主义",
    ),
    ("true_false", "信度是效度的必要条件", "", "√", "信度低则效度低"),
)
HEADER = [
    "序号",
    "题型",
    "题目",
    "选项A",
    "选项B",
    "选项C",
    "选项D",
    "正确答案",
    "解析",
]
NAMES = {"single": "单选题", "multiple": "多选题", "true_false": "判断题"}


def rows() -> list[list[str]]:
    return [
        [str(n), NAMES[kind], stem, *(options.split("|") + [""] * 4)[:4], gold, why]
        for n, (kind, stem, options, gold, why) in enumerate(QUESTIONS, 1)
    ]


def file(name: str, data: bytes) -> SourceFile:
    return SourceFile(name, partial(bytes, data), len(data))


def records() -> list[dict[str, object]]:
    return [
        {
            "question": stem,
            "type": NAMES[kind],
            "options": dict(zip("ABCD", options.split("|"), strict=False)),
            "answer": gold,
            "analysis": why,
        }
        for kind, stem, options, gold, why in QUESTIONS
    ]


def as_json() -> bytes:
    return json.dumps({"data": records()}, ensure_ascii=False).encode()


def as_jsonl() -> bytes:
    lines = [json.dumps(r, ensure_ascii=False) for r in records()]
    return "\n".join(lines).encode()


def as_csv(encoding: str, delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([HEADER, *rows()])
    return text.getvalue().encode(encoding)


def as_xlsx() -> bytes:
    """Two sheets, a title row, and a merged header cell above the options."""
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("选择题")
        sheet.merge_range("A1:I1", "心理学题库（样例）")
        for column, name in enumerate(HEADER):
            if not name.startswith("选项"):
                sheet.write_string(1, column, name)
        sheet.merge_range("D2:G2", "选项")
        for number, cells in enumerate(rows()[:3], 2):
            for column, cell in enumerate(cells):
                sheet.write_string(number, column, cell)
        judge = book.add_worksheet("判断")
        for number, cells in enumerate([["题干", "答案", "解析"], *_true_false()]):
            judge.write_row(number, 0, cells)
    return data.getvalue()


def _true_false() -> Sequence[list[str]]:
    return [[row[2], row[7], row[8]] for row in rows() if row[1] == "判断题"]


def as_text() -> str:
    """Options in one line and in many, answers below, in the stem, and in a key."""
    return """一、单选题
1．短时记忆的容量是
A.5±2 B.7±2 C.9±2 D.3±2
【解析】米勒提出组块的概念
二、多选题
2. 属于抑郁障碍症状的有
A 心境低落
B 兴趣减退
C 幻听
D 精力下降
【答案】ABD
【解析】见手册
三、单选题
3、提出需要层次理论的是
（A）马斯洛（B）罗杰斯
C、弗洛伊德
D、斯金纳
答案：A
解析：人本主义
四、判断题
4. 信度是效度的必要条件（√）
解析：信度低则效度低
参考答案
1.B
"""


def as_docx() -> bytes:
    """Word numbers the stems itself: no number is in the text of a paragraph."""
    document = docx.Document()
    for kind, stem, options, gold, why in QUESTIONS:
        document.add_paragraph(f"一、{NAMES[kind]}")
        document.add_paragraph(stem, style="List Number")
        for label, text in zip("ABCD", filter(None, options.split("|")), strict=False):
            document.add_paragraph(f"{label}．{text}")
        document.add_paragraph(f"答案：{gold}")
        document.add_paragraph(f"【解析】{why}")
    return _saved(document)


def as_docx_table() -> bytes:
    document = docx.Document()
    table = document.add_table(rows=0, cols=len(HEADER))
    for cells in [HEADER, *rows()]:
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = text
    return _saved(document)


def _saved(document) -> bytes:
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


def as_html() -> bytes:
    """Answers hidden until clicked, list items left open."""
    items = []
    for number, (kind, stem, options, gold, why) in enumerate(QUESTIONS, 1):
        listed = "".join(
            f"<li>{label}. {text}"
            for label, text in zip(
                "ABCD", filter(None, options.split("|")), strict=False
            )
        )
        items.append(
            f"<h3>一、{NAMES[kind]}</h3><p>{number}. {stem}&nbsp;</p><ul>{listed}</ul>"
            f'<div style="display:none">答案：<b>{gold}</b></div><div>解析：{why}</div>'
        )
    page = f"<html><head><script>1</script></head><body>{''.join(items)}</body></html>"
    return page.encode()
