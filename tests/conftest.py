"""What several test modules share: one run of the whole chain on the sample."""

from pathlib import Path
from typing import Any

import hypothesis
import pytest

from psyche_kedro.llm.store.reply_store import ReplyStore
from whole_run import Run, run_kedro

# A busy machine is no failure.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


WHOLE_CHAIN = {
    "test_by_yaml_alone.py",
    "test_demo.py",
    "test_kill.py",
    "test_mixed_runs.py",
    "test_notebooks.py",
    "test_tables.py",
    "test_trace.py",
}
"""Modules that share one run of the chain, and so one worker."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Run:
    """The whole chain, once, on the bundled sample with the offline model."""
    data = tmp_path_factory.mktemp("demo")
    result = run_kedro("run", "--params", f"data={data}", data=data)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return Run(data, result.stdout + result.stderr)


@pytest.fixture
def store(tmp_path: Path) -> ReplyStore:
    return ReplyStore(tmp_path / "replies.sqlite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of the whole chain first: they take longest."""
    items.sort(key=lambda item: _module(item.nodeid) not in WHOLE_CHAIN)
    strangers = {
        _module(item.nodeid)
        for item in items
        if "demo" in getattr(item, "fixturenames", ())
    } - WHOLE_CHAIN
    assert not strangers, f"{strangers} would run the chain again: name them here"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let tests that share a fixture share a worker.

    xdist 3.8 has a mark for it that pytest 9.2's node ids leave without effect.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Shared(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = _module(nodeid)
            return "the whole chain" if module in WHOLE_CHAIN else module

    return Shared(config, log)


def _module(nodeid: str) -> str:
    return Path(nodeid.split("::", maxsplit=1)[0]).name
