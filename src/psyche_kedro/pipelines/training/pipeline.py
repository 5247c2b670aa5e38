"""``sft_set`` and ``grpo_set`` → ``base_model`` → ``sft_model`` → ``grpo_model``."""

from collections.abc import Mapping

from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
from psyche_kedro.pipelines.accounts import account_node, beside, kept, rejected
from psyche_kedro.pipelines.training.nodes import (
    drop_long_grpo_examples,
    drop_long_sft_examples,
    list_trained_models,
    make_base_model,
    plan_training,
    show_completions,
    train_grpo,
    train_sft,
)

MODELS = {"base": "base_model", "sft": "sft_model", "grpo": "grpo_model"}
ACCOUNT = (
    kept("sft_examples"),
    rejected("long_sft_examples", of="sft_examples"),
    kept("grpo_examples"),
    rejected("long_grpo_examples", of="grpo_examples"),
    beside("sft_tokens", by="split"),
    beside("training_plan", by="stage"),
    beside("trained_models"),
    beside("sft_log", by="metric"),
    beside("grpo_log", by="metric"),
    beside("sampled_completions"),
    beside("shown_completions", by="is_memorised"),
)


def create_pipeline() -> Pipeline:
    """Return §2.5."""
    account = account_node("training", ACCOUNT)
    return Pipeline([*_start(), *_stages(), *_told(), account])


def _start() -> list[Node]:
    return [
        Node(
            make_base_model,
            inputs={
                "sft_set": "sft_set",
                "grpo_set": "grpo_set",
                "params": "params:training.base_model",
            },
            outputs="base_model",
            name="make_base_model",
        ),
        Node(
            taking(drop_long_sft_examples, base_model="checkpoint"),
            inputs={
                "sft_set": "sft_set",
                "base_model": "base_model",
                "params": "params:training.sft",
            },
            outputs=["sft_examples", "long_sft_examples", "sft_tokens"],
            name="drop_long_sft_examples",
        ),
        Node(
            taking(drop_long_grpo_examples, base_model="checkpoint"),
            inputs={
                "grpo_set": "grpo_set",
                "base_model": "base_model",
                "params": "params:training.grpo",
            },
            outputs=["grpo_examples", "long_grpo_examples"],
            name="drop_long_grpo_examples",
        ),
    ]


def _stages() -> list[Node]:
    return [
        Node(
            taking(plan_training, base_model="checkpoint"),
            inputs={
                "base_model": "base_model",
                "sft_examples": "sft_examples",
                "grpo_examples": "grpo_examples",
                "sft": "params:training.sft",
                "grpo": "params:training.grpo",
            },
            outputs="training_plan",
            name="plan_training",
        ),
        Node(
            taking(train_sft, base_model="checkpoint"),
            inputs={
                "base_model": "base_model",
                "sft_examples": "sft_examples",
                "sft_tokens": "sft_tokens",
                "plan": "training_plan",
                "params": "params:training.sft",
            },
            outputs=["sft_model", "sft_log"],
            name="train_sft",
        ),
        Node(
            taking(train_grpo, sft_model="checkpoint"),
            inputs={
                "sft_model": "sft_model",
                "grpo_examples": "grpo_examples",
                "params": "params:training.grpo",
                "reward": "params:training.reward",
            },
            outputs=["grpo_model", "grpo_log", "sampled_completions"],
            name="train_grpo",
        ),
    ]


def _told() -> list[Node]:
    return [
        Node(
            show_completions,
            inputs={
                "sampled_completions": "sampled_completions",
                "sft_examples": "sft_examples",
                "grpo_examples": "grpo_examples",
                "params": "params:training.memorised",
            },
            outputs="shown_completions",
            name="show_completions",
        ),
        listing_node(MODELS),
    ]


def listing_node(models: Mapping[str, str]) -> Node:
    """Return the node that lists what models are.

    Args:
        models: Their datasets, by what they are called.
    """
    return Node(
        taking(list_trained_models, **dict.fromkeys(models, "checkpoint")),
        inputs=dict(models),
        outputs="trained_models",
        name="list_trained_models",
    )
