"""The languages as they ship, and rows of CEDAR's tables as tests need them."""

from functools import partial
from typing import Any

import polars as pl
import yaml

from packs import CONF, PACKS
from psyche_kedro.datasets import SourceFile
from psyche_kedro.pipelines.cedar import parameters as p
from psyche_kedro.pipelines.cedar import tables
from psyche_kedro.tables import content_id, frame

PARAMETERS = yaml.safe_load((CONF / "parameters/cedar.yml").read_text("utf-8"))["cedar"]

PICTURES = p.PictureParameters(**PARAMETERS["pictures"])
LABELLING = p.LabellingParameters(**PARAMETERS["labelling"])
ISOLATION = p.IsolationParameters(**PARAMETERS["isolation"])
ANNOTATION = p.AnnotationParameters(**PARAMETERS["annotation"])
BENCHMARK = p.BenchmarkParameters(**PARAMETERS["benchmark"])
RELEASE = p.CedarReleaseParameters(**PARAMETERS["release"])
ALIGNMENT = p.AlignmentParameters(**PARAMETERS["alignment"])


def changed(params: Any, **values: Any) -> Any:
    return type(params)(**{**params.model_dump(), **values})


def source(name: str, data: bytes | str) -> SourceFile:
    raw = data.encode() if isinstance(data, str) else data
    return SourceFile(name, partial(bytes, raw))


def key(n: int) -> str:
    return content_id("scenario", str(n))


def scenarios(n: int, **values: Any) -> pl.DataFrame:
    return frame(
        tables.Scenarios,
        [
            {
                "scenario_id": key(i),
                "source": "scenes.json",
                "locator": f"item {i}",
                "number": i,
                "modality": "text",
                "language": "en",
                "narrative": f"Scene {i}.",
                "question": "How do you feel?",
            }
            | values
            for i in range(n)
        ],
    )


def texts(n: int) -> pl.DataFrame:
    return frame(
        tables.ScenarioTexts,
        [
            {
                "scenario_id": key(i),
                "language": code,
                "narrative": f"{code} {i}",
                "question": "?",
                "origin": "given",
            }
            for i in range(n)
            for code in PACKS
        ],
    )


NO_PICTURES = frame(tables.Pictures, [])
