"""olmOCR through a vision endpoint that misbehaves: every book survives."""

import io
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from fake_vlm_server import Answer, Ask, FakeVlmServer, page

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.llm.chat_model import Reply
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.pipelines.ingestion.nodes import read_textbooks
from psyche_kedro.pipelines.ingestion.parameters import (
    OlmocrParameters,
    TextbookParameters,
)
from psyche_kedro.pipelines.ingestion.textbooks import pictures
from psyche_kedro.pipelines.ingestion.textbooks.ocr import OcrText
from psyche_kedro.pipelines.ingestion.textbooks.olmocr import read_reply
from psyche_kedro.pipelines.ingestion.textbooks.olmocr_pictures import draw
from psyche_kedro.pipelines.ingestion.textbooks.page_images import PageRef

SAMPLE = Path(__file__).parents[4] / "data/01_raw/sample/textbooks"
PARAMETERS = TextbookParameters.model_validate(
    {
        "text_layer": {
            "min_chars": 50,
            "min_readable_share": 0.9,
            "max_image_share": 0.85,
        },
        "olmocr": {
            "renderer": "pdfium",
            "longest_side": 128,
            "max_tokens": 800,
            "temperatures": [0.1, 0.3, 0.7],
        },
        "local_ocr": {
            "engines": [],
            "longest_side": 128,
            "min_confidence": {"rapidocr": 0.9, "tesseract": 0.7},
            "seconds": 300,
            "memory_mb": 2500,
        },
        "blank_ink_share": 0.0002,
    }
)


def scan(n_pages: int, name: str = "书.pdf") -> SourceFile:
    """A PDF of pictures: page n shows a bar of n parts, so that no two are alike."""
    from PIL import Image

    pages = []
    for number in range(1, n_pages + 1):
        picture = Image.new("RGB", (200, 300), "white")
        picture.paste("black", (10, 10, 10 + 3 * number, 40))
        pages.append(picture)
    data = io.BytesIO()
    pages[0].save(data, "pdf", save_all=True, append_images=pages[1:])
    return SourceFile(name, data.getvalue)


def read(script: Callable[[Ask], Answer], tmp_path, files=None, params=PARAMETERS):
    """Return the table of pages, that of files, and the server that was asked."""
    with FakeVlmServer(script) as server:
        model = OpenAIChatModel(
            "olmocr",
            endpoints=[Endpoint(base_url=server.url)],
            store=ReplyStore(tmp_path / "replies.sqlite"),
            patience=Patience(attempts=4),
        )
        read = read_textbooks(files or [scan(3)], model, params)
    return read.pages, read.unreadable, server


def good(ask: Ask) -> Answer:
    return Answer(page(f"第{ask.picture}页"))


def first(answer: Answer) -> Callable[[Ask], Answer]:
    """The first answer for every picture is ``answer``, the next is good."""
    return lambda ask: answer if ask.nth == 0 else good(ask)


def test_a_page_is_asked_for_with_olmocr_s_own_prompt_and_picture(tmp_path):
    from olmocr.prompts import build_no_anchoring_v4_yaml_prompt

    _, _, server = read(good, tmp_path)
    body = server.bodies[0]
    assert body["messages"][0]["content"][0]["text"] == (
        build_no_anchoring_v4_yaml_prompt()
    )
    assert (body["temperature"], body["max_tokens"]) == (0.1, 800)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=429),
        Answer(status=503),
        Answer(drop=True),
        Answer("# no front matter"),
        Answer(page("half"), finish_reason="length"),
        Answer(page("无尽" * 400)),
    ],
    ids=["429", "503", "dropped", "no front matter", "truncated", "repeating"],
)
def test_a_fault_that_passes_costs_no_page(tmp_path, answer):
    pages, unreadable, _ = read(first(answer), tmp_path)
    assert pages["status"].to_list() == ["ok"] * 3
    assert pages["engine"].unique().to_list() == ["olmocr"]
    assert unreadable.is_empty()


@pytest.mark.parametrize(
    "dress",
    ["```markdown\n{}\n```", "<think>先看标题。</think>\n{}", "\n{}"],
    ids=["fence", "thought", "leading line"],
)
def test_fences_and_thoughts_are_taken_off(tmp_path, dress):
    pages, _, server = read(lambda ask: Answer(dress.format(page("正文。"))), tmp_path)
    assert pages["text"].to_list() == ["正文。"] * 3
    assert server.total == 3


def test_a_thought_that_the_gateway_left_is_taken_off_too():
    said = Reply(f"<think>先看标题。</think>\n```\n{page('正文。')}\n```", "m", "k")
    assert read_reply(said).text == "正文。"


@pytest.mark.parametrize("matter", ["a: b: 标记", "[标记", "标记: 1", "- 标记"])
def test_no_word_of_a_page_is_logged(matter, caplog):
    said = read_reply(Reply(f"---\n{matter}\n---\n标记", "m", "k"))
    assert (said.problem, caplog.text) == ("no_front_matter", "")


def test_a_page_on_its_side_is_turned_and_asked_for_again(tmp_path):
    def script(ask: Ask) -> Answer:
        lies = ask.height > ask.width
        return Answer(page("倒着的", turn=90) if lies else page("正过来了。"))

    pages, _, _ = read(script, tmp_path)
    assert pages["text"].to_list() == ["正过来了。"] * 3


def test_a_page_without_text_is_blank(tmp_path):
    pages, _, _ = read(lambda ask: Answer(page("")), tmp_path)
    assert pages["status"].to_list() == ["blank"] * 3


@pytest.mark.parametrize("renderer", ["pdfium", "olmocr"])
def test_the_one_page_of_61_that_always_fails_is_named_and_the_book_survives(
    tmp_path, renderer
):
    if renderer == "olmocr" and shutil.which("pdftoppm") is None:
        pytest.skip("no poppler")
    settings = PARAMETERS.olmocr.model_copy(update={"renderer": renderer})
    book = scan(61)
    bad = picture_of(PageRef(book, "pdf", 40), settings)

    def script(ask: Ask) -> Answer:
        return Answer("nonsense") if ask.picture == bad else good(ask)

    params = PARAMETERS.model_copy(update={"olmocr": settings})
    pages, unreadable, server = read(script, tmp_path, [book], params)
    failed = pages.filter(pages["status"] != "ok")
    assert pages["page"].to_list() == list(range(1, 62))
    assert failed.select("source", "page", "status", "detail").rows() == [
        ("书.pdf", 40, "failed", "olmocr: no_front_matter; no_ocr_engine")
    ]
    assert unreadable.is_empty()
    assert server.total == 60 + len(settings.temperatures)


def picture_of(ref: PageRef, settings: OlmocrParameters) -> str:
    """What the server calls the picture of a page."""
    (drawing,) = draw([ref], settings)
    return sha256(drawing.png).hexdigest()[:16]


def test_a_rerun_asks_only_for_what_is_missing(tmp_path):
    broken: list[str] = []

    def failing(ask: Ask) -> Answer:
        if not broken:
            broken.append(ask.picture)
        return Answer(status=503) if ask.picture in broken else good(ask)

    first_run, _, _ = read(failing, tmp_path, [scan(5)])
    second_run, _, server = read(good, tmp_path, [scan(5)])
    assert sorted(first_run["status"]) == ["failed", *["ok"] * 4]
    assert second_run["status"].to_list() == ["ok"] * 5
    assert dict(server.asked) == {broken[0]: 1}


def test_a_trusted_text_layer_is_not_asked_for(tmp_path):
    book = SAMPLE / "社会与健康心理学.pdf"
    pages, _, server = read(good, tmp_path, [SourceFile(book.name, book.read_bytes)])
    assert pages["engine"].unique().to_list() == ["text_layer"]
    assert server.total == 0


def test_a_refusal_of_the_endpoint_stands_in_the_row(tmp_path):
    pages, _, _ = read(lambda ask: Answer(status=400), tmp_path, [scan(2)])
    assert pages["status"].to_list() == ["failed", "failed"]
    assert set(pages["detail"].str.extract(r"^olmocr: (\w+)")) == {"bad_request"}


def test_what_this_machine_reads_after_olmocr_failed_is_a_fallback(
    tmp_path, monkeypatch
):
    class Engine:
        name = "rapidocr"

        def read(self, image) -> OcrText:
            return OcrText("读出来了。", 0.99)

    monkeypatch.setattr(pictures, "installed_engines", lambda names: [Engine()])
    pages, _, _ = read(lambda ask: Answer(status=400), tmp_path, [scan(1)])
    assert pages.select("text", "status", "engine", "detail").row(0) == (
        "读出来了。",
        "fallback",
        "rapidocr",
        "olmocr: bad_request",
    )
