"""What several test modules share: one run of the whole chain on the sample."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from psyche_kedro.llm.store.reply_store import ReplyStore
from whole_run import Run, run_kedro

# A busy machine is no failure.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


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


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Let tests that share a fixture share a worker, those of the whole chain first.

    As a wrapper: xdist, which may be called first, puts the group into a test's name.
    """
    items.sort(key=lambda item: "demo" not in item.fixturenames)
    for item in items:
        module = item.nodeid.split("::")[0]
        group = "demo" if "demo" in item.fixturenames else module
        item.add_marker(pytest.mark.xdist_group(group))
    yield
