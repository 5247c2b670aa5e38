"""CEDAR's pictures by the thousand: each as it is, in its item, and paid for once."""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from ask_pictures import PARAMS, ask, items, jpeg, pictures
from loopback import Ask, Behaviour, LoopbackServer

from packs import PACKS
from psyche_kedro.llm.pictures import pictures_of, words_of
from psyche_kedro.pipelines.cedar import tables
from psyche_kedro.pipelines.cedar.alignment.scoring import score_alignment
from psyche_kedro.tables import frame

HERE = Path(__file__).parent
N, LANGUAGES = 400, 7


def awed(ask: Ask) -> Behaviour:
    return Behaviour(text="awe")


def start(url: str, store: Path, n: int = N, languages: int = LANGUAGES):
    """Ask in a process of its own."""
    arguments = [url, str(store), str(n), str(languages)]
    path = os.pathsep.join([str(HERE), str(HERE.parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, str(HERE / "ask_pictures.py"), *arguments],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def shown(body) -> tuple[tuple[int, str], str]:
    """Return the item that a request is about, and the digest of its picture."""
    [message] = body["messages"]
    n, code = re.search(r"item (\d+) (\w+)\.", words_of(message)).groups()
    [url] = pictures_of(message)
    data = base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))
    return (int(n), code), hashlib.sha256(data).hexdigest()


@pytest.mark.slow
def test_2800_requests_bring_every_picture_to_its_item_at_flat_memory(tmp_path):
    peaks = {}
    digests = [hashlib.sha256(jpeg(n)).hexdigest() for n in range(N)]
    for languages in (1, LANGUAGES):
        with LoopbackServer(awed) as server:
            process = start(server.url, tmp_path / f"{languages}.sqlite", N, languages)
            said = json.loads(process.communicate()[0])
            came = [shown(body) for body in server.bodies]
        assert said["read"] == len(came) == len(dict(came)) == N * languages
        assert all(digest == digests[n] for (n, _), digest in came)
        peaks[languages] = said["peak"]
    # Seven times the requests, the same pictures; a row of an answer is no picture.
    assert peaks[LANGUAGES] < peaks[1] + 40, peaks


@pytest.mark.slow
def test_after_a_kill_the_rest_alone_is_asked(tmp_path):
    store = tmp_path / "replies.sqlite"
    with LoopbackServer(awed) as server:
        first = start(server.url, store)
        while first.poll() is None and len(server.answered) < 1_000:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL, "it ended before it could be killed"
        sent = server.total
        again = start(server.url, store)
        said = json.loads(again.communicate()[0])
        assert said["read"] == N * LANGUAGES
        repeated = server.total - N * LANGUAGES
    assert 1_000 <= sent < N * LANGUAGES
    assert repeated <= 64, "more than what was in flight, or not yet written down"
    assert max(server.seen.values()) <= 2


def test_a_server_that_refuses_pictures_leaves_text_items_scored(tmp_path):
    def refuse(ask: Ask) -> Behaviour:
        is_picture = "image_url" in ask.content
        return Behaviour(status=400) if is_picture else Behaviour(text="awe")

    both = pl.concat(
        frame(tables.Items, items(5, 7, modality))
        for modality in ("multimodal", "text")
    )
    with LoopbackServer(refuse) as server:
        answers = ask(server.url, str(tmp_path / "replies.sqlite"), both, pictures(5))
    found = score_alignment(answers, both, both.clear(), PACKS, PARAMS).scores
    accuracy = found.filter(metric="accuracy").select("slice", "value", "n_missing")
    assert {value for name, value, _ in accuracy.rows() if "/text" in name} == {1.0}
    refused = {row[1:] for row in accuracy.rows() if "/multimodal" in row[0]}
    assert refused == {(0.0, 5)}
