"""A training that leads nowhere says so, and is never published."""

import polars as pl
import pytest
from toy import (
    HEALTH,
    PLAN,
    REWARD,
    TRAINERS_WARN,
    grpo_parameters,
    grpo_set,
    sft_parameters,
    sft_set,
    train_sft,
)

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.health import (
    HealthParameters,
    Watch,
    alarms_of,
    not_finite,
)
from psyche_kedro.pipelines.training.nodes import train_grpo

pytestmark = TRAINERS_WARN

GOOD = {
    "reward": 0.5,
    "psyche/format": 1.0,
    "psyche/exact": 0.5,
    "frac_reward_zero_std": 0.2,
    "completions/clipped_ratio": 0.0,
    "kl": 0.1,
    "entropy": 1.0,
}


def watch(**changes):
    return Watch(HealthParameters(**HEALTH | {"window": 3, **changes}))


def seen(*entries, **changes):
    """Names of the alarms, by the entry at which each begins."""
    looking = watch(**changes)
    return [sorted(looking.see(GOOD | entry)) for entry in entries]


def test_a_training_as_it_should_be_has_no_alarm():
    assert seen(*[{}] * 9) == [[]] * 9


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("zero_variance", {"frac_reward_zero_std": 0.9}),
        ("clipped", {"completions/clipped_ratio": 0.6}),
        ("kl", {"kl": 1.5}),
    ],
)
def test_a_mean_past_its_bound_begins_an_alarm_once(name, entry):
    assert seen(*[entry] * 5) == [[], [], [name], [], []]


@pytest.mark.parametrize("metric", ["frac_reward_zero_std", "kl"])
def test_one_rollout_past_the_bound_is_no_alarm(metric):
    assert seen({}, {}, {metric: 1.0}, {}, {}) == [[]] * 5


def test_an_alarm_that_ended_can_begin_again():
    far, near = {"kl": 4.0}, {"kl": 0.0}
    begun = seen(*[far] * 3, *[near] * 3, *[far] * 3)
    assert [i for i, names in enumerate(begun) if names] == [2, 6]


def test_the_form_is_judged_at_the_first_rollout():
    assert seen({"psyche/format": 0.89}, {}) == [["unreadable"], []]
    assert seen({}, {"psyche/format": 0.1}) == [[], []]


def test_a_reward_that_rises_while_fewer_are_right_is_hacked():
    before = {"reward": 0.2, "psyche/exact": 0.5}
    after = {"reward": 0.8, "psyche/exact": 0.2}
    assert seen(*[before] * 3, *[after] * 3)[-1] == ["reward_hacking"]
    both_rise = {"reward": 0.8, "psyche/exact": 0.8}
    assert seen(*[before] * 3, *[both_rise] * 3)[-1] == []


def test_a_policy_that_says_one_thing_has_no_entropy_left():
    assert seen(*[{}] * 3, *[{"entropy": 0.05}] * 3)[-1] == ["entropy"]


def test_a_loss_of_sft_that_rises_is_an_alarm():
    looking = watch()
    losses = [5.7, 9.0, 9.0, 9.0, 5.0]
    begun = [sorted(looking.see({"loss": loss})) for loss in losses]
    assert begun == [[], [], [], ["loss"], []]
    assert seen(*[{"loss": loss} for loss in losses]) == [[]] * 5  # of GRPO's


def test_an_evaluation_is_no_rollout():
    assert watch().see({"eval_reward": -1.0, "eval_kl": 9.0}) == {}


def test_only_the_alarms_asked_for_stop():
    for stop_on, stops in (([], False), (["kl"], True)):
        looking = watch(stop_on=stop_on)
        for _ in range(3):
            looking.see(GOOD | {"kl": 2.0})
        assert bool(looking.stops()) is stops


def test_a_run_shorter_than_the_window_is_judged_at_its_end():
    looking = watch()
    looking.see(GOOD | {"frac_reward_zero_std": 1.0})
    assert looking.stops() is None
    assert looking.stops_at_the_end().startswith("no_signal: in 1 rollouts")


def test_what_is_no_number_is_named_with_its_step():
    assert not_finite({"step": 3, "loss": float("nan")}) == "loss at step 3 is nan,"
    assert not_finite({"step": 3, "loss": 1.0, "kl": float("nan")}) is None


# ---- whole runs ------------------------------------------------------------------


def published(runs):
    return [*runs.glob("*/final"), *runs.glob("*/result.json")]


def test_sft_that_diverges_is_never_published(base, tmp_path):
    params = sft_parameters(str(tmp_path), learning_rate=1e30, epochs=3)
    with pytest.raises(TrainingFailedError, match="it diverged"):
        train_sft(base, sft_set(), PLAN, params)
    assert not published(tmp_path)


def test_sft_whose_loss_rises_is_never_published(base, tmp_path):
    params = sft_parameters(str(tmp_path), learning_rate=10.0, epochs=5)
    with pytest.raises(TrainingFailedError, match=r"loss of 10 steps is .* lower"):
        train_sft(base, sft_set(), PLAN, params)
    assert not list(tmp_path.glob("*/final"))


def test_grpo_that_diverges_is_never_published(sft, tmp_path):
    params = grpo_parameters(str(tmp_path), learning_rate=1e30, warmup_steps=0)
    with pytest.raises(TrainingFailedError, match="diverged, a rollout's logits not"):
        train_grpo(sft.checkpoint, grpo_set(), params, REWARD)
    assert not published(tmp_path)


def test_a_constant_reward_is_never_published(sft, tmp_path):
    same = dict.fromkeys(("parsable", "unparsable", "right", "wrong", "empty"), 0.0)
    constant = REWARD.model_copy(update=same | {"partial_credit": False})
    params = grpo_parameters(str(tmp_path), epochs=1)
    with pytest.raises(TrainingFailedError, match="no_signal: in 4 rollouts"):
        train_grpo(sft.checkpoint, grpo_set(), params, constant)
    assert not published(tmp_path)


def test_a_form_that_is_never_met_is_never_published(base, tmp_path):
    # From the untrained base: nothing that it says can be read.
    stopping = HEALTH | {"window": 2}
    params = grpo_parameters(str(tmp_path), health=stopping)
    with pytest.raises(TrainingFailedError, match="no_signal: in 2 rollouts"):
        train_grpo(base, grpo_set(), params, REWARD)
    assert not published(tmp_path)


def test_an_alarm_that_does_not_stop_is_told_and_stands_in_the_manifest(
    base, tmp_path, caplog
):
    warning = HEALTH | {"stop_on": []}
    params = grpo_parameters(str(tmp_path), health=warning, epochs=1)
    trained = train_grpo(base, grpo_set(), params, REWARD)
    alarms = trained.checkpoint.manifest["alarms"]
    assert [alarm.split(" from step ")[0] for alarm in alarms] == ["unreadable"]
    assert trained.log.filter(metric="alarm/unreadable")["step"].to_list() == [1]


def test_what_the_policy_wrote_is_kept_with_both_terms(grpo):
    table = grpo.completions
    last = table.filter(step=table["step"].max())
    assert last.height == 4
    assert set(last["prompt"]) <= {"保密？", "移情？"}
    assert table["format"].is_in([1.25, -1.0]).all()
    read = table.filter(pl.col("answered").list.len() > 0)
    assert (read["format"] == 1.25).all()


def test_alarms_of_a_log_name_their_step():
    log = [{"step": 1}, {"step": 2, "alarms": {"kl": "far"}}]
    assert list(alarms_of(log)) == ["kl from step 2: far"]
