"""One run at a time trains in a folder, and no trainer outlives who started it."""

import json
import os
import random
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
    monkeypatch.setenv(presence.ASKED_BY, f"{host}:{os.getpid()}")
    assert not presence.is_orphan()
    monkeypatch.setenv(presence.ASKED_BY, f"{host}:{gone.pid}")
    assert presence.is_orphan()
    monkeypatch.setenv(presence.ASKED_BY, f"elsewhere:{gone.pid}")
    assert not presence.is_orphan()


# ---- whole runs, killed ----------------------------------------------------------

TRAIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from toy import CHILD, IN_PROCESS, PLAN, REWARD, base_model, grpo_parameters
from toy import grpo_set, sft_parameters, sft_set, train_sft
from psyche_kedro.pipelines.training.nodes import train_grpo
runs, stage, kind, n = *sys.argv[1:4], int(sys.argv[4])
config = "conf/launchers/cpu.yaml" if n > 1 else None
launcher = CHILD | {"kind": kind, "processes": n, "config_file": config}
sizes = {"micro_batch_size": 20 // n, "save_steps": 3, "epochs": 20}
own = launcher if stage == "sft" else IN_PROCESS
params = sft_parameters(runs, launcher=own, **sizes)
trained = train_sft(base_model(runs), sft_set(), PLAN, params)
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
"""How often each kill is tried; with 3, every signal reaches every target."""
KILLS = {
    (kind, target, time_): SIGNALS[(k + t + time_) % 3]
    for k, kind in enumerate(KINDS)
    for t, target in enumerate(TARGETS)
    for time_ in TIMES
}


def trained(process):
    said, _ = process.communicate(timeout=900)
    return said.splitlines()[-1]


def wait_for_a_checkpoint(runs, stage):
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        if list(runs.glob(f"{stage}-*/checkpoint-*/digests.json")):
            return
        time.sleep(0.02)
    raise TimeoutError("no checkpoint was written")


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: "-".join(map(str, kind)))
def whole(request, tmp_path_factory):
    """A kind of launcher, and the digest that it reaches unbroken."""
    runs = tmp_path_factory.mktemp("whole")
    return request.param, trained(python(TRAIN, runs, *request.param))


@pytest.mark.slow
@pytest.mark.parametrize("time_", TIMES)
@pytest.mark.parametrize("target", TARGETS)
def test_a_kill_leaves_no_process_and_the_next_run_goes_on(
    whole, tmp_path, target, time_
):
    kind, digest = whole
    stage = kind[0]
    parent = python(TRAIN, tmp_path, *kind)
    wait_for_a_checkpoint(tmp_path, stage)
    processes = psutil.Process(parent.pid).children(recursive=True)
    victims = {"parent": parent.pid}
    victims["launcher"] = next(p.pid for p in processes if p.ppid() == parent.pid)
    beats = [p.read_text("utf-8") for p in tmp_path.glob(f"{stage}-*/heartbeat-*.json")]
    victims["trainer"] = json.loads(random.choice(beats))["pid"]
    os.kill(victims[target], signal.Signals[KILLS[kind, target, time_]])
    _, left = psutil.wait_procs(processes, timeout=10)
    assert not [p for p in left if p.status() != psutil.STATUS_ZOMBIE]
    parent.communicate(timeout=60)
    assert trained(python(TRAIN, tmp_path, *kind)) == digest
    (result,) = tmp_path.glob(f"{stage}-*/result.json")
    assert json.loads(result.read_text("utf-8"))["resumed_from"] >= 3


@pytest.mark.slow
def test_two_runs_at_once_train_once(tmp_path):
    runs = [python(TRAIN, tmp_path, "sft", "child", 1) for _ in range(2)]
    one, other = map(trained, runs)
    assert one == other
    (history,) = tmp_path.glob("sft-*/history.jsonl")
    assert len(history.read_text("utf-8").splitlines()) == 1
