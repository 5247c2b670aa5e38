from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import LoopbackServer

from psyche_kedro.llm.reply_store import ReplyStore


@pytest.fixture
def store(tmp_path: Path) -> ReplyStore:
    return ReplyStore(tmp_path / "replies.sqlite")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running
