"""A PDF's layer is judged by the language it makes, and read as its page is."""

import io
import re
import zipfile

import pytest
from PIL import Image
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from test_olmocr import PARAMETERS

from pipelines.ingestion.bank_files import file
from psyche_kedro.pipelines.cleaning.text.normalise import normalise
from psyche_kedro.pipelines.ingestion.nodes import read_question_banks, read_textbooks
from psyche_kedro.pipelines.ingestion.textbooks import text_layer
from psyche_kedro.pipelines.ingestion.textbooks.ocr import Rapidocr, installed_engines
from psyche_kedro.pipelines.ingestion.textbooks.plausibility import is_language
from psyche_kedro.pipelines.ingestion.textbooks.reading_order import (
    TextBox,
    is_out_of_order,
    to_text,
)

PROSE = (
    "认知心理学是研究人的高级心理过程的科学，它把人看作信息加工的系统。短时记忆的容量"
    "有限，复述使信息进入长时记忆，遗忘来自干扰与衰退。"
)


def page(draw) -> bytes:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(595, 842))
    canvas.setFont("STSong-Light", 12)
    draw(canvas)
    canvas.save()
    return data.getvalue()


def lines(canvas, text: str, left: int = 60, top: int = 800, width: int = 36) -> None:
    for n, start in enumerate(range(0, len(text), width)):
        canvas.drawString(left, top - 18 * n, text[start : start + width])


LOCAL_OCR = PARAMETERS.local_ocr.model_copy(update={"longest_side": 1200})
LARGE = PARAMETERS.model_copy(update={"local_ocr": LOCAL_OCR})


def read(draw) -> dict:
    (row,) = read_textbooks([file("书.pdf", page(draw))], None, LARGE).pages.to_dicts()
    return row


def exchanged(text: str) -> str:
    """Each Han as another one, as a wrong map gives it."""
    return "".join(chr(ord(c) + 37) if "一" <= c <= "龠" else c for c in text)


def shifted(text: str, first: int) -> str:
    """Each Han as a letter of another script, from its first one on."""
    return "".join(chr(first + ord(c) % 80) if "一" <= c <= "龠" else c for c in text)


def lossy(text: str, sign: str = "\ue123") -> str:
    return "".join(sign if n % 15 == 7 else c for n, c in enumerate(text))


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (exchanged(PROSE * 2), "unlikely_text_layer"),
        (lossy(PROSE * 2), "lost_characters"),
        (lossy(PROSE * 2, "□"), "lost_characters"),
        (lossy(PROSE * 2, "■"), "lost_characters"),
        (lossy(PROSE * 2, "*"), "lost_characters"),
        (lossy(PROSE * 2, "¤"), "lost_characters"),
        (lossy(PROSE * 2, "×"), "lost_characters"),
        (lossy(PROSE * 2, "〓"), "lost_characters"),
        (PROSE * 2, None),
    ],
)
def test_a_layer_is_trusted_where_it_is_a_language(text, doubt):
    row = read(lambda canvas: lines(canvas, text))
    assert (row["status"], row["detail"]) == ("fallback" if doubt else "ok", doubt)


def test_glyphs_that_leave_holes_in_their_lines_are_lost():
    def draw(canvas):
        for n, character in enumerate(PROSE * 2):
            if n % 15 != 7:
                place = 60 + 12 * (n % 36), 800 - 18 * (n // 36)
                canvas.drawString(*place, character)

    row = read(draw)
    assert (row["status"], row["detail"]) == ("fallback", "lost_characters")


def test_a_map_that_is_wrong_for_some_characters_is_told_by_what_is_no_word():
    wrong = str.maketrans("心理信记忆加长短人高", "必埋倍讠乙另卡矢入亮")
    assert is_language(PROSE * 4)
    assert not is_language((PROSE * 4).translate(wrong))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (PROSE, True),
        (
            "認知心理學是研究人的高級心理過程的科學，它把人看作訊息處理的系統。短時記憶的容量"
            "有限，複述使訊息進入長時記憶。",
            True,
        ),
        (exchanged(PROSE), False),
        ("The capacity of short-term memory is limited. " * 6, True),
        ("Wkh txlfn eurzq ira mxpsv ryhu wkh odcb grj dqg " * 6, False),
        (PROSE.encode("gb18030").decode("latin-1"), False),
        (re.sub("[一-龠]", "70", PROSE * 2), False),
        *((shifted(PROSE * 2, first), False) for first in (0x3041, 0x3400, 0xAC00)),
        ("附录", True),
    ],
)
def test_language_is_told_by_its_words(text, is_one):
    assert is_language(text) is is_one


def test_letters_that_no_book_uses_are_unreadable():
    assert text_layer.readable_share("ʓɕʘɐʑʃ") == 0
    assert text_layer.readable_share("记忆 memory α≥½①") == 1


def test_one_glyph_is_one_character():
    assert text_layer._without_doubles("短时与⼯工作，⼀一次") == "短时与工作，一次"
    assert text_layer._without_doubles("与工⼯作，作⼯\n工作") == "与工作，作\n工作"
    assert text_layer._without_doubles("⼼理学家⼀般") == "⼼理学家⼀般"


def test_a_lost_character_leaves_its_mark():
    assert normalise("约为\ufffd加减二") == "约为\ufffd加减二"


def test_what_slants_across_a_page_is_no_text_of_it():
    def draw(canvas):
        lines(canvas, PROSE)
        canvas.translate(100, 500)
        canvas.rotate(45)
        canvas.drawString(0, 0, "内部资料 严禁外传")

    assert "严禁" not in read(draw)["text"]


def test_two_columns_drawn_row_by_row_are_read_in_turn():
    left, right = PROSE * 3, PROSE[7:] * 3

    def draw(canvas):
        for n in range(8):
            place = slice(20 * n, 20 * n + 20)
            canvas.drawString(50, 780 - 18 * n, left[place])
            canvas.drawString(320, 780 - 18 * n, right[place])

    text = read(draw)["text"].replace("\n", "")
    assert text == left[:160] + right[:160]


def in_columns(*lefts: int):
    """Draw the prose in columns of twelve characters, in the order of their places."""

    def draw(canvas) -> None:
        canvas.setFontSize(9)
        for left in lefts:
            start = sorted(lefts).index(left) * 180
            lines(canvas, (PROSE * 8)[start : start + 180], left, width=12)

    return draw


@pytest.mark.parametrize("lefts", [(40, 220, 400), (400, 220, 40)])
def test_three_columns_are_read_from_the_left_in_whatever_order_they_are_drawn(lefts):
    assert read(in_columns(*lefts))["text"].replace("\n", "") == (PROSE * 8)[:540]


def test_columns_between_lines_across_the_page_are_read_in_turn():
    def line(left: int, top: int, width: int, text: str) -> TextBox:
        return TextBox(left, top, left + width, top + 10, text)

    columns = [
        line(left, top, 180, f"{side}{top}")
        for top in range(40, 160, 15)
        for left, side in ((0, "l"), (200, "r"))
    ]
    boxes = [line(0, top, 380, f"a{top}") for top in (0, 15)] + columns
    boxes += [line(0, top, 380, f"z{top}") for top in (180, 195, 210, 225)]
    assert is_out_of_order(boxes)
    assert "".join(word[0] for word in to_text(boxes).split()) == (
        "aa" + "l" * 8 + "r" * 8 + "zzzz"
    )


def test_a_page_drawn_from_the_bottom_up_is_read_from_the_top():
    text = (PROSE * 8)[: 36 * 14]

    def draw(canvas) -> None:
        for n in reversed(range(14)):
            lines(canvas, text[36 * n : 36 * n + 36], top=800 - 18 * n)

    assert read(draw)["text"].replace("\n", "") == text


@pytest.mark.parametrize(
    ("turn", "at"), [(90, (595, 0)), (180, (595, 842)), (270, (0, 842))]
)
def test_a_page_whose_text_is_drawn_turned_is_read_from_its_first_line(turn, at):
    text = (PROSE * 8)[: 36 * 14]

    def draw(canvas) -> None:
        canvas.translate(*at)
        canvas.rotate(turn)
        lines(canvas, text, top=560)

    assert read(draw)["text"].replace("\n", "") == text


def test_a_page_number_drawn_last_turns_no_page_over_a_column_drawn_last_does():
    left = [TextBox(20, 40 * n + 80, 440, 40 * n + 110, "左") for n in range(9)]
    right = [TextBox(500, 40 * n + 80, 920, 40 * n + 110, "右") for n in range(9)]
    number = TextBox(20, 10, 60, 40, "46")
    assert not is_out_of_order([*left, *right, number])
    assert is_out_of_order([*right, *left])


def test_lines_drawn_in_any_order_are_put_in_theirs():
    boxes = [TextBox(20, 40 * n, 440, 40 * n + 30, "行") for n in range(16)]
    assert is_out_of_order([boxes[n * 7 % 16] for n in range(16)])
    assert not is_out_of_order(boxes)


def test_a_bank_may_be_a_pdf():
    def draw(canvas):
        for n, line in enumerate(["1．甲（ ）", "A．一  B．二", "答案：B"]):
            canvas.drawString(60, 800 - 18 * n, line)
        canvas.showPage()

    found = read_question_banks([file("题.pdf", page(draw))])
    assert found.rows["gold"].to_list() == [["B"]]


def test_the_numbers_of_a_banks_pages_are_no_numbers_of_questions():
    def draw(canvas):
        for n in (1, 2, 3):
            canvas.setFont("STSong-Light", 12)
            for at, line in enumerate(
                [f"{n}. 甲（ ）", "A. 一", "B. 二", "", f"{n + 6}"]
            ):
                canvas.drawString(60, 800 - 18 * at, line)
            canvas.showPage()
        canvas.setFont("STSong-Light", 12)
        canvas.drawString(60, 800, "答案：1.A 2.B 3.A")
        canvas.showPage()

    found = read_question_banks([file("题.pdf", page(draw))])
    assert found.rows["gold"].to_list() == [["A"], ["B"], ["A"]]
    assert not any(found.rows["parse_errors"].to_list())


def test_a_page_of_a_bank_without_text_is_listed():
    def draw(canvas):
        canvas.setFont("STSong-Light", 12)
        lines(canvas, "1．甲。")
        canvas.drawString(60, 700, "答案：乙")
        canvas.showPage()
        canvas.rect(10, 10, 100, 100)

    found = read_question_banks([file("题.pdf", page(draw))])
    assert found.unreadable["reason"].to_list() == ["no_text_layer"]


# ---- reading order ----------------------------------------------------------------


def box(text: str, top: float, left: float, width: float) -> TextBox:
    return TextBox(left, top, left + width, top + 30, text)


def column(name: str, left: float, tops: range) -> list[TextBox]:
    return [box(f"{name}{n}", top, left, 430) for n, top in enumerate(tops, 1)]


@pytest.mark.parametrize("caption", [[], [box("图1", 500, 300, 500)]])
def test_columns_above_a_wide_figure_come_before_those_below(caption):
    above, below = range(0, 200, 50), range(600, 800, 50)
    boxes = [
        *column("甲", 100, above),
        *column("乙", 570, above),
        *caption,
        *column("丙", 100, below),
        *column("丁", 570, below),
    ]
    words = to_text(boxes).split()
    assert [word[0] for word in words] == [
        *"甲甲甲甲乙乙乙乙",
        *(["图"] if caption else []),
        *"丙丙丙丙丁丁丁丁",
    ]


def test_a_table_is_read_row_by_row_its_heads_first():
    rows = [("类型", "时间", "容量"), ("感觉记忆", "四秒", "较大")] * 4
    widths, lefts = (100, 300, 500), (20, 200, 560)
    boxes = [
        box(cell, 60 * n, left, width)
        for n, row in enumerate(rows)
        for cell, left, width in zip(row, lefts, widths, strict=True)
    ]
    first, second, *_ = to_text(boxes).split("\n\n")
    assert (first, second) == ("类型 时间 容量", "感觉记忆 四秒 较大")


def test_a_table_drawn_column_by_column_is_out_of_order():
    def cells(left: float, width: float) -> list[TextBox]:
        return [box("字", 60 * n, left, width) for n in range(4)]

    assert is_out_of_order([*cells(20, 60), *cells(300, 60)])
    assert not is_out_of_order([*cells(20, 260), *cells(300, 260)])


@pytest.mark.skipif(not installed_engines(["rapidocr"]), reason="extra `ocr` is absent")
def test_a_page_that_stands_on_its_head_is_turned():
    import pypdfium2

    document = pypdfium2.PdfDocument(page(lambda canvas: lines(canvas, PROSE)))
    picture: Image.Image = document[0].render(scale=2).to_pil().convert("RGB")
    upright, turned = Rapidocr().read(picture), Rapidocr().read(picture.rotate(180))
    assert turned.text == upright.text


# ---- EPUB -------------------------------------------------------------------------


def epub(body: str, **parts: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as book:
        book.writestr(
            "META-INF/container.xml",
            '<x><rootfiles><rootfile full-path="a.opf"/></rootfiles></x>',
        )
        book.writestr(
            "a.opf",
            '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
            '<item id="a" href="a.xhtml"/></manifest>'
            '<spine><itemref idref="a"/></spine></package>',
        )
        book.writestr("a.xhtml", f"<html><body>{body}</body></html>")
        for name, text in parts.items():
            book.writestr(f"META-INF/{name}.xml", text)
    return data.getvalue()


def text_of(book: bytes) -> str:
    return (
        read_textbooks([file("书.epub", book)], None, PARAMETERS).pages["text"].item()
    )


def covering(path: str) -> str:
    return (
        "<encryption><EncryptedData><CipherData>"
        f'<CipherReference URI="{path}"/></CipherData></EncryptedData></encryption>'
    )


def test_notes_ruby_powers_and_formulas_are_what_they_show():
    body = (
        '<p>记忆<a epub:type="noteref" href="#n">1</a>是<ruby>漢<rt>hàn</rt></ruby>，'
        "σ<sup>2</sup>为<math><mfrac><mi>a</mi><mn>2</mn></mfrac></math>"
        '<sup><a href="#m">[2]</a></sup>。</p>'
        '<aside epub:type="footnote" id="n">米勒提出。</aside><p>后文。</p>'
    )
    assert text_of(epub(body)).split("\n\n") == [
        "记忆是漢，σ²为a/2。",
        "后文。",
        "米勒提出。",
    ]


def test_the_numbers_of_notes_leave_a_book_in_markdown():
    book = file("书.md", "共情[^1]不是同情。\n\n[^1]: 罗杰斯提出。\n".encode())
    (text,) = read_textbooks([book], None, PARAMETERS).pages["text"]
    assert text == "共情不是同情。\n\n罗杰斯提出。"


def test_a_book_whose_fonts_alone_are_encrypted_is_read():
    assert text_of(epub("<p>甲</p>", encryption=covering("fonts/a.ttf"))) == "甲"


@pytest.mark.parametrize(
    "parts", [{"encryption": covering("a.xhtml")}, {"rights": "<rights/>"}]
)
def test_a_book_whose_text_is_encrypted_is_listed(parts):
    found = read_textbooks(
        [file("书.epub", epub("<p>甲</p>", **parts))], None, PARAMETERS
    )
    assert found.unreadable["reason"].to_list() == ["encrypted"]
