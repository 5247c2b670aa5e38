"""olmOCR is shown what its own renderer draws, or the page says why not."""

import base64
import io
import shutil
import sys

import pytest
from PIL import Image
from test_olmocr import PARAMETERS, good, read, scan
from test_reading_textbooks import LONG, pdf

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import ChatModelError
from psyche_kedro.pipelines.ingestion.textbooks.olmocr_pictures import draw, turn
from psyche_kedro.pipelines.ingestion.textbooks.page_images import PageRef

OLMOCR = PARAMETERS.model_copy(
    update={"olmocr": PARAMETERS.olmocr.model_copy(update={"renderer": "olmocr"})}
)
needs_poppler = pytest.mark.skipif(
    shutil.which("pdftoppm") is None, reason="poppler is not installed"
)


def pictures(bodies) -> list[bytes]:
    """Return the PNG of every request."""
    urls = (body["messages"][0]["content"][1]["image_url"]["url"] for body in bodies)
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def png(colour: str, size=(85, 128)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "png")
    return file.getvalue()


@pytest.fixture
def poppler(tmp_path, monkeypatch):
    """Put programs on the PATH that speak as poppler's do, and draw ``shown``."""

    def install(shown: bytes, fails_at: int = 0) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "shown.png").write_bytes(shown)
        scripts = {
            "pdfinfo": "print('Page    1 MediaBox: 0.00 0.00 200.00 300.00')",
            "pdftoppm": (
                f"import pathlib, sys\nif sys.argv[3] == '{fails_at}':\n"
                "    sys.exit('Syntax Error: no page')\n"
                f"shown = pathlib.Path({str(folder / 'shown.png')!r})\n"
                "sys.stdout.buffer.write(shown.read_bytes())"
            ),
        }
        for name, script in scripts.items():
            (folder / name).write_text(f"#!{sys.executable} -S\n{script}\n")
            (folder / name).chmod(0o700)
        monkeypatch.setenv("PATH", str(folder))

    return install


@needs_poppler
def test_a_page_is_drawn_as_olmocr_s_tool_draws_it(tmp_path):
    from olmocr.data.renderpdf import render_pdf_to_base64png

    _, _, server = read(good, tmp_path, [scan(2)], OLMOCR)
    book = tmp_path / "书.pdf"
    book.write_bytes(scan(2).read())
    drawn = [
        base64.b64decode(render_pdf_to_base64png(str(book), n, 128)) for n in (1, 2)
    ]
    assert sorted(pictures(server.bodies)) == sorted(drawn)


@needs_poppler
@pytest.mark.parametrize("renderer", ["olmocr", "pdfium"])
def test_both_renderers_draw_one_size(renderer):
    params = PARAMETERS.olmocr.model_copy(update={"renderer": renderer})
    (drawing,) = draw([PageRef(scan(1), "pdf", 1)], params)
    with Image.open(io.BytesIO(drawing.png)) as picture:
        assert picture.size == (86, 128)


def test_what_the_program_drew_is_sent_as_it_is(tmp_path, poppler):
    poppler(png("black"))
    pages, _, server = read(good, tmp_path, [scan(2)], OLMOCR)
    assert pages["status"].to_list() == ["ok", "ok"]
    assert set(pictures(server.bodies)) == {png("black")}


def test_a_page_that_the_program_cannot_draw_costs_no_other(tmp_path, poppler):
    poppler(png("black"), fails_at=2)
    pages, _, _ = read(good, tmp_path, [scan(3)], OLMOCR)
    assert pages["status"].to_list() == ["ok", "failed", "ok"]
    assert pages["detail"][1] == "olmocr: not_drawn; no_ocr_engine"


def test_a_page_drawn_without_its_text_is_not_taken_for_a_blank_one(tmp_path, poppler):
    """As poppler draws a font that is not embedded where it lacks its Chinese data."""
    poppler(png("white"))
    pages, _, server = read(good, tmp_path, [scan(1)], OLMOCR)
    assert pages["detail"].item() == "olmocr: drawn_without_its_text; no_ocr_engine"
    assert server.total == 0


def test_a_page_that_is_blank_is_asked_for_as_it_is(tmp_path, poppler):
    poppler(png("white"))
    blank = io.BytesIO()
    Image.new("RGB", (200, 300), "white").save(blank, "pdf")
    _, _, server = read(good, tmp_path, [SourceFile("空.pdf", blank.getvalue)], OLMOCR)
    assert server.total == 1


def test_without_poppler_no_page_is_asked_and_the_mend_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChatModelError, match=r"pdfinfo and pdftoppm.*apt install"):
        read(good, tmp_path, [scan(1)], OLMOCR)


def test_a_book_with_a_text_layer_needs_no_poppler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    book = SourceFile("书.pdf", lambda: pdf(LONG))
    pages, _, _ = read(good, tmp_path, [book], OLMOCR)
    assert pages["status"].to_list() == ["ok"]


def test_an_image_file_needs_no_poppler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    image = SourceFile("书.png", lambda: png("black"))
    _, _, server = read(good, tmp_path, [image], OLMOCR)
    assert pictures(server.bodies) == [png("black")]


def test_a_picture_is_turned_against_the_clock():
    """As olmOCR's tool turns it."""
    picture = Image.new("RGB", (2, 1), "white")
    picture.putpixel((1, 0), (0, 0, 0))
    file = io.BytesIO()
    picture.save(file, "png")
    with Image.open(io.BytesIO(turn(file.getvalue(), 90))) as turned:
        assert turned.getpixel((0, 0)) == (0, 0, 0)
