"""``sft_set`` and ``grpo_set`` → ``base_model`` → ``sft_model`` → ``grpo_model``."""

from collections.abc import Mapping

from kedro.pipeline import Node, Pipeline

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
from psyche_kedro.pipelines.wiring import wire

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
    sft, grpo = "params:training.sft", "params:training.grpo"
    base = {"base_model": "base_model/checkpoint"}
    return Pipeline(
        [
            wire(make_base_model, "base_model", params="params:training.base_model"),
            wire(
                drop_long_sft_examples,
                ["sft_examples", "long_sft_examples", "sft_tokens"],
                **base,
                params=sft,
            ),
            wire(
                drop_long_grpo_examples,
                ["grpo_examples", "long_grpo_examples"],
                **base,
                params=grpo,
            ),
            wire(plan_training, "training_plan", **base, sft=sft, grpo=grpo),
            wire(
                train_sft,
                ["sft_model", "sft_log"],
                **base,
                plan="training_plan",
                params=sft,
            ),
            wire(
                train_grpo,
                ["grpo_model", "grpo_log", "sampled_completions"],
                params=grpo,
                reward="params:training.reward",
                sft_model="sft_model/checkpoint",
            ),
            wire(
                show_completions,
                "shown_completions",
                params="params:training.memorised",
            ),
            listing_node(MODELS),
            account_node("training", ACCOUNT),
        ]
    )


def listing_node(models: Mapping[str, str]) -> Node:
    """Return the node that lists what models are.

    Args:
        models: Their datasets, by what they are called.
    """
    weights = {role: f"{model}/checkpoint" for role, model in models.items()}
    return wire(list_trained_models, "trained_models", **weights)
