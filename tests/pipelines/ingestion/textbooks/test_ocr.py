"""The OCR engines of this machine: tesseract for real where it is, or what it lacks."""

import logging
import sys
from pathlib import Path

import pytest
from PIL import Image
from test_olmocr import PARAMETERS, SAMPLE, scan

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import OcrError
from psyche_kedro.pipelines.ingestion.nodes import read_textbooks
from psyche_kedro.pipelines.ingestion.parameters import TextbookParameters
from psyche_kedro.pipelines.ingestion.textbooks.ocr import (
    Rapidocr,
    Tesseract,
    installed_engines,
    missing_engines,
)
from psyche_kedro.pipelines.ingestion.textbooks.page_images import PageRef, render

SCAN = SAMPLE / "变态与咨询心理学_扫描.pdf"
needs_tesseract = pytest.mark.skipif(
    Tesseract().lacks() is not None, reason="tesseract with chi_sim is not installed"
)


def with_tesseract(longest_side: int = 1800) -> TextbookParameters:
    update = {"engines": ("tesseract",), "longest_side": longest_side}
    local = PARAMETERS.local_ocr.model_copy(update=update)
    return PARAMETERS.model_copy(update={"local_ocr": local})


@pytest.fixture
def tesseract(tmp_path, monkeypatch):
    """Put a program on the PATH that has ``languages`` and reads by ``script``."""

    def install(languages: str = "chi_sim", script: str = "") -> None:
        program = Path(tmp_path, "tesseract")
        listing = f"if '--list-langs' in sys.argv: sys.exit(print({languages!r}))"
        program.write_text(
            f"#!{sys.executable} -S\nimport os, sys\n{listing}\n{script}\n"
        )
        program.chmod(0o700)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


SAYS = """
out = sys.argv[2]
open(out + '.txt', 'w', encoding='utf-8').write({text!r})
columns = 'level page_num block_num par_num line_num word_num left top width height'
rows = [columns.split() + ['conf', 'text']]
rows += [['5', '1', '1', '1', n, '1', '0', '0', '9', '9', c, t] for n, c, t in {words}]
open(out + '.tsv', 'w', encoding='utf-8').write(
    '\\n'.join('\\t'.join(row) for row in rows)
)
"""


@needs_tesseract
def test_the_bundled_scan_is_read_by_tesseract():
    book = SourceFile(SCAN.name, SCAN.read_bytes)
    pages = read_textbooks([book], None, with_tesseract()).pages
    assert pages["status"].to_list() == ["ok"] * 3
    assert pages["engine"].unique().to_list() == ["tesseract"]
    assert pages["confidence"].is_between(0, 1).all()
    text = pages["text"][0].replace("\n", "").replace(" ", "")
    assert "判断心理是否异常" in text
    assert text.index("判断心理是否异常") < text.index("幻觉是指没有相应的客观刺激")


@needs_tesseract
@pytest.mark.parametrize("turned", [90, 180])
def test_tesseract_turns_a_page_that_lies_on_its_side(turned):
    (page,) = render([PageRef(SourceFile(SCAN.name, SCAN.read_bytes), "pdf", 1)], 1300)
    read = Tesseract().read(page.rotate(turned, expand=True)).text
    assert "判断心理是否异常" in read.replace(" ", "")


def test_the_lowest_line_is_the_page_s_confidence(tesseract):
    words = [
        ("1", "96", "记忆"),
        ("1", "60", "的"),
        ("2", "40", "甲"),
        ("2", "90", " "),
    ]
    tesseract(script=SAYS.format(text="记忆的\n甲\n\f", words=words))
    read = Tesseract().read(Image.new("L", (20, 20)))
    assert read == ("记忆的\n甲", pytest.approx(0.4))


def test_tesseract_runs_on_one_thread(tesseract):
    tesseract(script="sys.exit(os.environ['OMP_THREAD_LIMIT'])")
    with pytest.raises(OcrError, match=r"^1$"):
        Tesseract().read(Image.new("L", (20, 20)))


def test_a_page_on_which_tesseract_breaks_off_is_no_blank_page(tesseract):
    tesseract(script="sys.exit('Image too large')")
    page = read_textbooks([scan(1)], None, with_tesseract()).pages
    assert page.select("status", "detail").row(0) == (
        "failed",
        "tesseract: Image too large",
    )


def test_tesseract_without_its_chinese_model_is_not_installed(tesseract):
    tesseract(languages="eng\nosd")
    assert installed_engines(["tesseract"]) == []
    (lack,) = missing_engines(["tesseract"])
    assert lack.startswith("tesseract lacks its model chi_sim (`apt install")


def test_what_to_install_is_said_once_where_it_costs_pages(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING, "psyche_kedro"):
        pages = read_textbooks([scan(2)], None, with_tesseract()).pages
    assert pages["detail"].to_list() == ["no_ocr_engine"] * 2
    (said,) = caplog.messages
    assert said.startswith(
        "2 pages are left without an OCR engine: tesseract is not on"
    )


@pytest.mark.skipif(Rapidocr().lacks() is not None, reason="extra `ocr` is absent")
def test_a_page_on_which_rapidocr_fails_costs_no_other():
    with pytest.raises(OcrError, match="ResizeImgError"):
        Rapidocr().read(Image.new("RGB", (3, 5000), "black"))
