import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from pydantic import ValidationError
from toy import (
    CHILD,
    PLAN,
    REWARD,
    TRAINERS_WARN,
    base_model,
    grpo_parameters,
    grpo_set,
    open_sft,
    sft_parameters,
    sft_set,
    sft_tokens,
    train_sft,
)
from transformers import AutoModelForCausalLM

from psyche_kedro.datasets.checkpoint_dataset import Checkpoint, CheckpointDataset
from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training import launcher
from psyche_kedro.pipelines.training.checkpoints import (
    Layout,
    last_checkpoint,
    seal,
)
from psyche_kedro.pipelines.training.nodes import (
    drop_long_grpo_examples,
    drop_long_sft_examples,
    list_trained_models,
    make_base_model,
    train_grpo,
)
from psyche_kedro.pipelines.training.parameters import (
    BaseModelParameters,
    LauncherParameters,
)
from psyche_kedro.pipelines.training.runs import (
    append_lines,
    clear_final,
    completed,
    folder_digest,
    open_run,
    sampled,
)
from psyche_kedro.pipelines.training.tokens import read_tokenizer
from psyche_kedro.tables import Rejections

# transformers 5.23 and torch 2.13 deprecate options that TRL 1.16 still sets itself.
pytestmark = TRAINERS_WARN


ROOT = Path(__file__).parents[3]
TINY = {"vocabulary": 400, "hidden": 64, "layers": 2, "heads": 4, "seed": 0}


def curve(log, metric):
    return log.filter(metric=metric).sort("step")["value"].to_list()


def mean(values):
    return sum(values) / len(values)


# ---- learning --------------------------------------------------------------------


def test_sft_learns_the_format(sft, grpo):
    losses = curve(sft.log, "loss")
    assert losses[0] > 3
    assert losses[-1] < 0.5
    # In the first rollouts, before GRPO has moved anything, most completions parse.
    assert mean(curve(grpo.log, "rewards/format/mean")[:3]) > 0.8


def test_grpo_raises_the_accuracy_reward_and_keeps_the_format(grpo):
    accuracy = curve(grpo.log, "rewards/accuracy/mean")
    first, last = mean(accuracy[:3]), mean(accuracy[-5:])
    assert first < 0
    assert last - first > 0.5
    assert mean(curve(grpo.log, "rewards/format/mean")[-5:]) > 0.8


def test_the_log_holds_rewards_and_row_counts_but_no_timings(grpo):
    metrics = set(grpo.log["metric"])
    assert {"reward", "kl", "psyche/exact", "rows/train"} <= metrics
    assert not {m for m in metrics if "time" in m or "per_second" in m}


# ---- what is too long -------------------------------------------------------------


def with_a_long_one(examples, column, messages):
    long = examples.head(1).with_columns(
        pl.lit("0" * 16).alias("example_id"),
        pl.lit(messages, dtype=examples.schema[column]).alias(column),
    )
    return pl.concat([examples, long])


LONG = [{"role": "user", "content": "保密" * 200}]
ANSWER = {"role": "assistant", "content": "<think>想</think>\nA"}


def test_a_conversation_that_trl_would_cut_is_rejected_with_its_length(runs, base):
    examples = with_a_long_one(sft_set(1), "messages", [*LONG, ANSWER])
    kept, rejected, tokens = drop_long_sft_examples(
        examples, base, sft_parameters(runs)
    )
    assert kept.equals(sft_set(1))
    assert tokens["example_id"].equals(kept["example_id"])
    assert rejected["row_id"].to_list() == ["0" * 16]
    assert rejected["reason"].to_list() == ["over_long"]
    assert re.fullmatch(r"D_pr: \d{3} tokens, limit 128", rejected["detail"].item())
    Rejections.validate(rejected)


def test_the_table_of_tokens_shows_which_text_carries_loss(runs, base):
    said = [*LONG[:1], ANSWER, {"role": "user", "content": "嗯"}, ANSWER]
    one = with_a_long_one(sft_set(1).head(1), "messages", said)
    tokens = sft_tokens(base, one, sft_parameters(runs)).row(1, named=True)
    taught = f"{ANSWER['content']}<|im_end|>"
    assert tokens["taught"] == [taught, taught]
    carrying = [label for label in tokens["labels"] if label != -100]
    assert len(carrying) == tokens["n_taught"] < tokens["n_tokens"]
    assert len(tokens["input_ids"]) == len(tokens["labels"]) == tokens["n_tokens"]


def test_a_conversation_of_just_the_limit_is_kept_and_one_token_more_is_not(runs, base):
    one = sft_set(1).head(1)
    n = sft_tokens(base, one, sft_parameters(runs))["n_tokens"].item()
    for limit, n_kept in ((n, 1), (n - 1, 0)):
        params = sft_parameters(runs, max_length=limit)
        kept, rejected, _ = drop_long_sft_examples(one, base, params)
        assert (kept.height, rejected.height) == (n_kept, 1 - n_kept)


def test_a_prompt_without_room_for_an_answer_is_rejected(runs, base):
    questions = with_a_long_one(grpo_set(4), "prompt", LONG)
    kept, rejected = drop_long_grpo_examples(questions, base, grpo_parameters(runs))
    assert kept.equals(grpo_set(4))
    assert rejected["stage"].to_list() == ["drop_long_grpo_examples"]
    assert re.fullmatch(r"D_pc: \d{3} tokens, limit 64", rejected["detail"].item())


def test_empty_sets_are_sieved_to_empty_sets(runs, base):
    kept, rejected, _ = drop_long_sft_examples(sft_set(0), base, sft_parameters(runs))
    assert kept.schema == sft_set().schema
    assert kept.is_empty()
    assert rejected.is_empty()


def test_trl_is_never_given_a_row_that_it_would_cut(runs, base):
    examples = with_a_long_one(sft_set(), "messages", [*LONG, ANSWER])
    with pytest.raises(
        TrainingFailedError, match=r"has \d{3} tokens, more than .* 128"
    ):
        train_sft(base, examples, PLAN, sft_parameters(runs))


def test_sft_without_an_example_says_what_to_change(runs, base):
    params = sft_parameters(runs, max_length=8)
    kept, *_ = drop_long_sft_examples(sft_set(), base, params)
    with pytest.raises(TrainingFailedError, match=r"training\.sft\.max_length = 8"):
        train_sft(base, kept, PLAN, params)


def test_grpo_with_too_few_prompts_says_what_to_change(runs, base):
    with pytest.raises(TrainingFailedError, match="has 2 training prompts within"):
        train_grpo(base, grpo_set(1), grpo_parameters(runs), REWARD)


def test_fewer_processes_than_asked_for_are_refused(base, tmp_path):
    from psyche_kedro.pipelines.training.child import train

    several = CHILD | {"kind": "accelerate", "processes": 2}
    params = sft_parameters(str(tmp_path), micro_batch_size=10, launcher=several)
    spec = open_sft(base=base, examples=sft_set(), params=params)
    with pytest.raises(TrainingFailedError, match="is 2, but the launcher made a g"):
        train(spec)


PREFIX = """
import os, subprocess, sys
ranks = [os.environ | {"NODE_RANK": str(rank)} for rank in range(2)]
started = [subprocess.Popen(sys.argv[1:], env=env) for env in ranks]
sys.exit(max(machine.wait() for machine in started))
"""


@pytest.mark.slow
def test_two_machines_train_what_two_processes_of_one_do(base, tmp_path):
    one = CHILD | {
        "kind": "accelerate",
        "processes": 2,
        "config_file": str(ROOT / "conf/launchers/cpu.yaml"),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        rendezvous = f"127.0.0.1:{free.getsockname()[1]}"
    two = one | {
        "machines": 2,
        "rendezvous": rendezvous,
        "prefix": [sys.executable, "-c", PREFIX],
    }
    trained = [
        train_sft(
            base,
            sft_set(),
            PLAN,
            sft_parameters(str(tmp_path / name), micro_batch_size=10, launcher=how),
        ).checkpoint.digest
        for name, how in (("one", one), ("two", two))
    ]
    assert trained[0] == trained[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"machines": 2, "processes": 2}, "takes a prefix"),
        ({"processes": 3, "machines": 2}, "cannot share evenly"),
    ],
)
def test_machines_that_cannot_train_together_are_refused(changes, said):
    ready = {"kind": "accelerate", "rendezvous": "head:29500"}
    prefix = {"prefix": ["srun"] if "evenly" in said else []}
    with pytest.raises(ValidationError, match=said):
        LauncherParameters(**(CHILD | ready | prefix | changes))


def test_an_option_that_trl_does_not_know_is_named(runs, base):
    params = sft_parameters(runs, trainer={"warmup_ratio": 0.1})
    with pytest.raises(TrainingFailedError, match=r"no option \['warmup_ratio'\]"):
        train_sft(base, sft_set(), PLAN, params)


# ---- runs: used again, resumed, never stale --------------------------------------


def test_an_unchanged_run_is_used_again(runs, base, sft):
    written = [p.stat().st_mtime_ns for p in sft.checkpoint.path.iterdir()]
    again = train_sft(base, sft_set(), PLAN, sft_parameters(runs))
    assert again.checkpoint.digest == sft.checkpoint.digest
    assert again.log.equals(sft.log)
    assert [p.stat().st_mtime_ns for p in again.checkpoint.path.iterdir()] == written


def test_a_finished_run_keeps_its_final_weights_and_no_checkpoint(sft):
    run = sft.checkpoint.path.parent
    assert not list(run.glob("checkpoint-*"))
    assert sft.checkpoint.digest == folder_digest(sft.checkpoint.path)


def test_checkpoints_are_kept_where_a_setting_says_so(base, tmp_path):
    steps = {"epochs": 2, "save_steps": 2}
    asked = sft_parameters(str(tmp_path), keep_checkpoints=True, **steps)
    run = train_sft(base, sft_set(), PLAN, asked).checkpoint.path.parent
    assert {path.name for path in run.glob("checkpoint-*")} == {
        "checkpoint-2",
        "checkpoint-4",
    }
    changed = asked.model_copy(update={"keep_checkpoints": False})
    again = train_sft(base, sft_set(), PLAN, changed).checkpoint.path
    assert again == run / "final"  # the same run: the setting is no part of its key
    assert not list(run.glob("checkpoint-*"))


@pytest.mark.parametrize(
    "change", ["data", "parameters", "base"], ids=["data", "parameters", "base"]
)
def test_a_changed_input_is_another_run(runs, base, sft, change):
    examples, params, start = sft_set(), sft_parameters(runs), base
    before = open_sft(base=start, examples=examples, params=params)
    if change == "data":
        examples = examples.head(examples.height - 1)
    if change == "parameters":
        params = sft_parameters(runs, learning_rate=2e-2)
    if change == "base":
        start = sft.checkpoint
    after = open_sft(base=start, examples=examples, params=params)
    assert before.folder != after.folder


def test_a_run_whose_weights_were_touched_is_not_used_again(runs, base, sft, caplog):
    spec = open_sft(base=base, examples=sft_set(), params=sft_parameters(runs))
    assert completed(spec)
    weights = sft.checkpoint.path / "model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + b"x")
    try:
        assert completed(spec) is None
        assert "is not what was written: it is trained again" in caplog.text
    finally:
        weights.write_bytes(kept)


def test_what_a_kill_left_of_a_final_model_is_deleted_and_a_changed_one_kept(tmp_path):
    spec = SimpleNamespace(folder=str(tmp_path))
    final = tmp_path / "final"
    for name, left in (("weights", []), ("manifest.json", ["damaged-final"])):
        final.mkdir()
        (final / name).touch()
        clear_final(spec)
        assert [path.name for path in tmp_path.iterdir()] == left


def test_a_line_that_a_kill_cut_costs_no_other(tmp_path):
    spec = SimpleNamespace(samples=tmp_path / "samples.jsonl")
    append_lines(spec.samples, [{"step": 1, "sample": i} for i in range(2)])
    with spec.samples.open("a") as file:
        file.write('{"step": 2, "sam')
    append_lines(spec.samples, [{"step": 2, "sample": 0, "text": "来访者"}])
    assert [line["step"] for line in sampled(spec)] == [1, 1, 2]


def test_another_model_in_the_place_of_the_base_is_refused(base, runs, tmp_path):
    path = Path(shutil.copytree(base.path, tmp_path / "base"))
    (path / ".cache").mkdir()
    (path / ".cache" / "when").touch()  # of a download
    copied = Checkpoint(path, base.manifest)
    assert open_sft(base=copied, examples=sft_set(), params=sft_parameters(runs))
    (path / "config.json").write_text("{}")
    with pytest.raises(TrainingFailedError, match="not the one that its manifest"):
        open_sft(base=copied, examples=sft_set(), params=sft_parameters(runs))


def test_a_run_resumed_within_an_epoch_goes_on_to_the_same_weights(base, tmp_path):
    # transformers restores the random state after it has drawn this sampler's order.
    trainer = {"train_sampling_strategy": "group_by_length", "save_total_limit": None}
    sizes = {"epochs": 3, "batch_size": 8, "micro_batch_size": 8, "save_steps": 4}

    def train(runs):
        params = sft_parameters(
            str(runs), trainer=trainer, keep_checkpoints=True, **sizes
        )
        return train_sft(base, sft_set(), PLAN, params)

    whole = train(tmp_path / "whole")
    run = whole.checkpoint.path.parent
    kept = tmp_path / "again" / run.name / "checkpoint-8"  # of 5 steps an epoch
    shutil.copytree(run / kept.name, kept)
    pretend_seconds(kept, 5000)
    seal(kept, Layout("plain", 1, 8))
    resumed = train(tmp_path / "again")
    result = json.loads((kept.parent / "result.json").read_text())
    assert result["resumed_from"] == 8
    assert resumed.checkpoint.digest == whole.checkpoint.digest
    assert resumed.log.equals(whole.log)
    assert 0 < whole.checkpoint.manifest["seconds"] < 1000
    assert 5000 < resumed.checkpoint.manifest["seconds"] < 6000


def pretend_seconds(checkpoint, seconds):
    """Let a checkpoint say that it took so long to come so far."""
    path = checkpoint / "trainer_state.json"
    state = json.loads(path.read_text())
    assert state["log_history"][-1]["seconds"] > 0
    state["log_history"][-1]["seconds"] = seconds
    path.write_text(json.dumps(state))


def test_what_was_trained_is_listed_with_its_size_and_its_time(base, sft, grpo):
    listed = list_trained_models(base=base, sft=sft.checkpoint, grpo=grpo.checkpoint)
    models = {row["role"]: row for row in listed.iter_rows(named=True)}
    loaded = AutoModelForCausalLM.from_pretrained(base.path)
    assert {m["parameters"] for m in models.values()} == {loaded.num_parameters()}
    assert models["base"]["made_from"] is None
    assert models["base"]["seconds"] is None
    assert models["sft"]["made_from"] == base.digest
    assert models["sft"]["steps"] == sft.log["step"].max()
    assert models["grpo"]["seconds"] == grpo.checkpoint.manifest["seconds"] > 0


def test_a_run_of_before_seconds_were_counted_is_used_again(runs, base, sft):
    spec = open_sft(base=base, examples=sft_set(), params=sft_parameters(runs))
    path = Path(spec.folder, "result.json")
    kept = path.read_text()
    path.write_text(
        json.dumps({k: v for k, v in json.loads(kept).items() if k != "seconds"})
    )
    try:
        assert completed(spec).seconds is None
    finally:
        path.write_text(kept)


def start_and_kill(spec, where):
    """Start a child as the launcher does and SIGKILL it after its first checkpoint."""
    Path(spec.folder, "spec.json").write_text(spec.model_dump_json())
    process = subprocess.Popen(
        launcher._command(spec, where),
        env=launcher._environment(spec),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not last_checkpoint(Path(spec.folder)) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert last_checkpoint(Path(spec.folder))
    assert not Path(spec.folder, "result.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_a_killed_run_goes_on_to_the_same_weights(stage, sft, grpo, base, tmp_path):
    # GRPO's kill falls after two epochs; TRL's own sampler would repeat the first.
    runs = str(tmp_path)
    if stage == "sft":
        params = sft_parameters(runs, launcher=CHILD)
        spec = open_sft(base=base, examples=sft_set(), params=params)
        start_and_kill(spec, spec.sft.launcher)
        resumed, whole = train_sft(base, sft_set(), PLAN, sft_parameters(runs)), sft
    else:
        inputs = {"base": sft.checkpoint, "examples": grpo_set(), "reward": REWARD}
        params = grpo_parameters(runs, launcher=CHILD)
        spec = open_run("grpo", params=params, **inputs)
        start_and_kill(spec, spec.grpo.launcher)
        params = grpo_parameters(runs)
        resumed = train_grpo(sft.checkpoint, grpo_set(), params, REWARD)
        whole = grpo
    result = json.loads(Path(spec.folder, "result.json").read_text())
    assert result["resumed_from"] >= (20 if stage == "sft" else 8)
    assert resumed.checkpoint.digest == whole.checkpoint.digest
    assert resumed.log.equals(whole.log)


def test_a_failing_child_says_why_in_one_sentence(base, tmp_path):
    params = sft_parameters(str(tmp_path), launcher=CHILD)
    spec = open_sft(base=base, examples=sft_set(), params=params)
    note = f"{spec.folder}/error-0.txt"
    program = f"open({note!r}, 'w').write('ValueError: no such thing'); exit(1)"
    with pytest.raises(TrainingFailedError, match=r"sft failed: ValueError: no such"):
        launcher._run_child(spec, [sys.executable, "-c", program], print)


def test_a_child_opens_text_as_utf_8_in_any_locale(base, tmp_path, monkeypatch):
    # TRL reads the template of its model card so, which has accents.
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0"}.items():
        monkeypatch.setenv(name, value)
    params = sft_parameters(str(tmp_path), launcher=CHILD)
    spec = open_sft(base=base, examples=sft_set(), params=params)
    note = f"{spec.folder}/error-0.txt"
    program = f"open({note!r}, 'w').write('ValueError: 没有这个模型'); exit(1)"
    with pytest.raises(TrainingFailedError, match="ValueError: 没有这个模型"):
        launcher._run_child(spec, [sys.executable, "-c", program], print)


def test_the_childs_log_is_handed_on_line_by_line(base, tmp_path):
    params = sft_parameters(str(tmp_path), launcher=CHILD)
    spec = open_sft(base=base, examples=sft_set(), params=params)
    program = (
        f"import pathlib; folder = pathlib.Path({spec.folder!r})\n"
        "(folder / 'log.jsonl').write_text('{\"step\": 1}\\n{\"step\": 2}\\n')\n"
        "(folder / 'result.json').write_text('{}')"
    )
    entries = []
    launcher._run_child(spec, [sys.executable, "-c", program], entries.append)
    assert entries == [{"step": 1}, {"step": 2}]


# ---- parameters and base model ---------------------------------------------------


def test_the_base_model_is_the_same_each_time(tmp_path):
    one, other = (base_model(str(tmp_path / name)) for name in "ab")
    assert one.digest == other.digest == folder_digest(other.path)


def test_a_prompt_of_every_example_is_no_sentence_long_token(tmp_path):
    prompt = "先想好再答"
    rows = sft_set(repeats=10).with_columns(
        messages=pl.Series(
            [
                {"role": "system", "content": prompt},
                {"role": "user", "content": "".join(map(chr, range(n, n + 9)))},
            ]
            for n in range(0x4E00, 0x4E00 + 200, 2)
        )
    )
    params = BaseModelParameters(
        runs=str(tmp_path), path=None, tiny=TINY | {"vocabulary": 300}
    )
    made = make_base_model(rows, grpo_set(), params)
    assert len(read_tokenizer(made.path)(prompt).input_ids) > 3


def test_a_base_model_of_the_user_stays_where_it_is(base, tmp_path):
    referenced = make_base_model(
        sft_set(),
        grpo_set(),
        BaseModelParameters(runs=str(tmp_path), path=str(base.path), tiny=TINY),
    )
    dataset = CheckpointDataset(filepath=str(tmp_path / "base_model"))
    dataset.save(referenced)
    assert dataset.load().path == base.path
    listed = list_trained_models(base=referenced, sft=referenced, grpo=referenced)
    assert listed["made_from"][0] == base.path.name
    assert [p.name for p in (tmp_path / "base_model").iterdir()] == ["manifest.json"]


def test_a_base_model_that_is_not_there_is_named(tmp_path):
    params = BaseModelParameters(runs="runs", path=str(tmp_path), tiny=TINY)
    with pytest.raises(TrainingFailedError, match=r"holds no config\.json"):
        make_base_model(sft_set(), grpo_set(), params)


def none(weights):
    weights.rename(weights.with_suffix(".bin"))


def half(weights):
    weights.write_bytes(weights.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("damage", "said"), [(none, r"no weights as \*\.saf"), (half, "are not whole")]
)
def test_weights_of_a_base_model_that_cannot_be_read_are_named(
    base, tmp_path, damage, said
):
    path = Path(shutil.copytree(base.path, tmp_path / "base"))
    damage(path / "model.safetensors")
    params = BaseModelParameters(runs="runs", path=str(path), tiny=TINY)
    with pytest.raises(TrainingFailedError, match=said):
        make_base_model(sft_set(), grpo_set(), params)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch_size": 8, "mini_batch_size": 3}, "multiple of mini_batch_size"),
        ({"micro_batch_size": 48}, "no multiple of micro_batch_size"),
        ({"mini_batch_size": 2, "micro_batch_size": 16, "save_steps": 6}, "save_steps"),
    ],
)
def test_batches_that_do_not_divide_are_refused(changes, reason):
    with pytest.raises(ValidationError, match=reason):
        grpo_parameters("runs", **changes)
