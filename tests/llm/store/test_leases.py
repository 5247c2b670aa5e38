"""Two runs over one store pay once: the second waits for what the first asks."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from psyche_kedro.llm.store import leases
from psyche_kedro.llm.store.leases import SharedLeases, Unshared

A, B, C = ("aa" * 32, "bb" * 32, "cc" * 32)
ANOTHER = """
import sys
from pathlib import Path
from psyche_kedro.llm.store.leases import SharedLeases
with SharedLeases(Path(sys.argv[1])) as leases:
    print(len(leases.claim(sys.argv[2:])), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "replies.sqlite"


class Another:
    """A process that claims keys until it is told to end."""

    def __init__(self, path: Path, *keys: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ANOTHER, str(path), *keys],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.claimed = int(self.process.stdout.readline())

    def __enter__(self) -> "Another":
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.communicate()


def test_what_another_process_asks_for_is_not_claimed(path):
    with Another(path, A, B) as other, SharedLeases(path) as mine:
        assert other.claimed == 2
        assert mine.claim([A, B, C]) == {C}


def test_what_it_gave_back_is_free(path):
    with SharedLeases(path) as mine:
        with Another(path, A):
            assert mine.claim([A]) == frozenset()
        assert mine.claim([A]) == {A}
        with Another(path, A) as other:
            assert other.claimed == 0
        mine.release([A])
        with Another(path, A) as other:
            assert other.claimed == 1


def test_what_a_killed_process_claimed_is_free_at_once(path):
    with SharedLeases(path) as mine, Another(path, A) as other:
        assert mine.claim([A]) == frozenset()
        other.process.kill()
        other.process.wait()
        assert mine.claim([A]) == {A}


def test_on_another_host_the_heart_tells_who_lives(path, monkeypatch):
    with SharedLeases(path) as mine, Another(path, A):
        monkeypatch.setattr(leases.socket, "gethostname", lambda: "another")
        assert mine.claim([A]) == frozenset()
        later = time.time() + 120
        monkeypatch.setattr(leases.time, "time", lambda: later)
        assert mine.claim([A]) == {A}


def test_the_batches_of_one_process_do_not_wait_for_each_other(path):
    with SharedLeases(path) as one, SharedLeases(path) as two:
        assert one.claim([A]) == two.claim([A]) == {A}


def test_a_file_that_a_power_cut_spoilt_is_made_anew(path):
    folder = path.with_name("replies.sqlite.leases")
    folder.mkdir()
    (folder / "leases.sqlite").write_bytes(b"torn" * 1_000)
    with SharedLeases(path) as mine:
        assert mine.claim([A]) == {A}


def test_nothing_is_made_where_nothing_is_asked(path):
    with SharedLeases(path) as mine:
        mine.release([A])
    assert not list(path.parent.iterdir())


def test_locks_go_with_their_batches(path):
    with SharedLeases(path) as mine:
        mine.claim([A])
    assert not list(path.parent.glob("*/*.lock"))


def test_a_model_that_costs_nothing_waits_for_nobody():
    with Unshared() as mine:
        assert mine.claim([A, B]) == {A, B}
