from collections.abc import Iterator

import pytest
from loopback import LoopbackServer

from psyche_kedro.llm.openai import chat_model, lanes


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_known() -> Iterator[None]:
    """Forget who answered, and who rests: a port may be another server's soon."""
    chat_model._acquaintance.cache_clear()
    yield
    lanes._bearing_of.cache_clear()
