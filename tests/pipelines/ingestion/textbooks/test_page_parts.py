"""A page that a machine has read is read once, whatever ends the run."""

from dataclasses import replace
from functools import cache

import pytest
from PIL import Image
from test_olmocr import PARAMETERS, scan

from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.errors import OcrError
from psyche_kedro.partitions.engines import InProcess, MapEngine, died
from psyche_kedro.partitions.store import PartitionStore
from psyche_kedro.pipelines.ingestion.nodes import read_textbooks
from psyche_kedro.pipelines.ingestion.parameters import UNLIMITED
from psyche_kedro.pipelines.ingestion.textbooks import pictures
from psyche_kedro.pipelines.ingestion.textbooks.ocr import OcrText
from psyche_kedro.pipelines.ingestion.textbooks.page_images import PageRef
from psyche_kedro.pipelines.ingestion.textbooks.pictures import PagePart, page_parts
from psyche_kedro.pipelines.ingestion.textbooks.reading import Page
from psyche_kedro.workers.tasks import Lost

book = cache(scan)
"""The same bytes each time: a PDF tells when it was made."""


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
    def run(engine: CountingEngine, n=3, params=PARAMETERS, limits=UNLIMITED):
        monkeypatch.setattr(pictures, "installed_engines", lambda names: [engine])
        maps = MapEngine(PartitionStore(str(tmp_path / "store")), InProcess())
        return read_textbooks([book(n)], None, params, maps, limits).pages

    return run


def test_a_second_run_draws_nothing_and_says_the_same(read, monkeypatch):
    first, again = CountingEngine(), CountingEngine()
    pages = read(first)
    monkeypatch.delattr(pictures, "draw")
    assert read(again).equals(pages)
    assert (first.count, again.count) == (3, 0)
    assert pages["confidence"].to_list() == [0.75] * 3


def test_the_store_changes_nothing_of_what_is_read(read, monkeypatch):
    pages = read(CountingEngine())
    monkeypatch.setattr(pictures, "installed_engines", lambda names: [CountingEngine()])
    assert read_textbooks([book(3)], None, PARAMETERS).pages.equals(pages)


def test_a_killed_run_goes_on_with_the_part_it_was_at(read):
    with pytest.raises(KeyboardInterrupt):
        read(CountingEngine(**{"18": KeyboardInterrupt}), n=20)
    again = CountingEngine()
    read(again, n=20)
    assert again.count == 4


def test_a_page_that_failed_is_read_again(read):
    assert "failed" in read(CountingEngine(**{"2": OcrError}))["status"].to_list()
    again = CountingEngine()
    assert set(read(again)["status"]) == {"ok"}
    assert again.count == 3


def test_another_version_reads_for_itself(read):
    read(CountingEngine())
    newer = CountingEngine("2")
    read(newer)
    assert newer.count == 3


def test_another_setting_reads_for_itself(read):
    read(CountingEngine())
    again = CountingEngine()
    read(again, params=PARAMETERS.model_copy(update={"blank_ink_share": 0.002}))
    assert again.count == 3


def page(number: int, layer: str = "", book: str = "书.pdf") -> Page:
    return Page(PageRef(SourceFile(book, bytes), "pdf", number), None, layer)


def test_a_part_is_of_one_book_and_of_sixteen_pages_at_most():
    pages = [page(n) for n in range(1, 18)] + [page(1, book="图.pdf")]
    parts = list(
        page_parts(pages, {page(1).ref.file: "a", page(1, book="图.pdf").ref.file: "b"})
    )
    assert [part.name for part in parts] == [
        "书.pdf p. 1-16",
        "书.pdf p. 17-17",
        "图.pdf p. 1-1",
    ]
    assert [part.document_id for part in parts] == ["a", "a", "b"]


def test_a_part_is_told_by_its_book_its_pages_and_their_layers():
    part = PagePart("a", (page(1), page(2, "层")))
    moved = replace(part, pages=(page(1, book="b.pdf"), page(2, "层", book="b.pdf")))
    assert part.digest() == moved.digest()
    others = [
        replace(part, document_id="b"),
        replace(part, pages=(page(1), page(3, "层"))),
        replace(part, pages=(page(1), page(2, "另"))),
    ]
    assert part.digest() not in [other.digest() for other in others]


def test_of_a_lost_part_every_page_has_a_row(monkeypatch, tmp_path):
    class Dying:
        def outcomes(self, job, partitions):
            return map(died, partitions)

    monkeypatch.setattr(pictures, "installed_engines", lambda names: [CountingEngine()])
    dying = MapEngine(PartitionStore(str(tmp_path)), Dying())
    read = read_textbooks([book(3)], None, PARAMETERS, dying).pages
    assert (
        read.select("status", "detail").rows() == [("failed", "part_worker_died")] * 3
    )


def test_a_book_that_ends_its_readers_is_given_up(read, monkeypatch):
    lost = Lost("too_slow", "it takes over 1 s")
    monkeypatch.setattr(pictures, "draw", lambda refs, *_: (lost for _ in refs))
    limits = UNLIMITED.model_copy(update={"lost_pages": 10})
    details = read(CountingEngine(), n=40, limits=limits)["detail"].to_list()
    assert details == ["too_slow"] * 16 + ["given_up"] * 24
