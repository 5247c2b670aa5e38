"""What YAML alone changes: looks at held-out rows, the best weights, other losses."""

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from toy import (
    PLAN,
    REWARD,
    TRAINERS_WARN,
    base_model,
    grpo_parameters,
    grpo_set,
    sft_parameters,
    sft_set,
    train_sft,
)
from trl import GRPOTrainer

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training import grpo
from psyche_kedro.pipelines.training.grpo import (
    columns,
    dealt_by_length,
    share_alike,
)
from psyche_kedro.pipelines.training.nodes import train_grpo
from psyche_kedro.pipelines.training.runs import open_run
from psyche_kedro.rewards import AccuracyReward, FormatReward
from psyche_kedro.tables import SftExamples, frame

pytestmark = TRAINERS_WARN


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


ASKED, SAID = (2, 7, 3, 5, 1, 4), (6, 1, 3, 8, 2, 5)


def rollout():
    """Six rows of unequal length, and a mask of what of them is said."""
    mask = torch.zeros(6, 20, dtype=torch.long)
    for row, (asked, said) in enumerate(zip(ASKED, SAID, strict=True)):
        mask[row, 10 - asked : 10 + said] = 1
    ids = torch.randint(300, (6, 20), generator=torch.Generator().manual_seed(0))
    return ids * mask, mask


def test_groups_that_earn_the_same_are_counted_whatever_it_is():
    rewards = {
        "format": [1.25] * 24,
        "accuracy": [2 / 3] * 8 + [1 / 3] * 8 + [1, -1] * 4,
    }
    assert share_alike(rewards, torch.ones(2), 8) == pytest.approx(2 / 3)
    assert share_alike(rewards, torch.tensor([1.0, 0.0]), 8) == 1


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_groups_without_a_difference_are_no_signal_however_scaled(
    sft, tmp_path, monkeypatch, scale
):
    class ByQuestion(AccuracyReward):
        def __call__(self, completions, gold, **_):
            return [float(len(letters)) for letters in gold]

    class Nothing(FormatReward):
        def __call__(self, completions, **_):
            return [0.0] * len(completions)

    monkeypatch.setattr(grpo, "AccuracyReward", ByQuestion)
    monkeypatch.setattr(grpo, "FormatReward", Nothing)
    params = grpo_parameters(str(tmp_path), epochs=1, trainer={"scale_rewards": scale})
    with pytest.raises(TrainingFailedError, match="no_signal: in 4 rollouts"):
        train_grpo(sft.checkpoint, grpo_set(), params, REWARD)


def test_what_is_padding_in_all_rows_of_a_micro_batch_is_cut_off():
    _, mask = rollout()
    assert columns(mask, 10) == slice(3, 18)
    assert columns(mask[2:3], 10) == slice(7, 13)


def test_a_micro_batch_in_which_nothing_is_said_keeps_a_column():
    asked = torch.tensor([[0, 1, 1, 0, 0]])
    assert columns(asked, 2) == slice(1, 4)


def test_the_rows_of_a_step_are_dealt_by_length():
    _, mask = rollout()
    rows = {
        "prompt_mask": mask[:, :10],
        "completion_mask": mask[:, 10:],
        "advantages": torch.arange(6),
        "num_items_in_batch": torch.tensor(25),
    }
    single = [
        {k: v[i : i + 1] if v.ndim else v for k, v in rows.items()} for i in range(6)
    ]
    dealt = dealt_by_length(single, accumulated=3)
    assert [batch["advantages"].item() for batch in dealt] == [2, 0, 1, 4, 5, 3]
    assert {batch["num_items_in_batch"].item() for batch in dealt} == {25}
    assert [batch["prompt_mask"].sum().item() for batch in dealt] == [3, 2, 7, 1, 4, 5]


def test_scores_and_gradients_are_those_that_trl_finds_in_all_the_padding(
    sft, tmp_path
):
    made_of = {"base": sft.checkpoint, "examples": grpo_set(4), "reward": REWARD}
    run = open_run("grpo", params=grpo_parameters(str(tmp_path)), **made_of)
    trainer = grpo.grpo_trainer(run)
    ids, mask = rollout()

    def scores_and_gradients(kind):
        trainer.model.zero_grad()
        logps, entropies, _ = kind._get_per_token_logps_and_entropies(
            trainer, trainer.model, ids, mask, 10, batch_size=2, compute_entropy=True
        )
        said = mask[:, 10:]
        ((logps * said).sum(dim=1) / said.sum(dim=1)).mean().backward()
        gradients = [weights.grad.clone() for weights in trainer.model.parameters()]
        return [logps.detach() * said, entropies.detach() * said, *gradients]

    ours, theirs = map(scores_and_gradients, (type(trainer), GRPOTrainer))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


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
    monkeypatch.setattr(grpo, "columns", lambda mask, _: slice(0, mask.shape[1]))
    monkeypatch.setattr(grpo, "dealt_by_length", lambda batches, _: batches)
    theirs = train("theirs")
    assert curve(ours, "reward") == curve(theirs, "reward")
    weights = [
        load_file(trained.checkpoint.path / "model.safetensors")
        for trained in (ours, theirs)
    ]
    for name, weight in weights[0].items():
        assert torch.allclose(weight, weights[1][name], atol=1e-4)
