"""Chat models as catalog entries: cheap to load, clear when a key is missing."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog, DatasetError

import psyche_kedro
from psyche_kedro.datasets import OfflineChatModelDataset, OpenAIChatModelDataset
from psyche_kedro.llm import ChatModelError

KEY = "sk-never-print-me"


def _entry(tmp_path: Path, **fields: Any) -> OpenAIChatModelDataset:
    fields.setdefault("credentials", {"api_key": KEY})
    return OpenAIChatModelDataset(
        model="qwen",
        base_url="http://127.0.0.1:9/v1",
        store=str(tmp_path / "replies.sqlite"),
        **fields,
    )


def test_loading_asks_nothing(tmp_path: Path) -> None:
    assert _entry(tmp_path, revision="r1").load().name == "qwen@r1"
    assert not (tmp_path / "replies.sqlite").exists()


def test_an_empty_key_stops_the_run_and_names_its_variable(tmp_path: Path) -> None:
    credentials = {"api_key": "", "variable": "PSYCHE_TEACHER_API_KEY"}
    with pytest.raises(ChatModelError, match="set PSYCHE_TEACHER_API_KEY"):
        _entry(tmp_path, credentials=credentials).check()


def test_a_server_without_keys_needs_no_credentials(tmp_path: Path) -> None:
    _entry(tmp_path, credentials=None).check()


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    entry = _entry(tmp_path)
    shown = f"{entry} {entry!r} {entry._describe()} {entry._endpoints}"
    assert KEY not in shown


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"wrong 'concurrency'.*greater than 0"):
        _entry(tmp_path, limits={"concurrency": 0})


def test_a_model_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="read-only"):
        _entry(tmp_path).save("anything")


def test_the_catalog_makes_both_from_yaml(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {
            "teacher_model": {
                "type": "psyche_kedro.datasets.OpenAIChatModelDataset",
                "model": "qwen",
                "base_url": "http://127.0.0.1:9/v1",
                "credentials": "teacher",
                "store": str(tmp_path / "r.sqlite"),
                "metadata": {"kedro-viz": {"layer": "models"}},
            },
            "judge_model": {
                "type": "psyche_kedro.datasets.OfflineChatModelDataset",
                "role": "judge",
                "store": str(tmp_path / "r.sqlite"),
            },
        },
        credentials={"teacher": {"api_key": KEY}},
    )
    assert catalog.load("teacher_model").name == "qwen"
    assert isinstance(catalog.get("judge_model"), OfflineChatModelDataset)


def test_declaring_models_imports_no_client() -> None:
    code = (
        "import sys, psyche_kedro.datasets as d;"
        "d.OpenAIChatModelDataset(model='m', base_url='http://x/v1', store='s');"
        "assert not {'openai', 'jieba', 'aiohttp', 'torch'} & set(sys.modules)"
    )
    source = str(Path(psyche_kedro.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
