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
from psyche_kedro.errors import ChatModelError

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


def test_a_key_without_a_space_before_it_is_named_and_never_quoted(
    tmp_path: Path,
) -> None:
    with pytest.raises(DatasetError, match="`api_key: …`") as error:
        _entry(tmp_path, credentials="api_key:sk-secret")
    assert "secret" not in str(error.value)


def test_a_url_without_its_scheme_stops_the_run(tmp_path: Path) -> None:
    entry = OpenAIChatModelDataset(
        model="qwen", base_url="127.0.0.1:8000", store=str(tmp_path / "r.sqlite")
    )
    with pytest.raises(ChatModelError, match="needs http:// or https://"):
        entry.check()


def test_a_server_without_keys_needs_no_credentials(tmp_path: Path) -> None:
    _entry(tmp_path, credentials=None).check()


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    entry = _entry(tmp_path)
    shown = f"{entry} {entry!r} {entry._describe()} {entry._endpoints}"
    assert KEY not in shown


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"wrong 'concurrency'.*greater than 0"):
        _entry(tmp_path, limits={"concurrency": 0})


def test_several_endpoints_may_have_their_own_keys(tmp_path: Path) -> None:
    entry = OpenAIChatModelDataset(
        model="qwen",
        store=str(tmp_path / "r.sqlite"),
        credentials={"api_key": KEY},
        endpoints=[
            {"base_url": "http://a/v1", "weight": 2},
            {"base_url": "http://b/v1", "credentials": {"api_key": ""}},
        ],
        limits={"requests_per_minute": 60},
    )
    assert [each.requests_per_minute for each in entry._endpoints] == [60, 60]
    with pytest.raises(ChatModelError, match="at http://b/v1 has credentials without"):
        entry.check()


def _with_two_keys(tmp_path: Path, endpoints: Any) -> DataCatalog:
    entry = {
        "type": "psyche_kedro.datasets.OpenAIChatModelDataset",
        "model": "qwen",
        "store": str(tmp_path / "r.sqlite"),
        "endpoints": endpoints,
    }
    keys = {"first": {"api_key": "sk-one"}, "second": {"api_key": "sk-two"}}
    return DataCatalog.from_config({"teacher_model": entry}, credentials=keys)


ONE = {"base_url": "http://127.0.0.1:8/v1", "credentials": "first"}
TWO = {"base_url": "http://127.0.0.1:9/v1", "credentials": "second"}


def test_endpoints_with_names_find_their_own_keys_in_the_catalog(
    tmp_path: Path,
) -> None:
    catalog = _with_two_keys(tmp_path, {"one": ONE, "two": TWO})
    found = catalog.get("teacher_model")._endpoints
    assert [each.api_key.get_secret_value() for each in found] == ["sk-one", "sk-two"]


def test_keys_of_endpoints_without_names_are_refused_with_the_mend(
    tmp_path: Path,
) -> None:
    with pytest.raises(DatasetError, match=r"of several endpoints, give each a name"):
        _with_two_keys(tmp_path, [ONE, TWO]).get("teacher_model")


@pytest.mark.parametrize("budget", ["budget", "run_budget"])
def test_a_budget_in_money_needs_a_price(tmp_path: Path, budget: str) -> None:
    with pytest.raises(ChatModelError, match="no price is known for model 'qwen'"):
        _entry(tmp_path, **{budget: {"money": 5}}).check()
    prices = tmp_path / "prices.yml"
    prices.write_text("qwen: {input: 4, output: 12, currency: CNY, as_of: '2026-11'}")
    _entry(tmp_path, prices=str(prices), **{budget: {"money": 5}}).check()


def test_one_url_and_several_are_not_both_taken(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has both base_url and endpoints"):
        _entry(tmp_path, endpoints=[{"base_url": "http://a/v1"}])


def test_an_unknown_mode_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChatModelError, match="mode 'bulk': it is online or batch"):
        _entry(tmp_path, mode="bulk").check()


@pytest.mark.parametrize("part", ["patience", "budget", "limits"])
def test_a_setting_that_does_not_exist_is_named(tmp_path: Path, part: str) -> None:
    with pytest.raises(DatasetError, match="wrong 'sped': Extra inputs"):
        _entry(tmp_path, **{part: {"sped": 1}})


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
