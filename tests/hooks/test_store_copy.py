"""The replies of a machine that does not last are taken from a URL, and left there."""

from types import SimpleNamespace

import pytest

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks.store_copy import StoreCopy
from psyche_kedro.llm import Reply
from psyche_kedro.llm.store.reply_store import ReplyRecord, ReplyStore


def machine(store, copy) -> StoreCopy:
    """A run's hook on a machine with its own disk."""
    hook = StoreCopy()
    roots = {"store": str(store), "store_copy": copy and str(copy)}
    loader = SimpleNamespace(roots=roots)
    hook.after_context_created(SimpleNamespace(config_loader=loader))
    return hook


def pay(store, *numbers: int) -> None:
    replies = [Reply(f"答 {n}", "m", f"{n:064x}") for n in numbers]
    with ReplyStore(store).open() as session:
        session.commit([ReplyRecord(reply, "write") for reply in replies])


def held(store) -> int:
    with ReplyStore(store).open() as session:
        return session.rows("SELECT count(*) FROM replies")[0][0]


@pytest.mark.parametrize("how", ["after_pipeline_run", "on_pipeline_error"])
@pytest.mark.parametrize("url", ["{}/copy.jsonl", "file://{}/copy.jsonl"])
def test_a_fresh_machine_pays_nothing_again(tmp_path, how, url):
    copy = url.format(tmp_path)
    first = machine(tmp_path / "a.sqlite", copy)
    first.before_pipeline_run()
    pay(tmp_path / "a.sqlite", 1, 2)
    getattr(first, how)()
    machine(tmp_path / "b.sqlite", copy).before_pipeline_run()
    assert held(tmp_path / "b.sqlite") == 2


def test_what_two_machines_paid_at_once_is_all_kept(tmp_path):
    copy = tmp_path / "copy.jsonl"
    one, two = (machine(tmp_path / f"{name}.sqlite", copy) for name in "ab")
    one.before_pipeline_run()
    two.before_pipeline_run()
    pay(tmp_path / "a.sqlite", 1)
    pay(tmp_path / "b.sqlite", 2)
    one.after_pipeline_run()
    two.after_pipeline_run()
    machine(tmp_path / "c.sqlite", copy).before_pipeline_run()
    assert held(tmp_path / "c.sqlite") == 2


def test_a_copy_that_cannot_be_read_stops_the_run(tmp_path):
    (tmp_path / "copy.jsonl").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        machine(tmp_path / "a.sqlite", tmp_path / "copy.jsonl").before_pipeline_run()


def test_a_copy_that_cannot_be_written_is_a_warning(tmp_path, caplog):
    copy = tmp_path / "copy.jsonl"
    hook = machine(tmp_path / "a.sqlite", copy)
    hook.before_pipeline_run()
    copy.mkdir()
    hook.after_pipeline_run()
    assert "could not be copied" in caplog.text


def test_without_one_nothing_is_written(tmp_path):
    hook = machine(tmp_path / "a.sqlite", None)
    hook.before_pipeline_run()
    hook.after_pipeline_run()
    assert list(tmp_path.iterdir()) == []
