from collections.abc import Iterator

import pytest
from loopback import LoopbackServer

from psyche_kedro.llm.openai import chat_model


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_known() -> None:
    """Forget who answered: a port may be given to another server of the tests."""
    chat_model._acquaintance.cache_clear()
