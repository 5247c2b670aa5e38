"""A page that this machine has read is read once, whatever ends the run."""

import pytest
from PIL import Image
from test_olmocr import PARAMETERS, scan

from psyche_kedro.errors import OcrError
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.pipelines.ingestion.nodes import read_textbooks
from psyche_kedro.pipelines.ingestion.textbooks import reading
from psyche_kedro.pipelines.ingestion.textbooks.ocr import OcrText


class CountingEngine:
    """Says which picture it was; fails, or is killed, at the pictures it is told."""

    name = "rapidocr"

    def __init__(self, version: str = "1", **at: type[BaseException]) -> None:
        self.identity = f"rapidocr@{version}"
        self.count = 0
        self._at = {int(number): error for number, error in at.items()}

    def read(self, image: Image.Image) -> OcrText:
        self.count += 1
        if error := self._at.get(self.count):
            raise error("at work")
        return OcrText(f"第{self.count}次读出的一页。", 0.75)


@pytest.fixture
def read(tmp_path, monkeypatch):
    def run(engine: CountingEngine):
        monkeypatch.setattr(reading, "installed_engines", lambda names: [engine])
        store = ReplyStore(tmp_path / "replies.sqlite")
        return read_textbooks([scan(3)], None, PARAMETERS, store).pages

    return run


def test_a_second_run_reads_nothing_and_says_the_same(read):
    first, again = CountingEngine(), CountingEngine()
    pages = read(first)
    assert read(again).equals(pages)
    assert (first.count, again.count) == (3, 0)
    assert pages["confidence"].to_list() == [0.75] * 3


def test_a_killed_run_goes_on_where_it_was(read):
    with pytest.raises(KeyboardInterrupt):
        read(CountingEngine(**{"3": KeyboardInterrupt}))
    again = CountingEngine()
    read(again)
    assert again.count == 1


def test_a_page_that_failed_is_read_again(read):
    assert "failed" in read(CountingEngine(**{"2": OcrError}))["status"].to_list()
    again = CountingEngine()
    assert set(read(again)["status"]) == {"ok"}
    assert again.count == 1


def test_another_version_reads_for_itself(read):
    read(CountingEngine())
    newer = CountingEngine("2")
    read(newer)
    assert newer.count == 3
