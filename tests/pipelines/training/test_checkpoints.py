"""A run goes on from what was written, and from nothing else."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from toy import (
    CHILD,
    IN_PROCESS,
    PLAN,
    REWARD,
    TRAINERS_WARN,
    grpo_parameters,
    grpo_set,
    open_sft,
    sft_parameters,
    sft_set,
    train_sft,
)

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.checkpoints import (
    Layout,
    check_layout,
    clear_damaged,
    drop_checkpoints,
    last_checkpoint,
    seal,
)
from psyche_kedro.pipelines.training.launcher import launch
from psyche_kedro.pipelines.training.nodes import train_grpo

pytestmark = TRAINERS_WARN
PLAIN = Layout("plain", 1, 20)


def checkpoint(folder, step):
    path = Path(folder, f"checkpoint-{step}")
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "optimizer.pt").write_bytes(b"moments")
    seal(path, PLAIN)
    return path


def test_the_last_is_the_newest_and_not_the_first_by_name(tmp_path):
    steps = [checkpoint(tmp_path, step) for step in (20, 80, 100)]
    assert last_checkpoint(tmp_path) == steps[-1]


def test_what_a_kill_left_of_a_save_is_deleted(tmp_path, caplog):
    whole, half = checkpoint(tmp_path, 20), checkpoint(tmp_path, 40)
    (half / "digests.json").unlink()
    assert last_checkpoint(tmp_path) == whole
    clear_damaged(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-20"]
    assert "checkpoint-40 was not written to its end" in caplog.text


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {"half": half, "gone": Path.unlink, "bit": flip}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_one_is_set_aside_and_named(tmp_path, caplog, damage):
    whole, damaged = checkpoint(tmp_path, 20), checkpoint(tmp_path, 40)
    damage(damaged / "optimizer.pt")
    clear_damaged(tmp_path)
    assert last_checkpoint(tmp_path) == whole
    assert (tmp_path / "damaged-40").is_dir()
    assert "checkpoint-40 is damaged, optimizer.pt is" in caplog.text


SEALS = {
    "half": half,
    "bit": flip,
    "of nothing": lambda path: path.write_text('{"files": {}}'),
    "of a list": lambda path: path.write_text('{"files": [], "layout": {}}'),
    "other layout": lambda path: path.write_text(
        path.read_text().replace("plain", "plaim")
    ),
}


@pytest.mark.parametrize("damage", SEALS.values(), ids=SEALS)
def test_a_seal_that_is_not_as_written_is_damage(tmp_path, damage):
    damage(checkpoint(tmp_path, 40) / "digests.json")
    clear_damaged(tmp_path)
    assert last_checkpoint(tmp_path) is None


def test_a_seal_of_an_earlier_version_holds(tmp_path):
    seal_ = checkpoint(tmp_path, 40) / "digests.json"
    said = json.loads(seal_.read_text("utf-8"))
    seal_.write_text(json.dumps({k: said[k] for k in ("layout", "files")}))
    clear_damaged(tmp_path)
    assert last_checkpoint(tmp_path) == seal_.parent


def test_a_checkpoint_of_another_run_is_set_aside(tmp_path, caplog):
    ours, theirs = tmp_path / "sft-1", tmp_path / "sft-2"
    for run in (ours, theirs):
        run.mkdir()
    shutil.copytree(checkpoint(theirs, 40), ours / "checkpoint-40")
    clear_damaged(ours)
    assert last_checkpoint(ours) is None
    assert "it is one of sft-2" in caplog.text


def test_whose_best_is_not_whole_is_set_aside(tmp_path, caplog):
    best, last = checkpoint(tmp_path, 20), checkpoint(tmp_path, 40)
    state = {"best_model_checkpoint": "/before/it/moved/checkpoint-20"}
    (last / "trainer_state.json").write_text(json.dumps(state))
    seal(last, PLAIN)
    clear_damaged(tmp_path)
    assert last_checkpoint(tmp_path) == last
    flip(best / "model.safetensors")
    clear_damaged(tmp_path)
    assert last_checkpoint(tmp_path) is None
    assert "the best before it, checkpoint-20, is not whole" in caplog.text


def test_what_a_person_put_beside_them_stays(tmp_path):
    whole = checkpoint(tmp_path, 20)
    shutil.copytree(whole, tmp_path / "checkpoint-20.bak")
    (tmp_path / "checkpoint-20.tar").touch()
    elsewhere = tmp_path / "elsewhere"
    checkpoint(tmp_path, 40).rename(elsewhere)
    (tmp_path / "checkpoint-40").symlink_to(elsewhere)
    (tmp_path / "checkpoint-60").symlink_to(tmp_path / "nowhere")
    clear_damaged(tmp_path)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-40"
    drop_checkpoints(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-20.bak",
        "checkpoint-20.tar",
        "elsewhere",
    ]


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (Layout("plain", 2, 40), "20 sequences an optimizer step, and this run has 40"),
        (Layout("fsdp", 2, 20), r"by 1 processes \(plain\), and 2 \(fsdp\)"),
        (Layout("plain", 2, 20), None),
    ],
)
def test_other_batches_or_other_files_are_refused(tmp_path, layout, reason):
    path = checkpoint(tmp_path, 20)
    if reason is None:
        check_layout(path, layout)
        return
    with pytest.raises(TrainingFailedError, match=reason):
        check_layout(path, layout)


# ---- whole runs ------------------------------------------------------------------

FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth")


@pytest.fixture(scope="module")
def kept(base, tmp_path_factory):
    """A finished run that still has its last two checkpoints."""
    runs = tmp_path_factory.mktemp("kept")
    return train_sft(base, sft_set(), PLAN, sft_parameters(str(runs), **KEEPING))


KEEPING = {"epochs": 3, "save_steps": 2, "keep_checkpoints": True}


def as_if_killed(trained, runs):
    """Copy a finished run to where it looks as if it had been killed at its end."""
    run = trained.checkpoint.path.parent
    copy = Path(runs, run.name)
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "final")
    (copy / "result.json").unlink()
    return copy


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_sft_falls_back_to_the_whole_one_and_to_the_same_weights(
    kept, base, tmp_path, damage, name
):
    run = as_if_killed(kept, tmp_path)
    damage(run / "checkpoint-6" / name)
    again = train_sft(base, sft_set(), PLAN, sft_parameters(str(tmp_path), **KEEPING))
    assert again.checkpoint.digest == kept.checkpoint.digest
    result = json.loads((run / "result.json").read_text("utf-8"))
    assert result["resumed_from"] == 4


def test_grpo_falls_back_to_the_same_weights(sft, tmp_path):
    keeping = {"epochs": 2, "save_steps": 2, "keep_checkpoints": True}

    def train(runs):
        params = grpo_parameters(str(runs), **keeping)
        return train_grpo(sft.checkpoint, grpo_set(), params, REWARD)

    whole = train(tmp_path / "whole")
    run = as_if_killed(whole, tmp_path / "again")
    flip(run / "checkpoint-8" / "rng_state.pth")
    assert train(tmp_path / "again").checkpoint.digest == whole.checkpoint.digest
    assert json.loads((run / "result.json").read_text("utf-8"))["resumed_from"] == 6


def test_mending_an_oom_by_a_smaller_micro_batch_goes_on(kept, base, tmp_path):
    run = as_if_killed(kept, tmp_path)
    for change in ({"micro_batch_size": 5}, {"trainer": {"dataloader_num_workers": 0}}):
        params = sft_parameters(str(tmp_path), **KEEPING | {"save_steps": 3} | change)
        again = train_sft(base, sft_set(), PLAN, params).checkpoint
    history = again.manifest["history"]
    assert again.path.parent == run
    assert [(h["from_step"], h["micro_batch_size"]) for h in history] == [
        (0, 20),
        (6, 5),
    ]


def test_a_run_that_goes_on_saves_as_it_is_told_now(kept, base, tmp_path):
    run = as_if_killed(kept, tmp_path)
    shutil.rmtree(run / "checkpoint-6")
    params = sft_parameters(str(tmp_path), **KEEPING | {"save_steps": 1})
    train_sft(base, sft_set(), PLAN, params)
    assert {path.name for path in run.glob("checkpoint-*")} == {
        "checkpoint-5",
        "checkpoint-6",
    }


def test_a_run_that_goes_on_tells_what_was_logged_before(kept, base, tmp_path):
    as_if_killed(kept, tmp_path)
    entries = []
    params = sft_parameters(str(tmp_path), **KEEPING)
    spec = open_sft(base=base, examples=sft_set(), params=params)
    launch(spec, entries.append)
    assert [e["step"] for e in entries if "loss" in e] == [1, 2, 3, 4, 5, 6]


def test_the_best_weights_are_kept_where_the_run_has_moved(base, tmp_path):
    looking = {"evaluate_steps": 1, "save_steps": 1, "keep": "best"}
    # The first step is the best: after it the rate is far too high.
    looking |= {"learning_rate": 0.3, "scheduler": "constant"}
    split = pl.when(pl.int_range(pl.len()) < 10).then(pl.lit("validation"))
    examples = sft_set().with_columns(split=split.otherwise("split"))

    def train(runs):
        params = sft_parameters(str(runs), **KEEPING | looking)
        return train_sft(base, examples, PLAN, params).checkpoint

    whole = train(tmp_path / "here")
    run = as_if_killed(SimpleNamespace(checkpoint=whole), tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    assert {path.name for path in run.glob("checkpoint-*")} == {
        "checkpoint-1",
        "checkpoint-6",
    }
    assert train(tmp_path / "there").digest == whole.digest


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two checkpoints, where this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3500k", "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_in_a_sentence_and_with_room_the_run_goes_on(
    base, small_disk, tmp_path
):
    sizes = {"epochs": 6, "save_steps": 2}

    def train(runs, launcher):
        params = sft_parameters(str(runs), launcher=launcher, **sizes)
        return train_sft(base, sft_set(), PLAN, params).checkpoint

    with pytest.raises(TrainingFailedError, match=r"is full, .* MB are free") as raised:
        train(small_disk, CHILD)
    assert "\n" not in str(raised.value)
    subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
    again = train(small_disk, IN_PROCESS)
    assert [h["from_step"] for h in again.manifest["history"]] == [0, 4]
    assert again.digest == train(tmp_path / "roomy", IN_PROCESS).digest
