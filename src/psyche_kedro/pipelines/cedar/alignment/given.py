"""Benchmarks in CEDAR's own files: the public sample, or the whole from its authors."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from psyche_kedro.datasets import SourceFile
from psyche_kedro.datasets.language_packs import Packs
from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.cedar.isolation.pictures import prepare_pictures
from psyche_kedro.pipelines.cedar.isolation.scenarios import by_path
from psyche_kedro.pipelines.cedar.layout import PublicItem, read_public
from psyche_kedro.pipelines.cedar.parameters import PictureParameters
from psyche_kedro.pipelines.cedar.tables import CedarRejections, Items
from psyche_kedro.tables import Row, content_id, frame, rejection

_STAGE = "read_given_benchmarks"


class Given(NamedTuple):
    """Benchmarks as their authors give them."""

    items: pl.DataFrame
    pictures: pl.DataFrame
    rejected: pl.DataFrame


def read_given_benchmarks(
    benchmark_files: list[SourceFile], packs: Packs, params: PictureParameters
) -> Given:
    """Return the items and pictures of every benchmark, and what cannot be asked.

    A folder is a benchmark. An item that lacks a language, a gold or its picture is out
    in all languages.

    Args:
        benchmark_files: Folders in CEDAR's layout.
        packs: Languages, by culture.
        params: ``cedar.pictures``.

    Returns:
        ``Items``, ``Pictures`` and ``CedarRejections``.
    """
    pictures, lost = prepare_pictures(benchmark_files, params)
    shown = by_path(pictures)
    rows: list[Row] = []
    rejections: list[Row] = []
    for item in _items(benchmark_files, packs, rejections):
        if reason := _fault(item, packs, shown):
            rejections.append(_rejected(item, reason))
        else:
            rows += _rows(item, packs, shown.get(item.picture))
    gone = pl.concat([lost, frame(CedarRejections, rejections)])
    return Given(frame(Items, rows), pictures, gone)


def _items(
    files: list[SourceFile], packs: Packs, rejections: list[Row]
) -> Iterator[PublicItem]:
    """Yield the items; what cannot be read is added to ``rejections``."""
    try:
        yield from read_public(files, packs)
    except UnreadableSource as error:
        rejections.append(
            rejection(content_id(_STAGE), _STAGE, error.reason, detail=error.detail)
        )


def _fault(item: PublicItem, packs: Packs, shown: Mapping[str, str]) -> str | None:
    for code, pack in packs.items():
        said = item.said.get(code)
        if said is None:
            return f"missing:{code}"
        if code in item.twice:
            return f"duplicate_id:{code}"
        if said.gold not in pack.emotions:
            return f"unknown_gold:{code}"
        if said.gold_word and pack.emotion_of(said.gold_word) != said.gold:
            return f"golds_differ:{code}"
    return "picture_missing" if item.picture and item.picture not in shown else None


def _rows(item: PublicItem, packs: Packs, picture: str | None) -> Iterator[Row]:
    scenario = _scenario_id(item)
    for code in packs:
        said = item.said[code]
        yield {
            "item_id": content_id(scenario, code),
            "scenario_id": scenario,
            "benchmark": _benchmark(item),
            "number": item.number,
            "modality": "multimodal" if item.picture else "text",
            "language": code,
            "narrative": said.narrative,
            "question": said.question,
            "picture_id": picture,
            "gold": said.gold,
            "gold_word": said.gold_word,
            "votes": [],
        }


def _benchmark(item: PublicItem) -> str:
    return item.folder.partition("/")[0] or "given"


def _scenario_id(item: PublicItem) -> str:
    return content_id("given", item.folder, str(item.number))


def _rejected(item: PublicItem, reason: str) -> Row:
    source = f"{item.folder} {item.number}"
    return rejection(_scenario_id(item), _STAGE, reason, source=source)
