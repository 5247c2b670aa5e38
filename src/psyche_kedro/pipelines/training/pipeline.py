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
    base = {"base_model": "checkpoint"}
    return Pipeline(
        [
            wire(make_base_model, "base_model", params="params:training.base_model"),
            wire(
                taking(drop_long_sft_examples, **base),
                ["sft_examples", "long_sft_examples", "sft_tokens"],
                params=sft,
            ),
            wire(
                taking(drop_long_grpo_examples, **base),
                ["grpo_examples", "long_grpo_examples"],
                params=grpo,
            ),
            wire(taking(plan_training, **base), "training_plan", sft=sft, grpo=grpo),
            wire(
                taking(train_sft, **base),
                ["sft_model", "sft_log"],
                plan="training_plan",
                params=sft,
            ),
            wire(
                taking(train_grpo, sft_model="checkpoint"),
                ["grpo_model", "grpo_log", "sampled_completions"],
                params=grpo,
                reward="params:training.reward",
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
    listing = taking(list_trained_models, **dict.fromkeys(models, "checkpoint"))
    return wire(listing, "trained_models", **models)
