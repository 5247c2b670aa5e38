"""What YAML alone changes: looks at held-out rows, the best weights, other losses."""

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from toy import (
    PLAN,
    REWARD,
    base_model,
    grpo_parameters,
    grpo_set,
    sft_parameters,
    sft_set,
    train_sft,
)

from psyche_kedro.pipelines.training import grpo
from psyche_kedro.pipelines.training.grpo import trimmed
from psyche_kedro.pipelines.training.nodes import train_grpo
from psyche_kedro.tables import SftExamples, frame

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
    pytest.mark.filterwarnings("ignore::UserWarning:transformers"),
]


def with_validation(examples, n):
    """The same rows, the last ``n`` of them held out."""
    row = pl.int_range(pl.len())
    split = pl.when(row >= pl.len() - n).then(pl.lit("validation"))
    return examples.with_columns(split=split.otherwise("split"))


def curve(trained, metric):
    return trained.log.filter(metric=metric).sort("step")["value"].to_list()


def test_held_out_questions_are_looked_at_and_change_nothing_else(sft, tmp_path):
    questions = with_validation(grpo_set(), 4)

    def train(evaluate_steps):
        params = grpo_parameters(
            str(tmp_path / str(evaluate_steps)), epochs=2, evaluate_steps=evaluate_steps
        )
        return train_grpo(sft.checkpoint, questions, params, REWARD)

    looked, blind = train(2), train(None)
    assert curve(looked, "rows/validation") == curve(blind, "rows/validation") == [4]
    assert len(curve(looked, "eval_reward")) == 3
    assert {"eval_psyche/exact", "eval_rewards/format/mean"} <= set(
        looked.log["metric"]
    )
    assert curve(looked, "reward") == curve(blind, "reward")
    assert looked.checkpoint.digest == blind.checkpoint.digest


def test_the_best_of_the_looks_is_kept_and_ends_the_training(base, tmp_path):
    # At so high a rate the loss on held-out rows soon rises again.
    params = sft_parameters(
        str(tmp_path),
        learning_rate=0.1,
        scheduler="constant",
        epochs=30,
        save_steps=1,
        evaluate_steps=1,
        keep="best",
        patience=3,
    )
    trained = train_sft(base, with_validation(sft_set(), 10), PLAN, params)
    losses = curve(trained, "eval_loss")
    assert trained.checkpoint.manifest["steps"] < 60
    assert len(losses) == losses.index(min(losses)) + 1 + 3 + 1
    assert losses[-1] == pytest.approx(min(losses), rel=1e-3)  # of the published ones


def test_grpo_keeps_the_weights_that_earned_most_on_held_out_questions(sft, tmp_path):
    # At so high a rate the policy soon forgets how to answer.
    params = grpo_parameters(
        str(tmp_path),
        learning_rate=0.05,
        save_steps=1,
        evaluate_steps=1,
        keep="best",
        patience=3,
    )
    trained = train_grpo(sft.checkpoint, with_validation(grpo_set(), 4), params, REWARD)
    earned = curve(trained, "eval_reward")
    best = earned.index(max(earned))
    assert trained.checkpoint.manifest["steps"] == len(earned) == best + 1 + 3


LOSSES = {
    "dr_grpo": {"loss": "dr_grpo", "trainer": {"scale_rewards": "none"}},
    "dapo": {"loss": "dapo", "trainer": {"epsilon_high": 0.28}},
    "cispo": {"loss": "cispo", "trainer": {"epsilon_high": 5.0}},
    "gspo": {"trainer": {"importance_sampling_level": "sequence"}},
    "no_kl": {"beta": 0.0},
}


@pytest.mark.parametrize("changes", LOSSES.values(), ids=LOSSES)
def test_a_variant_of_the_loss_trains(sft, tmp_path, changes):
    params = grpo_parameters(str(tmp_path), epochs=1, **changes)
    trained = train_grpo(sft.checkpoint, grpo_set(), params, REWARD)
    assert trained.checkpoint.manifest["steps"] == 4
    assert trained.checkpoint.digest != sft.checkpoint.digest


@pytest.mark.parametrize(
    "trainer",
    [
        {"packing": True, "packing_strategy": "bfd_split"},
        {"train_sampling_strategy": "group_by_length"},
        {"padding_free": False, "neftune_noise_alpha": 5.0},
    ],
    ids=["packing", "length_grouping", "noise"],
)
def test_a_variant_of_sft_trains(base, tmp_path, trainer):
    params = sft_parameters(str(tmp_path), epochs=6, trainer=trainer)
    trained = train_sft(base, sft_set(), PLAN, params)
    assert curve(trained, "loss")[-1] < curve(trained, "loss")[0]


def test_an_arm_without_thoughts_learns_by_a_reward_of_letters_alone(tmp_path):
    def bare(messages):
        *asked, answer = messages
        letters = answer["content"].rpartition("\n")[2]
        return [*asked, answer | {"content": letters}]

    rows = sft_set().to_dicts()
    taught = frame(SftExamples, [r | {"messages": bare(r["messages"])} for r in rows])
    base = base_model(str(tmp_path))
    sft = train_sft(base, taught, PLAN, sft_parameters(str(tmp_path)))
    letters = REWARD.model_copy(update={"format_needs": "letters"})
    params = grpo_parameters(str(tmp_path))
    trained = train_grpo(sft.checkpoint, grpo_set(), params, letters)
    in_form, reward = (
        curve(trained, name) for name in ("rewards/format/mean", "reward")
    )
    assert in_form[0] > 0.8 * letters.parsable
    assert reward[-1] > reward[0] + 0.3


def test_a_micro_batch_is_computed_without_what_is_padding_in_all_its_rows():
    batch = {
        "prompt_ids": torch.tensor([[0, 0, 5, 6], [0, 7, 8, 9]]),
        "prompt_mask": torch.tensor([[0, 0, 1, 1], [0, 1, 1, 1]]),
        "completion_ids": torch.tensor([[1, 2, 0, 0, 0], [3, 0, 0, 0, 0]]),
        "completion_mask": torch.tensor([[1, 1, 0, 0, 0], [1, 0, 0, 0, 0]]),
        "ref_per_token_logps": torch.rand(2, 5),
        "advantages": torch.rand(2),
        "num_items_in_batch": torch.tensor(3),
    }
    cut = trimmed(batch)
    assert cut["prompt_ids"].tolist() == [[0, 5, 6], [7, 8, 9]]
    assert cut["completion_ids"].tolist() == [[1, 2], [3, 0]]
    assert cut["ref_per_token_logps"].equal(batch["ref_per_token_logps"][:, :2])
    assert cut["advantages"] is batch["advantages"]
    assert batch["prompt_ids"].shape == (2, 4)


def test_a_micro_batch_in_which_nothing_counts_keeps_a_column():
    nothing = torch.zeros(2, 5, dtype=torch.long)
    one = torch.ones(2, 4, dtype=torch.long)
    batch = {"prompt_ids": one, "prompt_mask": one, "completion_ids": nothing}
    assert trimmed(batch | {"completion_mask": nothing})["completion_ids"].shape[1] == 1


def test_what_is_cut_off_changes_no_reward_and_hardly_a_weight(
    sft, tmp_path, monkeypatch
):
    questions = grpo_set(4)

    def train(name):
        params = grpo_parameters(
            str(tmp_path / name), epochs=2, micro_batch_size=4, learning_rate=1e-3
        )
        return train_grpo(sft.checkpoint, questions, params, REWARD)

    ours = train("ours")
    monkeypatch.setattr(grpo, "trimmed", lambda batch: batch)
    theirs = train("theirs")
    assert curve(ours, "reward") == curve(theirs, "reward")
    weights = [
        load_file(trained.checkpoint.path / "model.safetensors")
        for trained in (ours, theirs)
    ]
    for name, weight in weights[0].items():
        assert torch.allclose(weight, weights[1][name], atol=1e-4)
