"""Over eight seeds GRPO learns what it is paid for, and abstains where that pays.

Slow: 24 trainings of the toy.
"""

import random

import pytest
from toy import (
    PLAN,
    REWARD,
    TRAINERS_WARN,
    base_model,
    grpo_parameters,
    grpo_set,
    prompt,
    sft_parameters,
    sft_set,
    train_sft,
)

from psyche_kedro.pipelines.training.nodes import train_grpo
from psyche_kedro.tables import GrpoExamples, SftExamples, content_id, frame

pytestmark = [pytest.mark.slow, *TRAINERS_WARN]

SEEDS = range(8)
# To the letter of Equation 2: no answer is a subset of every gold.
LITERAL = REWARD.model_copy(update={"empty": 0.0, "format_needs": "thought"})
SAID = ["A", "B", "C", "D", "不知道"]
FORMED = {"epochs": 60}
"""Until the form stands: what GRPO is paid for is to be seen alone."""
ROOM = {"max_completion_length": 32}
"""Tokens, five times the longest example: a completion that is cut has no form."""


def mean(trained, metric, part):
    values = trained.log.filter(metric=metric).sort("step")["value"]
    return values.gather(range(len(values))[part]).mean()


@pytest.mark.parametrize("seed", SEEDS)
def test_accuracy_rises_and_the_form_stays(tmp_path, seed):
    runs = str(tmp_path)
    params = sft_parameters(runs, seed=seed, **FORMED)
    sft = train_sft(base_model(runs), sft_set(), PLAN, params)
    params = grpo_parameters(runs, seed=seed, **ROOM)
    trained = train_grpo(sft.checkpoint, grpo_set(), params, REWARD)
    first, last = (
        mean(trained, "rewards/accuracy/mean", part)
        for part in (slice(0, 3), slice(-5, None))
    )
    assert last - first >= 0.5
    in_form = mean(trained, "rewards/format/mean", slice(-5, None))
    assert in_form >= 0.9 * REWARD.parsable


def hesitant():
    """Examples that teach to answer at random, or not at all."""
    rows = {row["group_id"]: row for row in sft_set(1).to_dicts()}
    return frame(
        SftExamples,
        (
            row
            | {"example_id": content_id(word, said, str(i))}
            | {"messages": [*prompt(word), spoken(f"<think>{word}</think>{said}")]}
            for word, row in rows.items()
            for said in SAID
            for i in range(4)
        ),
    )


def spoken(text):
    return {"role": "assistant", "content": text}


def unlearnable(seed):
    """Questions whose keys were drawn: whoever answers is right in a quarter."""
    drawn = random.Random(seed)
    rows = grpo_set(16).to_dicts()
    return frame(GrpoExamples, (r | {"gold": [drawn.choice("ABCD")]} for r in rows))


def abstaining(runs, seed, reward):
    """Share of completions without an answer at the end of GRPO."""
    params = sft_parameters(runs, seed=seed)
    sft = train_sft(base_model(runs), hesitant(), PLAN, params)
    params = grpo_parameters(runs, seed=seed, epochs=8)
    trained = train_grpo(sft.checkpoint, unlearnable(seed), params, reward)
    return mean(trained, "psyche/empty", slice(-5, None))


def test_to_abstain_is_learned_under_the_literal_reward_and_not_under_ours(tmp_path):
    runs = str(tmp_path)
    literal = [abstaining(runs, seed, LITERAL) for seed in SEEDS]
    ours = [abstaining(runs, seed, REWARD) for seed in SEEDS]
    assert sorted(literal)[len(SEEDS) // 2] > 0.4, literal
    assert max(ours) < 0.15, (literal, ours)
