"""Benchmark items in one line each, and the project's own prompts."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from prompt_set import shipped
from psyche_kedro.pipelines.evaluation import parameters
from psyche_kedro.pipelines.evaluation.nodes import read_answers
from psyche_kedro.prompts import Prompt
from psyche_kedro.tables import BenchmarkItems, ContaminationHits, content_id, frame

ROOT = Path(__file__).parents[3]
PROMPT_NAMES = ("exam_case", "exam_knowledge", "exam_direct", "essay", "counselling")
OPTIONS = {"A": "注意", "B": "记忆", "C": "情绪", "D": "意志"}


def prompts() -> dict[str, Prompt]:
    return {name: shipped(name) for name in PROMPT_NAMES}


def settings() -> dict[str, Any]:
    path = ROOT / "conf/base/parameters/evaluation.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))["evaluation"]


def protocol_parameters(*enabled: str) -> parameters.ProtocolParameters:
    fields = settings()["protocols"]
    return parameters.ProtocolParameters(**fields | {"enabled": enabled})


NO_TRAINING = {"contamination_hits": frame(ContaminationHits, [])}
READING = parameters.ReadingParameters(scored="default", compared=())


def read(predictions: pl.DataFrame, *rows: dict[str, Any]) -> pl.DataFrame:
    return read_answers(predictions, items(*rows), READING)


def answered(asked: dict[str, Any], said: str | None, **changes: Any) -> dict[str, Any]:
    """Return a row of ``predictions``."""
    row = {
        **{name: asked[name] for name in ("item_id", "benchmark", "cell", "split")},
        "role": "sft",
        "protocol": "reasoned",
        "setting": "paper",
        "sample": 0,
        "text": said,
        "finish_reason": None if said is None else "stop",
        "failure": "timeout" if said is None else None,
        "model": "local-sft",
        **changes,
    }
    place = (row["role"], row["item_id"], row["protocol"])
    return row | {"prediction_id": content_id(*place)}


def item(stem: str, *, cell: str, gold: str = "", **changes: Any) -> dict[str, Any]:
    kind = cell.rpartition("_")[2]
    is_choice = kind in {"single", "multiple"}
    item_id = content_id(stem, cell, changes.get("split", "test"))
    return {
        "item_id": item_id,
        "benchmark": "pceb",
        "cell": cell,
        "split": "test",
        "source": "exam.json",
        "locator": "1",
        "cluster_id": item_id,
        "type": kind if is_choice else "short_answer",
        "stem": stem,
        "options": [{"label": k, "text": v} for k, v in OPTIONS.items()]
        if is_choice
        else [],
        "gold": sorted(gold),
        "messages": [],
        "flags": [],
        **changes,
    }


def counselling_case(*turns: str, reference: str | None = None) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": turn} for n, turn in enumerate(turns)]
    return item(
        f"case {turns}",
        cell="counselling",
        benchmark="counselling",
        messages=messages,
        answer_text=reference,
    )


def items(*rows: dict[str, Any]) -> pl.DataFrame:
    return frame(BenchmarkItems, rows)
