"""All that Word shows is read, and nothing that was deleted."""

import io

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.text.paragraph import Paragraph
from lxml import etree
from PIL import Image

from pipelines.ingestion.bank_files import file
from psyche_kedro.pipelines.ingestion.files.plain_text import PICTURE, has_picture
from psyche_kedro.pipelines.ingestion.files.word import docx_blocks, docx_notes
from psyche_kedro.pipelines.ingestion.nodes import read_question_banks

SPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "v": "urn:schemas-microsoft-com:vml",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
}
BOX = "<w:txbxContent><w:p>{}</w:p></w:txbxContent>"


def run(text: str, style: str = "") -> str:
    return f"<w:r><w:rPr>{style}</w:rPr><w:t>{text}</w:t></w:r>"


def word(*paragraphs: str) -> bytes:
    """A document of paragraphs given as what stands inside ``w:p``."""
    document = docx.Document()
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in SPACES.items())
    for inside in paragraphs:
        runs = inside if inside.startswith("<") else run(inside)
        element = etree.fromstring(f"<w:p {spaces}>{runs}</w:p>")
        document.element.body.insert(len(document.element.body) - 1, element)
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


SHOWN = {
    "inserted": (f"{run('甲')}<w:ins>{run('不是')}</w:ins>", "甲不是"),
    "deleted": (
        f"{run('甲')}<w:del><w:r><w:delText>不是</w:delText></w:r></w:del>",
        "甲",
    ),
    "moved": (
        f"<w:moveTo>{run('甲')}</w:moveTo><w:moveFrom>{run('乙')}</w:moveFrom>",
        "甲",
    ),
    "smart tag": (f"{run('于')}<w:smartTag>{run('1879年')}</w:smartTag>", "于1879年"),
    "control": (f"<w:sdt><w:sdtContent>{run('甲')}</w:sdtContent></w:sdt>", "甲"),
    "field": (f'<w:fldSimple w:instr="REF">{run("甲")}</w:fldSimple>', "甲"),
    "symbol": ('<w:r><w:sym w:font="Symbol" w:char="F061"/></w:r>', "α"),
    "tick": ('<w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>', "√"),
    "power": (run("10") + run("2", '<w:vertAlign w:val="superscript"/>'), "10²"),
    "ruby": (
        "<w:r><w:ruby><w:rt><w:r><w:t>hàn</w:t></w:r></w:rt>"
        "<w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase></w:ruby></w:r>",
        "漢",
    ),
    "fraction": (
        "<m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num>"
        "<m:den><m:r><m:t>c</m:t></m:r></m:den></m:f></m:oMath>",
        "(a+b)/c",
    ),
    "formula": (
        "<m:oMath><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e>"
        "<m:sup><m:r><m:t>n-1</m:t></m:r></m:sup></m:sSup></m:oMath>",
        "xⁿ⁻¹",
    ),
}


@pytest.mark.parametrize(("inside", "shown"), SHOWN.values(), ids=list(SHOWN))
def test_what_a_paragraph_shows_is_its_text(inside, shown):
    assert docx_blocks(word(inside)) == [shown]


def test_a_text_box_is_read_once_and_beside_its_paragraph():
    box = BOX.format(run("框中字"))
    inside = (
        f"{run('段落')}<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing>"
        f"<wps:txbx>{box}</wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict>"
        f"<v:textbox>{box}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    assert docx_blocks(word(inside)) == ["段落", "框中字"]


def test_a_question_with_a_picture_or_an_unknown_symbol_is_refused():
    symbol = '<w:r><w:sym w:font="Own" w:char="F061"/></w:r>'
    document = docx.Document(io.BytesIO(word(f"{run('1．符号')}{symbol}", "答案：甲")))
    picture = io.BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "png")
    document.add_paragraph("2．如图").add_run().add_picture(picture)
    document.add_paragraph("答案：甲")
    data = io.BytesIO()
    document.save(data)
    rows = read_question_banks([file("a.docx", data.getvalue())]).rows
    assert rows["parse_errors"].to_list() == [["needs_picture"], ["needs_picture"]]


@pytest.mark.parametrize("style", ['<w:color w:val="FF0000"/>', "<w:b/>"])
def test_the_right_option_may_stand_out(style):
    lines = ["1．甲（ ）", "A．一", run("B．二", style), "C．三"]
    in_a_line = ["2．乙（ ）", f"{run('A．一  ')}{run('B．二', style)}{run('  C．三')}"]
    read = read_question_banks([file("a.docx", word(*lines, *in_a_line))]).rows
    assert read["gold"].to_list() == [["B"], ["B"]]


def test_options_that_all_stand_out_say_nothing():
    lines = ["1．甲（ ）", *(run(f"{c}．{c}", "<w:b/>") for c in "ABC")]
    read = read_question_banks([file("a.docx", word(*lines))]).rows
    assert read["gold"].to_list() == [[]]


@pytest.mark.parametrize(
    "cells",
    [
        [["题号", "1", "2"], ["答案", "B", "AB"]],
        [["题号", "答案"], ["1", "B"], ["2", "AB"]],
        [["题号", "答案", "题号", "答案"], ["1", "B", "2", "AB"]],
    ],
)
def test_a_table_of_answers_is_a_key(cells):
    lines = ["1．甲（ ）", "A．一", "B．二", "2．乙（ ）", "A．一", "B．二", "参考答案"]
    document = docx.Document(io.BytesIO(word(*lines)))
    table = document.add_table(len(cells), len(cells[0]))
    for row, texts in zip(table.rows, cells, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    data = io.BytesIO()
    document.save(data)
    read = read_question_banks([file("a.docx", data.getvalue())]).rows
    assert read["gold"].to_list() == [["B"], ["A", "B"]]


def test_a_style_is_looked_up_once_however_many_paragraphs_have_it(monkeypatch):
    looked_up = []
    style = Paragraph.style.fget
    seen = property(lambda p: looked_up.append(p) or style(p))
    monkeypatch.setattr(Paragraph, "style", seen)
    assert docx_blocks(word(*map(str, range(50)))) == [str(n) for n in range(50)]
    assert len(looked_up) == 1


def test_words_crossed_out_or_hidden_within_others_are_unsure_a_hidden_line_is_read():
    def styled(text, style):
        return f"<w:r><w:rPr><w:{style}/></w:rPr><w:t>{text}</w:t></w:r>"

    assert docx_blocks(word(run("下列") + styled("正确", "strike"))) == ["下列~~正确~~"]
    assert docx_blocks(word(run("下列") + styled("不", "vanish"))) == ["下列~~不~~"]
    assert docx_blocks(word(styled("答案：A", "vanish"))) == ["答案：A"]


def test_a_formula_of_an_old_editor_is_a_picture():
    office = "urn:schemas-microsoft-com:office:office"
    formula = f'<o:OLEObject xmlns:o="{office}" ProgID="Equation.3"/>'
    (text,) = docx_blocks(word(f"<w:r><w:object>{formula}</w:object></w:r>"))
    assert has_picture(text)


def test_a_formula_of_a_field_is_a_picture_and_signs_of_formulas_stay():
    field = "<w:r><w:instrText> EQ \\f(1,2) </w:instrText></w:r>"
    assert docx_blocks(word(run("F=") + field)) == [f"F={PICTURE}"]
    bar = (
        '<m:acc><m:accPr><m:chr m:val="̅"/></m:accPr>'
        "<m:e><m:r><m:t>X</m:t></m:r></m:e></m:acc>"
    )
    total = (
        '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub/><m:sup/>'
        "<m:e><m:r><m:t>x</m:t></m:r></m:e></m:nary>"
    )
    assert docx_blocks(word(f"<m:oMath>{bar}{total}</m:oMath>")) == ["X̅∑x"]


NOTE = (
    f'<w:footnotes xmlns:w="{SPACES["w"]}"><w:footnote w:type="separator"><w:p/>'
    f"</w:footnote><w:footnote><w:p>{run('见1970年版。')}</w:p></w:footnote></w:footnotes>"
)


def with_note(*paragraphs: str) -> bytes:
    document = docx.Document(io.BytesIO(word(*paragraphs)))
    kind = (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    )
    part = Part(PackURI("/word/footnotes.xml"), kind, NOTE.encode())
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    data = io.BytesIO()
    document.save(data)
    return data.getvalue()


def test_notes_are_read_and_a_bank_says_that_they_are_in_no_question():
    data = with_note("1. 甲（ ）", "A. 一", "B. 二", "答案：A")
    assert docx_notes(data) == ["见1970年版。"]
    read = read_question_banks([file("a.docx", data)])
    assert read.rows["parse_status"].to_list() == ["ok"]
    assert read.unreadable["reason"].to_list() == ["unclear_text"]


def test_what_an_unknown_element_holds_is_text():
    inside = f"<w:anyOther>{run('不')}</w:anyOther>{run('是')}"
    assert docx_blocks(word(inside)) == ["不是"]
