"""``sft_set`` and ``grpo_set`` → ``base_model`` → ``sft_model`` → ``grpo_model``."""

from kedro.pipeline import Node, Pipeline

from psyche_kedro.accounts import account_node, beside, kept, rejected
from psyche_kedro.pipelines.training.nodes import (
    drop_long_grpo_examples,
    drop_long_sft_examples,
    list_trained_models,
    make_base_model,
    train_grpo,
    train_sft,
)

ACCOUNT = (
    kept("sft_examples"),
    rejected("long_sft_examples", of="sft_examples"),
    kept("grpo_examples"),
    rejected("long_grpo_examples", of="grpo_examples"),
    beside("trained_models"),
    beside("sft_log", by="metric"),
    beside("grpo_log", by="metric"),
)


def create_pipeline() -> Pipeline:
    """Return §2.5."""
    return Pipeline([*_start(), *_stages(), account_node("training", ACCOUNT)])


def _start() -> list[Node]:
    return [
        Node(
            make_base_model,
            inputs={
                "sft_set": "sft_set",
                "grpo_set": "grpo_set",
                "params": "params:training.base_model",
            },
            outputs="base_model@checkpoint",
            name="make_base_model",
        ),
        Node(
            drop_long_sft_examples,
            inputs={
                "sft_set": "sft_set",
                "base_model": "base_model@checkpoint",
                "params": "params:training.sft",
            },
            outputs=["sft_examples", "long_sft_examples"],
            name="drop_long_sft_examples",
        ),
        Node(
            drop_long_grpo_examples,
            inputs={
                "grpo_set": "grpo_set",
                "base_model": "base_model@checkpoint",
                "params": "params:training.grpo",
            },
            outputs=["grpo_examples", "long_grpo_examples"],
            name="drop_long_grpo_examples",
        ),
    ]


def _stages() -> list[Node]:
    return [
        Node(
            train_sft,
            inputs={
                "base_model": "base_model@checkpoint",
                "sft_examples": "sft_examples",
                "params": "params:training.sft",
            },
            outputs=["sft_model@checkpoint", "sft_log"],
            name="train_sft",
        ),
        Node(
            train_grpo,
            inputs={
                "sft_model": "sft_model@checkpoint",
                "grpo_examples": "grpo_examples",
                "params": "params:training.grpo",
                "reward": "params:training.reward",
            },
            outputs=["grpo_model@checkpoint", "grpo_log"],
            name="train_grpo",
        ),
        Node(
            list_trained_models,
            inputs={
                name: f"{name}@checkpoint"
                for name in ("base_model", "sft_model", "grpo_model")
            },
            outputs="trained_models",
            name="list_trained_models",
        ),
    ]
