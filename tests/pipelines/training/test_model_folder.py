"""What is published: a folder that anyone can load, and that says what it is."""

import json

import pytest
import torch
from safetensors.torch import load_file
from toy import (
    PLAN,
    REWARD,
    TRAINERS_WARN,
    grpo_parameters,
    grpo_set,
    prompt,
    sft_parameters,
    sft_set,
    train_sft,
)
from transformers import AutoModelForCausalLM, AutoTokenizer

from psyche_kedro.datasets.checkpoint_dataset import CheckpointDataset
from psyche_kedro.pipelines.training.nodes import train_grpo

pytestmark = TRAINERS_WARN
SHORT = {"epochs": 2, "save_steps": 20}
LORA = {"r": 4, "alpha": 8, "dropout": 0.0, "target_modules": "all-linear"}


@pytest.fixture
def published(tmp_path, grpo):
    CheckpointDataset(filepath=str(tmp_path / "grpo_model")).save(grpo.checkpoint)
    return tmp_path / "grpo_model"


def test_it_loads_with_plain_transformers_and_answers(published):
    model = AutoModelForCausalLM.from_pretrained(published)
    tokenizer = AutoTokenizer.from_pretrained(published)
    ids = tokenizer.apply_chat_template(
        prompt("保密"), add_generation_prompt=True, return_tensors="pt"
    )
    reply = model.generate(**ids, max_new_tokens=16, do_sample=False)
    assert "<think>" in tokenizer.decode(reply[0])


def test_it_holds_no_pickle_and_no_path_of_this_machine(published, runs):
    names = {path.name for path in published.iterdir()}
    assert {"config.json", "model.safetensors", "README.md", "manifest.json"} <= names
    assert not {name for name in names if name.endswith((".bin", ".pt", ".pth"))}
    for path in published.iterdir():
        assert runs.encode() not in path.read_bytes()


def test_its_card_says_what_it_was_made_of_and_what_it_is_not_for(published, grpo):
    card = (published / "README.md").read_text("utf-8")
    manifest = grpo.checkpoint.manifest
    for said in (manifest["weights"], manifest["base"], manifest["data"], "D_pc: 32"):
        assert said in card
    assert "must not be used for" in card
    assert "trl 1.16" in card
    assert manifest["code"] in card


def test_an_edit_of_what_is_small_does_not_reach_the_run(published, grpo):
    (published / "config.json").write_text("{}")
    (published / "README.md").write_text("mine")
    config = json.loads((grpo.checkpoint.path / "config.json").read_text("utf-8"))
    assert config["model_type"] == "qwen2"


def test_bfloat16_is_the_type_of_the_folder_and_not_of_the_training(base, tmp_path):
    params = sft_parameters(str(tmp_path), export="bfloat16", **SHORT)
    half = train_sft(base, sft_set(), PLAN, params).checkpoint
    whole = train_sft(
        base, sft_set(), PLAN, sft_parameters(str(tmp_path), **SHORT)
    ).checkpoint
    rounded = load_file(half.path / "model.safetensors")
    exact = load_file(whole.path / "model.safetensors")
    assert {weight.dtype for weight in rounded.values()} == {torch.bfloat16}
    for name, weight in exact.items():
        assert torch.equal(rounded[name], weight.to(torch.bfloat16))
    assert AutoModelForCausalLM.from_pretrained(half.path).dtype == torch.bfloat16


@pytest.mark.parametrize("quantization", [None, "nf4"])
def test_adapters_are_merged_before_grpo_starts_from_them(base, tmp_path, quantization):
    if quantization:
        pytest.importorskip("bitsandbytes")
    runs, lora_ = str(tmp_path), LORA | {"quantization": quantization}
    lora = train_sft(
        base, sft_set(), PLAN, sft_parameters(runs, lora=lora_, **SHORT)
    ).checkpoint
    weights = load_file(lora.path / "model.safetensors")
    start = load_file(base.path / "model.safetensors")
    assert weights.keys() == start.keys()
    moved = {n for n in weights if not torch.equal(weights[n], start[n])}
    assert moved == {n for n in weights if n.endswith("_proj.weight")}
    health = grpo_parameters(runs).health.model_copy(update={"stop_on": ()})
    params = grpo_parameters(runs, lora=lora_, epochs=1, health=health)
    policy = train_grpo(lora, grpo_set(), params, REWARD).checkpoint
    assert AutoModelForCausalLM.from_pretrained(policy.path).num_parameters() > 0
    assert not list(policy.path.glob("adapter*"))
