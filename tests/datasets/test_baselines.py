"""Table 7's models, one entry each; asked in no run that does not name them."""

import re

import pytest

from psyche_kedro.datasets import ChatModelsDataset
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.settings import CONFIG_LOADER_ARGS
from whole_run import ROOT


def entry(env, name="evaluated_models"):
    loader = ConfigLoader(str(ROOT / "conf"), env=env, **CONFIG_LOADER_ARGS)
    return loader["catalog"][name]


@pytest.fixture(scope="module")
def models():
    return entry("baselines")["models"]


def test_there_are_seventeen_each_with_version_size_family_and_reasoning(models):
    assert len(models) == 17
    assert len({model["model"] for model in models.values()}) == 17
    for model in models.values():
        assert model["metadata"].keys() == {"size", "family", "reasoning"}
        size = model["metadata"]["size"]
        assert size is None or re.fullmatch(r"\d+B", size)


def test_hybrids_of_open_weights_run_in_their_reasoning_mode(models):
    hybrids = [m for m in models.values() if m["metadata"]["reasoning"] == "hybrid"]
    thinking = {"chat_template_kwargs": {"enable_thinking": True}}
    told = [m.get("sampling") for m in hybrids if "Qwen3" in m["model"]]
    assert told == [thinking] * 2


def test_they_are_off_unless_their_environment_is_named(models):
    for env in ("local", "endpoint", "paper"):
        assert not entry(env)["models"].keys() & models.keys()


def test_every_entry_is_one_that_a_run_could_ask(models, tmp_path):
    keys = {"api_key": "key", "variable": "PSYCHE_BASELINES_API_KEY"}
    ready = {
        name: {**model, "credentials": keys, "store": str(tmp_path / "replies.sqlite")}
        for name, model in models.items()
    }
    for model in ready.values():
        model.pop("prices")
    assert list(ChatModelsDataset(models=ready, identity="weights").faults()) == []
