"""``kedro replies`` on a store with replies of two models and a failure."""

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from psyche_kedro.llm import Failure, Reply, Usage
from psyche_kedro.llm.reply_store import FailureRecord, ReplyRecord, ReplyStore
from psyche_kedro.replies_command import replies


def _key(number: int) -> str:
    return f"{number:064x}"


@pytest.fixture
def store(tmp_path: Path) -> ReplyStore:
    filled = ReplyStore(tmp_path / "r.sqlite")
    kept = [
        ReplyRecord(
            Reply(f"答案 {i}", "qwen" if i % 2 else "gpt", _key(i), usage=Usage(3, 4)),
            task="write" if i < 6 else "judge",
        )
        for i in range(10)
    ]
    failure = Failure("truncated", "finish_reason=length", _key(99), "qwen")
    lost = FailureRecord(failure, task="write", request="{}", attempts=1, body="")
    with filled.open() as session:
        session.commit([*kept, lost])
    return filled


def _run(store: ReplyStore, *arguments: str) -> Result:
    return CliRunner().invoke(replies, ["--store", str(store.path), *arguments])


def test_show_counts_by_model_and_task(store: ReplyStore) -> None:
    shown = _run(store, "show").output
    assert "gpt · judge: 2 replies, 6 + 8 tokens" in shown
    assert "qwen · write: 3 replies, 9 + 12 tokens" in shown
    assert "qwen · write: 1 failed (truncated)" in shown


def test_prune_removes_one_models_replies_of_one_task(store: ReplyStore) -> None:
    assert (
        "3 replies removed"
        in _run(store, "prune", "--model", "qwen", "--task", "write").output
    )
    assert "qwen · write: 3 replies" not in _run(store, "show").output


def test_prune_refuses_to_remove_everything(store: ReplyStore) -> None:
    result = _run(store, "prune")
    assert result.exit_code == 1
    assert "needs a --model or a --task" in result.output


def test_retry_forgets_failures_of_a_reason(store: ReplyStore) -> None:
    assert "0 requests" in _run(store, "retry", "--reason", "content_filter").output
    assert "1 requests" in _run(store, "retry", "--reason", "truncated").output
    assert "failed" not in _run(store, "show").output


def test_an_export_fills_an_empty_store_once(store: ReplyStore, tmp_path: Path) -> None:
    file, other = tmp_path / "all.jsonl", ReplyStore(tmp_path / "other.sqlite")
    assert "10 replies written" in _run(store, "export", str(file)).output
    assert "10 replies added" in _run(other, "import", str(file)).output
    assert "0 replies added" in _run(other, "import", str(file)).output
    with store.open() as ours, other.open() as theirs:
        keys = [_key(i) for i in range(10)]
        assert ours.look_up(keys) == theirs.look_up(keys)


def test_a_file_that_is_no_export_is_named_by_its_line(
    store: ReplyStore, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text(json.dumps({"key": "zz"}) + "\n")
    result = _run(store, "import", str(file))
    assert "Line 1 of" in result.output
    assert result.exit_code == 1


def test_verify_finds_a_reply_that_cannot_be_read(store: ReplyStore) -> None:
    assert "is sound" in _run(store, "verify").output
    raw = sqlite3.connect(store.path)
    raw.execute("UPDATE replies SET text = x'00' WHERE key = ?", [bytes(31) + b"\x03"])
    raw.commit()
    raw.close()
    result = _run(store, "verify")
    assert result.exit_code == 1
    assert f"reply {_key(3)} does not decompress" in result.output


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    result = _run(ReplyStore(tmp_path / "none.sqlite"), "show")
    assert "There is no reply store at" in result.output
