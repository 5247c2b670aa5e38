"""A run over an endpoint that spoils one call in five, killed three times.

It must end with the tables of a run that nothing disturbed; and where a student's calls
fail for good on some questions, these enter no set until they are answered.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from llm.loopback import Ask, Behaviour, LoopbackServer
from psyche_kedro.offline.brain import ROLES, OfflineBrain
from psyche_kedro.tables import content_id
from whole_run import ACCOUNTS, ROOT, Run, run_kedro, tracking

pytestmark = pytest.mark.slow

CHAPTERS = "ingestion,cleaning,synthesis,selection"
BRAINS = {f"offline-{role}": OfflineBrain(role) for role in ROLES}
PATIENCE = "{timeout_seconds: 3, backoff_seconds: 0.02}"

SPOILT: dict[str, Behaviour] = {
    "429": Behaviour(status=429),
    "429, Retry-After": Behaviour(status=429, headers={"retry-after": "0.2"}),
    "500": Behaviour(status=500),
    "stall": Behaviour(latency=5.0),
    "cut JSON": Behaviour(body=b'{"choices": [{"message": {"cont'),
    "empty": Behaviour(text=""),
    # It thinks before it answers: three of them before any right answer stop a run.
    "another model": Behaviour(text="A", model="other-7b", latency=0.2),
    "reset": Behaviour(cut=40),
    "HTML page": Behaviour(body=b"<html><title>502 Bad Gateway</title></html>"),
}
FINAL = {
    "500 for good": Behaviour(status=500),
    "filtered": Behaviour(status=400, body=b'{"error": {"code": "content_filter"}}'),
    "truncated": Behaviour(text="选", finish_reason="length"),
}


class Call(NamedTuple):
    """What the endpoint was asked: equal calls are one that was asked again."""

    model: str
    key: str
    seed: int

    @property
    def is_regeneration(self) -> bool:
        """Whether it is a second or later attempt at a rationale."""
        return 1_000 <= self.seed < 1_000_000

    @property
    def is_refinement(self) -> bool:
        return self.seed >= 2_000_000


class Endpoint:
    """The offline models behind a door that is at times out of order.

    Attributes:
        spoils: Whether one call in five is spoilt, each call three times at most.
        fails: Whether student b fails for good on one question in eight.
    """

    def __init__(self) -> None:
        self.spoils = self.fails = False
        self.calls: list[Call] = []
        self.answered: Counter[Call] = Counter()
        self.spoilt: Counter[str] = Counter()
        self._seen: Counter[Call] = Counter()
        self._lock = threading.Lock()

    def __call__(self, ask: Ask) -> Behaviour:
        body = ask.body
        messages, seed = body["messages"], body.get("seed") or 0
        call = Call(body["model"], content_id(str(messages)), seed)
        with self._lock:
            self.calls.append(call)
            self._seen[call] += 1
            if fault := self._fault(call):
                self.spoilt[fault] += 1
                return (SPOILT | FINAL)[fault]
            self.answered[call] += 1
        sampling = {"temperature": body.get("temperature")}
        text = BRAINS[call.model].answer(messages, sampling=sampling, seed=seed)
        return Behaviour(text=text, latency=0.005)

    def _fault(self, call: Call) -> str | None:
        luck = random.Random(content_id(*map(str, call)))
        if self.fails and call.model == "offline-student-b" and luck.random() < 1 / 8:
            return luck.choice(list(FINAL))
        if not self.spoils or self._seen[call] > 3:
            return None
        luck = random.Random(content_id(*map(str, call), str(self._seen[call])))
        # Two empty replies in a row are an answer, not an accident.
        kinds = [k for k in SPOILT if k != "empty" or self._seen[call] == 1]
        return luck.choice(kinds) if luck.random() < 0.2 else None


@pytest.fixture(scope="module")
def conf(tmp_path_factory) -> Path:
    """The project's configuration; its endpoint is given up on within seconds."""
    folder = tmp_path_factory.mktemp("conf") / "conf"
    shutil.copytree(ROOT / "conf", folder)
    entries = folder / "endpoint/catalog/models.yml"
    text = entries.read_text(encoding="utf-8")
    patient = text.replace(
        "  credentials: endpoint\n",
        f"  credentials: endpoint\n  patience: {PATIENCE}\n",
    )
    assert patient != text
    entries.write_text(patient, encoding="utf-8")
    return folder


class Disturbed(NamedTuple):
    """What a run left, when a student's last calls had failed and when all had come.

    Attributes:
        kills: How many calls each killed run had sent.
        failed: Tables of the run in which student b failed for good.
        healed: Tables of the run after it.
        output: What the run with the failures printed.
    """

    endpoint: Endpoint
    kills: list[int]
    failed: dict[str, pl.DataFrame]
    healed: dict[str, pl.DataFrame]
    output: str


@contextmanager
def served(endpoint: Endpoint) -> Iterator[dict[str, str]]:
    with LoopbackServer(endpoint) as server:
        server.models = lambda: [{"id": name} for name in BRAINS]
        yield {"PSYCHE_BASE_URL": server.url, "PSYCHE_API_KEY": "none"}


def arguments(conf: Path, data: Path) -> list[str]:
    where = [f"--conf-source={conf}", "--env=endpoint"]
    return ["run", *where, f"--pipelines={CHAPTERS}", "--params", f"data={data}"]


def run_to_end(conf: Path, data: Path, environment: dict[str, str]) -> str:
    result = run_kedro(*arguments(conf, data), data=data, **environment)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output[-4000:]
    return output


def kill_when(
    reached: Callable[[], bool], conf: Path, data: Path, environment: dict[str, str]
) -> None:
    command = [sys.executable, "tests/recorded_run.py", str(data / "requests.jsonl")]
    log = data / "killed.log"
    with log.open("w") as out:
        run = subprocess.Popen(
            [*command, *arguments(conf, data)],
            cwd=ROOT,
            env=os.environ | tracking(data) | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        while run.poll() is None and not reached():
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    assert run.wait(timeout=30) == -signal.SIGKILL, log.read_text()[-2000:]


def tables_of(data: Path) -> dict[str, pl.DataFrame]:
    run = Run(data, "")
    names = {name.partition("/")[0] for name in run.paths}
    return {name: run.table(name) for name in names - ACCOUNTS}


@pytest.fixture(scope="module")
def undisturbed(conf, tmp_path_factory) -> dict[str, pl.DataFrame]:
    data = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    with served(Endpoint()) as environment:
        run_to_end(conf, data, environment)
    sys.stderr.write(f"undisturbed: {time.monotonic() - began:.0f} s\n")
    return tables_of(data)


@pytest.fixture(scope="module")
def disturbed(conf, tmp_path_factory) -> Disturbed:
    data = tmp_path_factory.mktemp("disturbed")
    endpoint = Endpoint()
    endpoint.spoils = endpoint.fails = True

    def sent(is_meant: Callable[[Call], bool]) -> int:
        return sum(map(is_meant, list(endpoint.calls)))

    moments: list[Callable[[], bool]] = [
        lambda: sent(lambda call: call.is_regeneration) > 20,
        lambda: sent(lambda call: call.is_refinement) > 20,
        lambda: sent(lambda call: call.model == "offline-student-b") > 20,
    ]
    kills = []
    began = time.monotonic()
    with served(endpoint) as environment:
        for reached in moments:
            kill_when(reached, conf, data, environment)
            kills.append(len(endpoint.calls))
        output = run_to_end(conf, data, environment)
        failed = tables_of(data)
        endpoint.fails = False
        run_kedro(
            "replies", "--store", str(data / "replies.sqlite"), "retry", data=data
        )
        run_to_end(conf, data, environment)
    tell(endpoint, kills, time.monotonic() - began)
    return Disturbed(endpoint, kills, failed, tables_of(data), output)


def tell(endpoint: Endpoint, kills: list[int], seconds: float) -> None:
    """Print the figures of the disturbed runs."""
    again = sum(n - 1 for n in endpoint.answered.values())
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(endpoint.spoilt.items()))
    sys.stderr.write(
        f"disturbed: {seconds:.0f} s, {len(endpoint.calls)} calls, killed after "
        f"{', '.join(map(str, kills))}; {endpoint.spoilt.total()} spoilt ({kinds}); "
        f"{len(endpoint.answered)} answered, {again} of them again\n"
    )


def test_the_endpoint_was_as_bad_as_it_was_meant_to_be(disturbed):
    spoilt = disturbed.endpoint.spoilt
    assert set(spoilt) == {*SPOILT, *FINAL}
    assert 0.15 < spoilt.total() / len(disturbed.endpoint.calls) < 0.25


def test_what_was_answered_is_asked_again_only_if_it_was_in_flight(disturbed):
    again = sum(n - 1 for n in disturbed.endpoint.answered.values())
    assert again <= 3 * 128


def test_the_tables_are_those_of_the_run_that_nothing_disturbed(disturbed, undisturbed):
    assert disturbed.healed.keys() == undisturbed.keys()
    assert not [
        name
        for name, table in undisturbed.items()
        if not disturbed.healed[name].equals(table)
    ]


def test_a_question_whose_student_failed_is_in_no_set_and_counted(disturbed):
    answers = disturbed.failed["student_answers"].filter(student="b")
    failed = set(answers.filter(outcome="failed")["question_id"])
    held_out = disturbed.failed["held_out_questions"]
    assert set(answers["reason"].drop_nulls()) == {
        "server_error",
        "content_filter",
        "truncated",
    }
    assert set(held_out["question_id"]) == failed
    assert set(held_out["reason"]) == {"awaiting_student"}
    assert f"{len(failed)} questions enter neither set" in disturbed.output
    trained_on = pl.concat(
        disturbed.failed[name]["parent_id"] for name in ("sft_set", "grpo_set")
    )
    assert not failed & set(trained_on)


def test_a_failure_moves_no_question_to_another_set(disturbed, undisturbed):
    for name in ("challenging", "non_challenging", "sft_set", "grpo_set"):
        key = "example_id" if name.endswith("_set") else "question_id"
        here, there = disturbed.failed[name][key], undisturbed[name][key]
        assert set(here) < set(there), name
