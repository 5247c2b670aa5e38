"""Several chat models as one catalog entry: loaded by name, refused in one sentence."""

from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets import ChatModelsDataset
from psyche_kedro.errors import ChatModelError, ConfigurationError
from psyche_kedro.hooks.configuration_check import ConfigurationCheck

KEY = "sk-never-print-me"
OPENAI = "psyche_kedro.datasets.OpenAIChatModelDataset"
OFFLINE = "psyche_kedro.datasets.OfflineChatModelDataset"


def remote(model: str, **fields: Any) -> dict[str, Any]:
    url = "http://127.0.0.1:9/v1"
    return {
        "type": OPENAI,
        "model": model,
        "base_url": url,
        "store": "s.sqlite",
    } | fields


def catalog(models: Any, **credentials: Any) -> DataCatalog:
    entry = {"type": "psyche_kedro.datasets.ChatModelsDataset", "models": models}
    return DataCatalog.from_config({"student_models": entry}, credentials=credentials)


def refusal(models: Any, **credentials: Any) -> str:
    with pytest.raises(ChatModelError) as error:
        catalog(models, **credentials).get("student_models").check()
    said = str(error.value)
    assert "\n" not in said
    assert "secret" not in said
    return said


def test_models_are_loaded_by_their_names_in_order(tmp_path: Path) -> None:
    store = str(tmp_path / "s.sqlite")
    models = catalog(
        {
            "b": remote("qwen", store=store, revision="r1"),
            "a": {"type": OFFLINE, "role": "student-a", "store": store},
        }
    ).load("student_models")
    assert list(models) == ["b", "a"]
    assert models["b"].name == "qwen@r1"
    assert models["a"].name.startswith("offline-student-a")
    assert not (tmp_path / "s.sqlite").exists(), "loading asks nothing"


def test_credentials_are_resolved_below_each_name() -> None:
    models = {"a": remote("qwen", credentials="mine"), "b": remote("phi")}
    entry = catalog(models, mine={"api_key": KEY}).get("student_models")
    entry.check()
    assert KEY not in f"{entry} {entry!r} {entry._describe()}"


def test_every_missing_key_is_named_at_once() -> None:
    said = refusal(
        {
            "a": remote("qwen", credentials="one"),
            "b": remote("phi", credentials="two"),
            "c": remote(
                "llama",
                base_url=None,
                endpoints=[
                    {"base_url": "http://x/v1", "credentials": {"api_key": ""}},
                    {"base_url": "http://y/v1", "credentials": {"api_key": ""}},
                ],
            ),
        },
        one={"api_key": "", "variable": "ONE_KEY"},
        two={"api_key": "", "variable": "TWO_KEY"},
    )
    assert "Model 'qwen' at http://127.0.0.1:9/v1 has credentials without" in said
    assert "set ONE_KEY" in said
    assert "Model 'phi'" in said
    assert "set TWO_KEY" in said
    assert "Model 'llama' at http://x/v1" in said
    assert "Model 'llama' at http://y/v1" in said


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (remote("qwen", limits={"concurrency": 0}), "model 'qwen' has a wrong 'concu"),
        (remote("qwen", sped=1), "unexpected keyword argument 'sped'"),
        ({"type": OPENAI, "store": "s"}, "missing 1 required keyword-only argument"),
        ({"model": "qwen"}, "it has no `type`"),
        ("qwen", "it has no `type`"),
        (remote("qwen", type="psyche_kedro.datasets.Nothing"), "'Nothing' not found"),
        (remote("qwen", credentials="wrong"), "The credentials of model 'qwen' are a"),
    ],
)
def test_a_wrong_entry_is_one_sentence_with_its_name(entry: Any, message: str) -> None:
    said = refusal({"a": remote("phi"), "b": entry}, wrong="api_key:sk-secret")
    assert said.startswith("b: ")
    assert message in said


@pytest.mark.parametrize("models", [{}, None, ["a"]])
def test_an_entry_without_models_is_refused(models: Any) -> None:
    assert "must hold a `name: entry`" in refusal(models)


def test_a_wrong_entry_is_refused_when_loaded_without_a_check() -> None:
    with pytest.raises(DatasetError, match="unexpected keyword argument 'sped'"):
        catalog({"a": remote("qwen", sped=1)}).load("student_models")


def test_a_run_is_stopped_before_its_first_node_and_a_key_is_named_once() -> None:
    asking = Node(len, "student_models", "n", name="ask")
    keyless = remote("qwen", credentials={"api_key": "", "variable": "ONE_KEY"})
    with pytest.raises(ConfigurationError, match=r"^Model 'qwen' .* set ONE_KEY") as e:
        ConfigurationCheck().before_pipeline_run(
            Pipeline([asking]), catalog({"a": keyless, "b": keyless})
        )
    assert str(e.value).count("ONE_KEY") == 1


def test_models_cannot_be_saved() -> None:
    with pytest.raises(DatasetError, match="read-only"):
        ChatModelsDataset(models={"a": remote("qwen")}).save("anything")
