"""Nothing that was answered is lost or asked again: kills, crowds, broken disks."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from asking import ask
from loopback import Ask, Behaviour, LoopbackServer

import psyche_kedro
from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.engine import MOST_UNCOMMITTED
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.store.reply_store import ReplyStore, address_request

SOURCE = str(Path(psyche_kedro.__file__).parents[1])


def _start(
    server: LoopbackServer, store: Path, first: int, last: int, concurrency: int = 64
) -> subprocess.Popen[str]:
    script = str(Path(__file__).parents[1] / "ask_many.py")
    numbers = [str(first), str(last), str(concurrency)]
    return subprocess.Popen(
        [sys.executable, script, server.url, str(store), *numbers],
        env={**os.environ, "PYTHONPATH": SOURCE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


def _wait_for(server: LoopbackServer, contents: int) -> None:
    while len(server.seen) < contents:
        time.sleep(0.005)


def _kill_and_resume(
    tmp_path: Path, *, requests: int, kills: int
) -> tuple[LoopbackServer, Counter[str], dict[str, object]]:
    """Kill a run at random moments; return what was open at the kills."""
    moments = sorted(random.Random(3).sample(range(50, requests - 50), kills))
    excused: Counter[str] = Counter()
    with LoopbackServer(lambda _: Behaviour(latency=0.02)) as server:
        for moment in moments:
            process = _start(server, tmp_path / "r.sqlite", 0, requests)
            _wait_for(server, moment)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            excused.update(_not_stored(tmp_path / "r.sqlite", requests))
        result = _finish(_start(server, tmp_path / "r.sqlite", 0, requests))
    return server, excused, result


def _not_stored(path: Path, requests: int) -> set[str]:
    """Return what a kill left to be asked, for the first time or again."""
    texts = [f"question {i}" for i in range(requests)]
    keys = {address_request("m", {}, ask(text)): f"{text}#0" for text in texts}
    with ReplyStore(path).open() as session:
        stored = session.look_up(list(keys))
    return {content for key, content in keys.items() if key not in stored}


def _check_resumed(tmp_path: Path, *, requests: int, kills: int) -> int:
    server, excused, result = _kill_and_resume(tmp_path, requests=requests, kills=kills)
    assert len(server.seen) == requests
    repeated = {c: n for c, n in server.seen.items() if n > 1}
    assert all(n <= 1 + excused[content] for content, n in repeated.items())
    with LoopbackServer() as quiet:
        straight = _finish(_start(quiet, tmp_path / "straight.sqlite", 0, requests))
    assert result == straight
    repeats = server.total - requests
    assert repeats <= kills * (64 + MOST_UNCOMMITTED)  # on the wire, or not yet stored
    return repeats


def test_a_killed_run_repeats_only_what_was_in_flight(tmp_path: Path) -> None:
    _check_resumed(tmp_path, requests=400, kills=1)


@pytest.mark.slow
def test_ten_kills_in_five_thousand_requests(tmp_path: Path) -> None:
    repeated = _check_resumed(tmp_path, requests=5_000, kills=10)
    sys.stderr.write(f"10 kills: {repeated} of 5000 requests were sent again\n")


@pytest.mark.parametrize("requests", [100, pytest.param(5_000, marks=pytest.mark.slow)])
def test_two_processes_share_one_store(tmp_path: Path, requests: int) -> None:
    with LoopbackServer(lambda _: Behaviour(latency=0.01)) as server:
        one = _start(server, tmp_path / "r.sqlite", 0, requests, 32)
        two = _start(server, tmp_path / "r.sqlite", 0, requests, 32)
        first, second = _finish(one), _finish(two)
    assert first == second
    assert len(server.seen) == server.total == requests
    with ReplyStore(tmp_path / "r.sqlite").open() as session:
        assert session.rows("PRAGMA integrity_check") == [("ok",)]


def test_what_the_other_process_did_not_get_is_asked_by_this_one(
    tmp_path: Path,
) -> None:
    with LoopbackServer(lambda _: Behaviour(latency=60)) as server:
        stalled = _start(server, tmp_path / "r.sqlite", 0, 40, 40)
        _wait_for(server, 40)
        server.script = lambda _: Behaviour(latency=0.01)
        waiting = _start(server, tmp_path / "r.sqlite", 0, 50)
        _wait_for(server, 50)
        stalled.kill()
        stalled.communicate()
        assert _finish(waiting)["failed"] == {}
    assert server.total == 40 + 50


def test_both_processes_return_the_reply_that_came_first(store: ReplyStore) -> None:
    def script(seen: Ask) -> Behaviour:
        return Behaviour(text=f"answer {seen.nth}", until=lambda: server.total >= 2)

    with LoopbackServer(script) as server:
        # Both look up before either stores: a slow server and no shared memory.
        code = (
            "import sys, threading; sys.path.insert(0, sys.argv[3]);"
            "from asking import ask;"
            "from psyche_kedro.llm.openai.endpoints import Endpoint;"
            "from psyche_kedro.llm.openai.chat_model import OpenAIChatModel as M;"
            "from psyche_kedro.llm.store.reply_store import ReplyStore as S;"
            "e = Endpoint(base_url=sys.argv[1]);"
            "m = [M('m', endpoints=[e], store=S(sys.argv[2])) for _ in 'ab'];"
            "out = {};"
            "f = lambda i: out.update({i: m[i].complete([ask('q')])[0].text});"
            "t = [threading.Thread(target=f, args=(i,)) for i in (0, 1)];"
            "[x.start() for x in t]; [x.join() for x in t];"
            "assert out[0] == out[1], out"
        )
        folder = str(Path(__file__).parents[1])
        subprocess.run(
            [sys.executable, "-c", code, server.url, str(store.path), folder],
            env={**os.environ, "PYTHONPATH": SOURCE},
            check=True,
        )
        assert server.total == 2


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 2 MB, where this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _long_answers(seen: Ask) -> Behaviour:
    noise = random.Random(seen.content).randbytes(6_000).hex()
    return Behaviour(text=noise)


def test_a_full_disk_stops_in_one_sentence_and_loses_nothing(small_disk: Path) -> None:
    store = ReplyStore(small_disk / "r.sqlite")
    with LoopbackServer(_long_answers) as server:
        model = OpenAIChatModel(
            "m", endpoints=[Endpoint(base_url=server.url)], store=store
        )
        with pytest.raises(ChatModelError, match=r"full.*free some space") as caught:
            model.complete(ask(str(i)) for i in range(1_000))
        assert "\n" not in str(caught.value)
        subprocess.run(["mount", "-o", "remount,size=30m", str(small_disk)], check=True)
        kept = _stored(store)
        assert kept > 50
        before = server.total
        assert len(model.complete(ask(str(i)) for i in range(1_000))) == 1_000
        assert server.total - before == 1_000 - kept


def test_a_disk_that_is_full_already_stops_in_one_sentence(small_disk: Path) -> None:
    store = ReplyStore(small_disk / "r.sqlite")
    with store.open():
        pass
    with contextlib.suppress(OSError):
        (small_disk / "fill").write_bytes(bytes(3_000_000))
    with LoopbackServer() as server:
        model = OpenAIChatModel(
            "m", endpoints=[Endpoint(base_url=server.url)], store=store
        )
        with pytest.raises(ChatModelError, match=r"disk is full.*same command again"):
            model.complete([ask("q")])
    assert server.total == 0


def test_a_read_only_disk_stops_in_one_sentence(small_disk: Path) -> None:
    store = ReplyStore(small_disk / "r.sqlite")
    with LoopbackServer() as server:
        model = OpenAIChatModel(
            "m", endpoints=[Endpoint(base_url=server.url)], store=store
        )
        model.complete([ask("q")])
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with pytest.raises(ChatModelError, match="make its folder"):
            model.complete([ask("q"), ask("r")])
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        assert len(model.complete([ask("q")])) == 1
        assert server.seen["q#0"] == 1


def test_a_truncated_file_stops_in_one_sentence(store: ReplyStore) -> None:
    with LoopbackServer(_long_answers) as server:
        model = OpenAIChatModel(
            "m", endpoints=[Endpoint(base_url=server.url)], store=store
        )
        model.complete(ask(str(i)) for i in range(200))
        half = store.path.stat().st_size // 2
        os.truncate(store.path, half)
        with pytest.raises(ChatModelError, match=r"malformed.*\.recover") as caught:
            model.complete(ask(str(i)) for i in range(200))
        assert "\n" not in str(caught.value)
        # What is left is neither overwritten nor asked again on the quiet.
        assert (store.path.stat().st_size, server.total) == (half, 200)


def _stored(store: ReplyStore) -> int:
    with store.open() as session:
        return session.rows("SELECT count(*) FROM replies")[0][0]
