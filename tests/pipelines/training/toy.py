"""A toy on which SFT teaches the format in seconds and GRPO the answers."""

import itertools
from typing import Any

import pytest

from psyche_kedro import tables
from psyche_kedro.datasets.checkpoint_dataset import Checkpoint
from psyche_kedro.pipelines.training import nodes
from psyche_kedro.pipelines.training.parameters import (
    BaseModelParameters,
    GrpoParameters,
    SftParameters,
)
from psyche_kedro.pipelines.training.runs import open_run
from psyche_kedro.rewards import RewardParameters

TRAINERS_WARN = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
    pytest.mark.filterwarnings("ignore::UserWarning:transformers"),
]
"""What trl and its libraries say of each other is not heard."""

GOLD = {"保密": ["A"], "移情": ["A", "C"]}
LETTERS = ["A", "B", "C", "D", "AC"]
IN_PROCESS = {
    "kind": "in_process",
    "processes": 1,
    "machines": 1,
    "rendezvous": None,
    "config_file": None,
    "prefix": [],
    "arguments": [],
    "threads": 1,
}
CHILD = IN_PROCESS | {"kind": "child"}
REWARD = RewardParameters(
    parsable=1.25,
    unparsable=-1,
    right=1,
    wrong=-1,
    empty=-1,
    format_needs="answer",
    partial_credit=True,
)


def prompt(word: str) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "心理"},
        {"role": "user", "content": f"{word}？"},
    ]


def sft_set(repeats: int = 4):
    rows = [
        {
            "example_id": tables.content_id(word, letters, str(i)),
            "parent_id": tables.content_id(word),
            "part": "D_pr",
            "split": "train",
            "variant": "toy",
            "group_id": word,
            "messages": [
                *prompt(word),
                {"role": "assistant", "content": f"<think>{word}</think>\n{letters}"},
            ],
        }
        for i, word, letters in itertools.product(range(repeats), GOLD, LETTERS)
    ]
    return tables.frame(tables.SftExamples, rows)


def grpo_set(repeats: int = 16):
    rows = [
        {
            "example_id": tables.content_id(word, str(i)),
            "parent_id": tables.content_id(word),
            "part": "D_pc",
            "split": "train",
            "variant": "toy",
            "group_id": word,
            "prompt": prompt(word),
            "gold": gold,
            "option_labels": list("ABCD"),
        }
        for i, (word, gold) in itertools.product(range(repeats), GOLD.items())
    ]
    return tables.frame(tables.GrpoExamples, rows)


def base_model(runs: str) -> Checkpoint:
    tiny = {"vocabulary": 400, "hidden": 64, "layers": 2, "heads": 4, "seed": 0}
    return nodes.make_base_model(
        sft_set(),
        grpo_set(),
        BaseModelParameters(runs=runs, path=None, tiny=tiny),
    )


def sft_tokens(base, examples, params):
    """The examples as tokens, none left out for its length."""
    unlimited = params.model_copy(update={"max_length": 10_000})
    return nodes.drop_long_sft_examples(examples, base, unlimited).tokens


def train_sft(base, examples, plan, params):
    tokens = sft_tokens(base, examples, params)
    return nodes.train_sft(base, examples, tokens, plan, params)


def open_sft(*, base, examples, params):
    tokens = sft_tokens(base, examples, params)
    run = {"base": base, "examples": examples, "params": params, "tokens": tokens}
    return open_run("sft", **run)


HEALTH = {
    "window": 20,
    "readable": 0.9,
    "zero_variance": 0.8,
    "clipped": 0.5,
    "kl": 1.0,
    "entropy": 0.1,
    "loss": 1.5,
    "stop_on": ["no_signal", "loss"],
}
STAGE: dict[str, Any] = {
    "launcher": IN_PROCESS,
    "health": HEALTH,
    "evaluate_steps": None,
    "keep": "last",
    "patience": None,
    "lora": None,
    "export": "float32",
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "bf16": False,
    "keep_checkpoints": False,
    "seed": 0,
}


def sft_parameters(runs: str, **changes: Any) -> SftParameters:
    return SftParameters(
        **STAGE
        | {
            "runs": runs,
            "learning_rate": 1e-2,
            "scheduler": "cosine",
            "warmup_ratio": 0.1,
            "adam_epsilon": 1e-8,
            "epochs": 30,
            "batch_size": 20,
            "micro_batch_size": 20,
            "max_length": 128,
            "chat_template": None,
            "save_steps": 20,
            "trainer": {},
        }
        | changes
    )


def grpo_parameters(runs: str, **changes: Any) -> GrpoParameters:
    return GrpoParameters(
        **STAGE
        | {
            "runs": runs,
            "learning_rate": 2e-3,
            "scheduler": "constant_with_warmup",
            "warmup_steps": 3,
            "epochs": 6,
            "batch_size": 8,
            "mini_batch_size": 8,
            "group_size": 8,
            "micro_batch_size": 64,
            "beta": 1e-3,
            "epsilon": 0.2,
            "delta": 3.0,
            "loss": "grpo",
            "temperature": 1.0,
            "top_p": 1.0,
            "max_prompt_length": 64,
            "max_completion_length": 16,
            "samples": 4,
            "save_steps": 8,
            "trainer": {"adam_beta2": 0.99},
        }
        | changes
    )


PLAN = tables.frame(tables.TrainingPlan, [])
