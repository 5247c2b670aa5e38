"""One run at a time trains in a folder, and no trainer outlives who started it."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training import presence

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BEATS = (
    "import sys, time; from pathlib import Path\n"
    "from psyche_kedro.pipelines.training import presence\n"
    "with presence.heartbeat(Path(sys.argv[1]), '0'):\n"
    "    print('beats', flush=True); time.sleep(600)\n"
)


def python(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{HERE}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


@pytest.fixture
def trainer(tmp_path):
    """A process that shows that it trains in ``tmp_path``."""
    process = python(BEATS, tmp_path)
    assert process.stdout.readline() == "beats\n"
    yield process
    process.kill()
    process.communicate()


def test_a_trainer_that_lives_is_named_and_a_dead_one_is_not(trainer, tmp_path):
    while not (tmp_path / "heartbeat-0.json").read_text("utf-8"):
        time.sleep(0.01)  # it holds the file, and has not yet beaten
    (named,) = presence.trainers_at_work(tmp_path)
    assert named.startswith(f"process {trainer.pid} on ")
    trainer.kill()
    trainer.wait()
    assert (tmp_path / "heartbeat-0.json").exists()
    assert presence.trainers_at_work(tmp_path) == []


def test_a_run_beside_a_trainer_that_is_left_stops_with_its_name(
    trainer, tmp_path, monkeypatch
):
    monkeypatch.setattr(presence, "_PATIENCE_SECONDS", 0.2)
    with (
        pytest.raises(TrainingFailedError, match=f"process {trainer.pid} on"),
        presence.only_run(tmp_path),
    ):
        pytest.fail("two would have trained in one folder")


def beat(folder, **changes):
    said = {"host": "another-machine", "pid": 7, "time": time.time()} | changes
    (folder / "heartbeat-0.json").write_text(json.dumps(said), encoding="utf-8")


def test_an_orphan_on_another_machine_is_known_by_its_beat(tmp_path, monkeypatch):
    monkeypatch.setattr(presence, "_BEAT_SECONDS", 0.1)
    beat(tmp_path)
    assert presence.trainers_at_work(tmp_path) == []  # it beats no more
    ended = threading.Event()

    def keep_beating():
        while not ended.wait(0.02):
            beat(tmp_path)

    thread = threading.Thread(target=keep_beating)
    thread.start()
    try:
        named = presence.trainers_at_work(tmp_path)
    finally:
        ended.set()
        thread.join()
    assert named == ["process 7 on another-machine"]


def test_a_launchers_trainers_are_ended_with_it(trainer, tmp_path):
    presence.end_trainers(tmp_path)
    assert trainer.wait(timeout=60) == -signal.SIGKILL


def test_the_second_of_two_runs_waits_for_the_first(tmp_path, caplog):
    entered = threading.Event()

    def second():
        with presence.only_run(tmp_path):
            entered.set()

    with presence.only_run(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.wait(0.5)
    waiting.join(60)
    assert entered.is_set()
    assert "Another run is training in" in caplog.text


def test_who_was_asked_by_a_process_that_is_gone_is_an_orphan(monkeypatch):
    gone = python("")
    gone.communicate()
    host, _, _ = presence.asked_by()[presence.ASKED_BY].rpartition(":")
    monkeypatch.setattr(os, "getppid", lambda: 2)  # in a container it may be 1 here
    monkeypatch.setenv(presence.ASKED_BY, f"{host}:{os.getpid()}")
    assert not presence.is_orphan()
    monkeypatch.setenv(presence.ASKED_BY, f"{host}:{gone.pid}")
    assert presence.is_orphan()
    monkeypatch.setenv(presence.ASKED_BY, f"elsewhere:{gone.pid}")
    assert not presence.is_orphan()


# ---- whole runs, killed ----------------------------------------------------------

TRAIN = """
import signal, sys
from pathlib import Path
import polars as pl
signal.signal(signal.SIGINT, signal.default_int_handler)
from toy import CHILD, IN_PROCESS, PLAN, REWARD, base_model, grpo_parameters
from toy import grpo_set, sft_parameters, sft_set, sft_tokens
from psyche_kedro.pipelines.training.nodes import train_grpo, train_sft
runs, stage, kind, n = *sys.argv[1:4], int(sys.argv[4])
config = "conf/launchers/cpu.yaml" if n > 1 else None
launcher = CHILD | {"kind": kind, "processes": n, "config_file": config}
sizes = {"micro_batch_size": 20 // n, "save_steps": 3, "epochs": 40}
own = launcher if stage == "sft" else IN_PROCESS
params = sft_parameters(runs, launcher=own, **sizes)
base, told, table = base_model(runs), sft_set(), Path(runs, "tokens.parquet")
if not table.exists():
    sft_tokens(base, told, params).write_parquet(table)
trained = train_sft(base, told, pl.read_parquet(table), PLAN, params)
if stage == "grpo":
    sizes = {"micro_batch_size": 32, "save_steps": 3}
    params = grpo_parameters(runs, launcher=launcher, **sizes)
    trained = train_grpo(trained.checkpoint, grpo_set(), params, REWARD)
print(trained.checkpoint.digest)
"""
KINDS = [
    ("sft", "child", 1),
    ("sft", "accelerate", 1),
    ("sft", "accelerate", 2),
    ("grpo", "child", 1),
    ("grpo", "accelerate", 2),
]
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
TARGETS = ("parent", "launcher", "trainer")
TIMES = range(int(os.environ.get("PSYCHE_KILLS", "1")))
"""How often a run is killed, each target once; with 3, by every signal."""
KILLS = {
    (kind, target, time_): signal.Signals[SIGNALS[(k + t + time_) % 3]]
    for k, kind in enumerate(KINDS)
    for t, target in enumerate(TARGETS)
    for time_ in TIMES
}


def trained(process):
    said, _ = process.communicate(timeout=900)
    return said.splitlines()[-1]


def last_step(runs, stage):
    """Return the step of the last whole checkpoint."""
    whole = runs.glob(f"{stage}-*/checkpoint-*/digests.json")
    steps = [int(path.parent.name.partition("-")[2]) for path in whole]
    return max(steps, default=0)


def wait_for_a_checkpoint(runs, stage, after):
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        if last_step(runs, stage) > after:
            return
        time.sleep(0.02)
    raise TimeoutError("no checkpoint was written")


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: "-".join(map(str, kind)))
def whole(request, tmp_path_factory):
    """A kind of launcher, the digest that it reaches unbroken, and its folder."""
    runs = tmp_path_factory.mktemp("whole")
    return request.param, trained(python(TRAIN, runs, *request.param)), runs


def kill(parent, target, sign, runs):
    """Send a signal to one of a run's processes; wait until the others are gone."""
    processes = psutil.Process(parent.pid).children(recursive=True)
    victims = {"parent": parent.pid}
    victims["launcher"] = next(p.pid for p in processes if p.ppid() == parent.pid)
    beats = [p.read_text("utf-8") for p in runs.glob("*/heartbeat-*.json")]
    victims["trainer"] = json.loads(random.choice(beats))["pid"]
    os.kill(victims[target], sign)
    # Ten seconds of a machine that has nothing else to do.
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    _, left = psutil.wait_procs(processes, timeout=10 * busy)
    assert not [p for p in left if p.status() != psutil.STATUS_ZOMBIE]
    parent.communicate(timeout=60 * busy)


@pytest.mark.slow
@pytest.mark.parametrize("time_", TIMES)
def test_kills_leave_no_process_and_the_next_run_goes_on(whole, tmp_path, time_):
    kind, digest, made = whole
    stage, step = kind[0], 0
    earlier = shutil.ignore_patterns(f"{stage}-*")
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, ignore=earlier)
    for target in random.sample(TARGETS, len(TARGETS)):
        parent = python(TRAIN, tmp_path, *kind)
        wait_for_a_checkpoint(tmp_path, stage, step)
        kill(parent, target, KILLS[kind, target, time_], tmp_path)
        step = last_step(tmp_path, stage)
    assert trained(python(TRAIN, tmp_path, *kind)) == digest
    (result,) = tmp_path.glob(f"{stage}-*/result.json")
    assert json.loads(result.read_text("utf-8"))["resumed_from"] >= step


@pytest.mark.slow
def test_two_runs_at_once_train_once(tmp_path):
    runs = [python(TRAIN, tmp_path, "sft", "child", 1) for _ in range(2)]
    one, other = map(trained, runs)
    assert one == other
    (history,) = tmp_path.glob("sft-*/history.jsonl")
    assert len(history.read_text("utf-8").splitlines()) == 1
